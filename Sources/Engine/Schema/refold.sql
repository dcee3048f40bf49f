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
    -- Raised at every move of the pointer; whoever moves it states the revision it knew.
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
    -- Why it stands still, and where.
    stopped_at bigint,
    cause text,
    last_error text,
    last_error_at timestamptz
);

-- Installations from before snapshots were told by transaction have no such column. Looked for first: ALTER would wait
-- for everyone who has the table in an open transaction.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'refold.generations'::regclass AND attname = 'left_xid') THEN
        ALTER TABLE refold.generations ADD COLUMN left_xid xid8;
    END IF;
END $$;

-- One row for each generation, updated with every commit window.
CREATE TABLE IF NOT EXISTS refold.checkpoints (
    generation bigint PRIMARY KEY REFERENCES refold.generations (generation) ON DELETE CASCADE,
    -- The last global position whose effects are committed.
    position bigint NOT NULL DEFAULT 0,
    -- Raised when an owner takes the generation and when the pointer moves; a commit states the epoch it knew.
    epoch bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    -- Events a second over the last window.
    rate double precision,
    owner_host text,
    owner_pid integer,
    owner_since timestamptz,
    heartbeat_at timestamptz
) WITH (fillfactor = 40);

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
    of_generation bigint, from_position bigint, to_position bigint, owner_epoch bigint, applied bigint,
    at_rate double precision
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE refold.checkpoints
       SET position = to_position, events = events + applied, rate = coalesce(at_rate, rate),
           heartbeat_at = clock_timestamp()
     WHERE generation = of_generation AND position = from_position AND epoch = owner_epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % has another owner or stands elsewhere', of_generation
            USING ERRCODE = 'RF001';
    END IF;
END $$;
