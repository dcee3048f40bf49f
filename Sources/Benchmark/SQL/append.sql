-- What pgbench does beside Refold's own appends: one transaction that moves the stream's row and inserts the event,
-- with the columns, keys and sizes that Refold writes.
\set user random(1, 10000)
\set content random(1, 5000)
BEGIN;
INSERT INTO streams AS s (stream_id, version, last_updated) VALUES ('user-' || :user, 1, now())
    ON CONFLICT (stream_id) DO UPDATE SET version = s.version + 1, last_updated = excluded.last_updated
    RETURNING version \gset
INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
    VALUES (gen_random_uuid(), 'user-' || :user, :version, 'content.watched',
            ('{"user_id":"user-' || :user || '","content_id":"content-' || :content
             || '","watch_duration_seconds":1715,"completion_percentage":100,"genre":"drama"}')::json,
            '{"type_version":1,"timestamp":"2026-03-01T12:30:00.123456Z"}', now());
COMMIT;
