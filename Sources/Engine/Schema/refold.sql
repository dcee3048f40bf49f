-- Refold's own bookkeeping. Every statement may run again; `refold migrate` runs them under one advisory lock.

CREATE SCHEMA IF NOT EXISTS refold;
CREATE SCHEMA IF NOT EXISTS refold_data;
CREATE SCHEMA IF NOT EXISTS read_models;

-- The pointer: which generation of a projection is live. Views read it, so pointing is an UPDATE of one row.
CREATE TABLE IF NOT EXISTS refold.projections (
    name text PRIMARY KEY,
    live bigint,
    -- The generation that was live before, for rollback.
    kept bigint,
    -- Raised at every move of the pointer; each move states the revision that it read.
    revision bigint NOT NULL DEFAULT 0,
    pointed_at timestamptz
);

-- Generation numbers are never used twice, so they come from a sequence.
CREATE SEQUENCE IF NOT EXISTS refold.generation_numbers;

CREATE TABLE IF NOT EXISTS refold.generations (
    generation bigint PRIMARY KEY,
    projection text NOT NULL REFERENCES refold.projections (name),
    version integer NOT NULL,
    -- Hash of the tables and of the settings that change the fold.
    identity text NOT NULL,
    -- building: being folded; ready: folded, the pointer moved meanwhile; pointed: is or was live; retired: to be dropped.
    state text NOT NULL CHECK (state IN ('building', 'ready', 'pointed', 'retired')),
    -- memory: row versions are appended, a resume loads the newest; settled: keyed tables, rows are replaced.
    phase text NOT NULL CHECK (phase IN ('memory', 'settled')),
    -- The head of the log when the rebuild began.
    target bigint,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    pointed_at timestamptz,
    -- When the pointer left it.
    left_at timestamptz,
    -- The transaction in which it did: snapshots that do not see it as committed may still read the generation.
    left_xid xid8,
    -- Why it is stopped, and where.
    stopped_at bigint,
    cause text,
    last_error text,
    last_error_at timestamptz
);

-- One row for each generation, updated with every commit window.
CREATE TABLE IF NOT EXISTS refold.checkpoints (
    generation bigint PRIMARY KEY REFERENCES refold.generations (generation) ON DELETE CASCADE,
    -- The last global position whose effects are committed.
    position bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    -- Events a second over the last window.
    rate double precision
) WITH (fillfactor = 40);

-- Processes that own generations, or could: one lease each, renewed every third of the lease time. Judged by this
-- server's clock, and within one run of it only.
CREATE TABLE IF NOT EXISTS refold.owners (
    id uuid PRIMARY KEY,
    host text NOT NULL,
    -- With these three a process of the same machine is known to be dead before its lease ends.
    boot text NOT NULL,
    pid_namespace text NOT NULL,
    started bigint NOT NULL,
    pid integer NOT NULL,
    -- Projections with the identities under which it can tail them, as "name identity"; empty for a process that does
    -- not tail.
    tails text[] NOT NULL DEFAULT '{}',
    lease_milliseconds bigint NOT NULL,
    server_run uuid,
    renewed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A number known only to the process that drew it: a counter would repeat values after a failover.
CREATE OR REPLACE FUNCTION refold.new_fencing_value() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint
$$;

-- Older installations lack columns, and have some that nobody reads any more. Looked for first: ALTER waits for
-- every open transaction that has used the table. An older binary that still runs finds its next commit refused
-- (refold.advance), and what it would do to own a generation fails for want of its columns.
DO $$
DECLARE
    has_columns text[];
BEGIN
    SELECT array_agg(c.relname || '.' || a.attname) INTO has_columns
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = 'refold'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped;
    IF 'generations.left_xid' <> ALL (has_columns) THEN
        ALTER TABLE refold.generations ADD COLUMN left_xid xid8;
    END IF;
    IF 'generations.log_id' <> ALL (has_columns) THEN
        ALTER TABLE refold.generations
            ADD COLUMN log_id bigint, ADD COLUMN first_event bigint, ADD COLUMN waiting_for text,
            ADD COLUMN readable_at timestamptz;
        UPDATE refold.generations SET readable_at = pointed_at WHERE state = 'pointed' AND phase = 'settled';
        COMMENT ON COLUMN refold.generations.log_id IS 'the log it is folded from (refold.logs)';
        COMMENT ON COLUMN refold.generations.readable_at IS 'from then on no statement overlooks its rows';
        COMMENT ON COLUMN refold.generations.waiting_for IS 'why its owner does not get on, and tries again';
        COMMENT ON COLUMN refold.generations.first_event IS 'the first position that held an event when it was begun';
    END IF;
    IF 'owners.waiting_for' <> ALL (has_columns) THEN
        ALTER TABLE refold.owners ADD COLUMN waiting_for jsonb;
        COMMENT ON COLUMN refold.owners.waiting_for IS 'what its sessions wait for: by projection, under "" for all';
    END IF;
    IF 'checkpoints.fencing_value' <> ALL (has_columns) THEN
        ALTER TABLE refold.checkpoints
            DROP COLUMN IF EXISTS epoch, DROP COLUMN IF EXISTS owner_host, DROP COLUMN IF EXISTS owner_pid,
            DROP COLUMN IF EXISTS heartbeat_at, DROP COLUMN IF EXISTS owner_since,
            -- What a commit has to know. Changed when an owner takes the generation and when the pointer moves.
            ADD COLUMN fencing_value bigint NOT NULL DEFAULT refold.new_fencing_value(),
            ADD COLUMN owner uuid,
            ADD COLUMN owner_since timestamptz,
            -- The last event at or below the position: by it the log is known again.
            ADD COLUMN anchor_position bigint,
            ADD COLUMN anchor text;
    END IF;
    IF 'checkpoints.emissions_after' <> ALL (has_columns) THEN
        ALTER TABLE refold.checkpoints ADD COLUMN emissions_after bigint;
        COMMENT ON COLUMN refold.checkpoints.emissions_after IS
            'what its events emit has been collected from here on; null while nothing was';
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS refold.dead_letters (
    projection text NOT NULL,
    generation bigint NOT NULL REFERENCES refold.generations (generation) ON DELETE CASCADE,
    position bigint NOT NULL,
    event_id uuid,
    event_type text NOT NULL,
    error text NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (generation, position)
);

-- Moves a checkpoint by compare-and-set. The exception ends the window's transaction: another process owns the
-- generation now, or the pointer moved.
CREATE OR REPLACE FUNCTION refold.advance(
    of_generation bigint, from_position bigint, to_position bigint, known_fencing_value bigint, applied bigint,
    at_rate double precision, last_position bigint, last_event text
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE refold.checkpoints
       SET position = to_position, events = events + applied, rate = coalesce(at_rate, rate),
           anchor_position = coalesce(last_position, anchor_position), anchor = coalesce(last_event, anchor)
     WHERE generation = of_generation AND position = from_position AND fencing_value = known_fencing_value;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % has another owner or stands elsewhere', of_generation
            USING ERRCODE = 'RF001';
    END IF;
END $$;

-- Up to where each projection has emitted events, whichever of its generations was live at the time.
CREATE TABLE IF NOT EXISTS refold.emitters (
    projection text PRIMARY KEY REFERENCES refold.projections (name),
    -- The first position whose event may emit.
    emits_from bigint NOT NULL,
    -- What events up to here have emitted is in the outbox as ready, or in the log.
    emitted_through bigint NOT NULL,
    -- The log whose positions these are (refold.logs); null until it is known.
    log_id bigint
) WITH (fillfactor = 40);

-- Emitted events on their way to the log.
CREATE TABLE IF NOT EXISTS refold.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The quoted name of the events table that they are appended to.
    log text NOT NULL,
    projection text NOT NULL,
    -- The generation that has to be pointed at before they are ready; null when they are.
    held_for bigint REFERENCES refold.generations (generation) ON DELETE CASCADE,
    -- The event that the projection was applied to, and the emission's place among those of that event.
    position bigint NOT NULL,
    ordinal bigint NOT NULL,
    source_id uuid NOT NULL,
    event_type text NOT NULL,
    type_version bigint NOT NULL,
    -- The stream's name among the projection's own.
    stream text NOT NULL,
    payload json NOT NULL,
    -- Null for the time at which it is appended.
    happened_at timestamptz,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- The order in which they are appended; and nothing is emitted twice.
CREATE UNIQUE INDEX IF NOT EXISTS outbox_ready ON refold.outbox (log, position, projection, ordinal)
    WHERE held_for IS NULL;
CREATE INDEX IF NOT EXISTS outbox_held ON refold.outbox (held_for) WHERE held_for IS NOT NULL;

-- The process that appends to each log, at most one.
CREATE TABLE IF NOT EXISTS refold.appenders (
    -- The quoted name of the events table.
    log text PRIMARY KEY,
    owner uuid,
    owner_since timestamptz,
    -- Why it does not get on, and tries again.
    waiting_for text
);

-- Takes in what a window has emitted; part of the window's transaction, after refold.advance, so that no other owner and
-- no move of the pointer comes in between. The live generation's emissions are ready at once, and the mark moves to the
-- window's end. Those of another generation are held until it is pointed at: the live one may never get there. Nothing
-- is ready twice, because only what lies beyond the mark is taken in.
CREATE OR REPLACE FUNCTION refold.emit(
    of_log text, of_projection text, of_generation bigint, from_position bigint, to_position bigint,
    positions bigint[], ordinals bigint[], types text[], versions bigint[], streams text[], payloads text[],
    times timestamptz[], sources uuid[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    is_live boolean;
    emitted bigint;
    of_log_id bigint;
BEGIN
    UPDATE refold.checkpoints SET emissions_after = from_position
     WHERE generation = of_generation AND emissions_after IS NULL;
    SELECT p.live IS NOT DISTINCT FROM of_generation, g.log_id INTO is_live, of_log_id
      FROM refold.generations g JOIN refold.projections p ON p.name = g.projection WHERE g.generation = of_generation;
    IF is_live THEN
        PERFORM FROM refold.emitters WHERE projection = of_projection FOR UPDATE;
    END IF;
    SELECT emitted_through INTO emitted FROM refold.emitters
     WHERE projection = of_projection AND coalesce(log_id = of_log_id, true);
    -- Without a mark, or with that of another log, the projection begins to emit when it is pointed at.
    IF emitted IS NULL THEN
        RETURN;
    END IF;
    IF is_live THEN
        -- What lies between has not been emitted, and will be by a generation that is folded from there.
        IF emitted < from_position THEN
            RETURN;
        END IF;
        UPDATE refold.emitters SET emitted_through = to_position, log_id = coalesce(log_id, of_log_id)
         WHERE projection = of_projection AND emitted_through < to_position;
    END IF;
    INSERT INTO refold.outbox (log, projection, held_for, position, ordinal, source_id, event_type, type_version, stream,
                               payload, happened_at)
    SELECT of_log, of_projection, CASE WHEN NOT is_live THEN of_generation END, e.position, e.ordinal,
           -- The row of an event may have been deleted since it was read.
           coalesce(e.source, gen_random_uuid()), e.type, e.version, e.stream, e.payload::json,
           nullif(e.happened_at, 'infinity')
      FROM unnest(positions, ordinals, types, versions, streams, payloads, times, sources)
           AS e (position, ordinal, type, version, stream, payload, happened_at, source)
     WHERE e.position > emitted ORDER BY e.position, e.ordinal;
END $$;

-- A generation is pointed at; part of the pointing transaction, which has its checkpoint. What it holds becomes ready
-- where the generations that were live before have not emitted it. A projection without a mark begins to emit after
-- begins_after, and so does one that is folded from another log now.
CREATE OR REPLACE FUNCTION refold.enter_emitter(of_projection text, of_generation bigint, begins_after bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    emitter refold.emitters;
    entered record;
BEGIN
    SELECT g.log_id, c.position, coalesce(c.emissions_after, c.position) AS emissions_after INTO entered
      FROM refold.generations g JOIN refold.checkpoints c USING (generation) WHERE g.generation = of_generation;
    SELECT * INTO emitter FROM refold.emitters WHERE projection = of_projection FOR UPDATE;
    IF emitter.projection IS NULL THEN
        INSERT INTO refold.emitters (projection, emits_from, emitted_through, log_id)
        VALUES (of_projection, begins_after + 1, begins_after, entered.log_id);
    ELSIF emitter.log_id <> entered.log_id THEN
        UPDATE refold.emitters
           SET emits_from = begins_after + 1, emitted_through = begins_after, log_id = entered.log_id
         WHERE projection = of_projection;
        -- They follow from events that are gone.
        DELETE FROM refold.outbox WHERE projection = of_projection AND held_for IS NULL;
    ELSIF entered.emissions_after <= emitter.emitted_through THEN
        UPDATE refold.outbox SET held_for = NULL
         WHERE held_for = of_generation AND position > emitter.emitted_through;
        UPDATE refold.emitters
           SET emitted_through = greatest(emitted_through, entered.position), log_id = coalesce(log_id, entered.log_id)
         WHERE projection = of_projection;
    END IF;
    DELETE FROM refold.outbox WHERE held_for = of_generation;
END $$;

-- What binaries from before leases commit with.
CREATE OR REPLACE FUNCTION refold.advance(
    of_generation bigint, from_position bigint, to_position bigint, owner_epoch bigint, applied bigint,
    at_rate double precision
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this database was migrated by a newer refold: restart this process with that version'
        USING ERRCODE = 'RF002';
END $$;

-- How far the log was sent to Kafka: one row for each version of the topics.
CREATE TABLE IF NOT EXISTS refold.relays (
    version text PRIMARY KEY,
    log_id bigint,
    -- Kafka has acknowledged everything up to here.
    position bigint NOT NULL DEFAULT 0,
    -- Raised whenever a relay begins, so that consumers know the records of the one before.
    epoch bigint NOT NULL DEFAULT 0,
    -- By topic, for each partition the position of the last record that was acknowledged.
    partitions jsonb NOT NULL DEFAULT '{}',
    -- In which run of the server, and on which timeline, the relay began.
    server_run text,
    timeline bigint,
    -- Events above this position may be others than those that were sent; null once every partition says so.
    fork bigint,
    owner uuid,
    owner_since timestamptz,
    fencing_value bigint NOT NULL DEFAULT refold.new_fencing_value(),
    -- Why nothing is sent.
    waiting_for text,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 40);

-- Which version of refold these tables are for; a binary that knows another one refuses to start.
CREATE TABLE IF NOT EXISTS refold.schema_version (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL
);
INSERT INTO refold.schema_version (version) VALUES (2)
    ON CONFLICT (one) DO UPDATE SET version = greatest(schema_version.version, excluded.version);
