-- Aggregates as they were at some version of their streams: a shortcut for loading them, never a source. A row that is
-- missing, old or wrong costs time and changes nothing else, so any may be deleted at any time.

CREATE TABLE IF NOT EXISTS refold.snapshots (
    -- The quoted name of the events table.
    log text NOT NULL,
    stream_id text NOT NULL,
    version integer NOT NULL,
    -- The version of the aggregate's state, raised when its shape or meaning changes.
    schema_version integer NOT NULL,
    -- The event at that version: a stream that was restored or written anew has another one there, or none.
    event_id uuid NOT NULL,
    state json NOT NULL,
    -- Of everything above: a row changed by hand is not used.
    digest bytea NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log, stream_id)
);
