-- One row per stream: the version of its newest event. Writers lock it, so that appends to a stream take turns.

CREATE TABLE IF NOT EXISTS :"schema".:"streams" (
    stream_id text PRIMARY KEY,
    version integer NOT NULL,
    last_updated timestamptz NOT NULL
);
