-- What a reader sees while the daemon tails: how far the live read models of such names are, and since when.
--
-- Rows and checkpoint of a window become visible by one commit, so the smallest live checkpoint says which events a
-- reader sees. It is sampled about every half millisecond, each time in a transaction of its own (a long one would hold
-- vacuum back and change what is measured); a change is stamped after it was seen, so that the time errs upwards. Ends
-- when the given time has passed.
--
-- Leaves benchmark.visible (seen, position).

CREATE SCHEMA IF NOT EXISTS benchmark;
DROP TABLE IF EXISTS benchmark.visible;
CREATE UNLOGGED TABLE benchmark.visible (seen timestamptz NOT NULL, position bigint NOT NULL);

CREATE OR REPLACE PROCEDURE benchmark.sample(models text[], until timestamptz) LANGUAGE plpgsql AS
$$
DECLARE
    seen timestamptz[] := '{}';
    positions bigint[] := '{}';
    latest bigint := -1;
    now_at bigint;
BEGIN
    WHILE clock_timestamp() < until LOOP
        SELECT min(c.position) INTO now_at
        FROM refold.projections AS p JOIN refold.checkpoints AS c ON c.generation = p.live WHERE p.name = ANY (models);
        IF now_at > latest THEN
            seen := seen || clock_timestamp();
            positions := positions || now_at;
            latest := now_at;
        END IF;
        COMMIT;
        PERFORM pg_sleep(0.0003);
    END LOOP;
    INSERT INTO benchmark.visible SELECT * FROM unnest(seen, positions);
END
$$;
