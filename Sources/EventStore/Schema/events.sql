-- The event store's own tables, created where there is no events table yet. :"name" stands for a quoted name, as in psql.
--
-- Payloads are json rather than jsonb: they are written once and read whole, which json does at twice the speed.
-- The sequence of a bigserial has CACHE 1, which the high-water mark relies on.

CREATE TABLE :"schema".:"events" (
    global_position bigserial PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    stream_id text NOT NULL,
    stream_version integer NOT NULL,
    event_type text NOT NULL,
    event_data json NOT NULL,
    metadata json,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stream_id, stream_version)
);
