-- What refold knows about the log it reads. All tables are keyed by the quoted name of the events table.

-- Which log was read, and how far. A log that is shorter, or on another server or timeline, is not the same log.
CREATE TABLE IF NOT EXISTS refold.logs (
    log text PRIMARY KEY,
    mark bigint NOT NULL,
    system_identifier bigint,
    timeline bigint NOT NULL,
    database_oid oid NOT NULL,
    events_oid oid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Stretches of positions after "after" up to and including "through" that were passed when they held "events" events,
-- and when to count them again. A hole is a stretch that held none.
CREATE TABLE IF NOT EXISTS refold.holes (
    log text NOT NULL,
    after bigint NOT NULL,
    through bigint NOT NULL,
    events bigint NOT NULL,
    looks smallint NOT NULL DEFAULT 0,
    passed_at timestamptz NOT NULL DEFAULT now(),
    due_at timestamptz NOT NULL,
    PRIMARY KEY (log, after, through)
);
CREATE INDEX IF NOT EXISTS holes_due ON refold.holes (log, due_at);

-- Events that appeared at a position which had been passed. A rebuild removes them.
CREATE TABLE IF NOT EXISTS refold.late_events (
    log text NOT NULL,
    position bigint NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (log, position)
);
