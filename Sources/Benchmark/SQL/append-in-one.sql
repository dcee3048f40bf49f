-- The same as append.sql in one statement, which is the least that an append can be.
\set user random(1, 10000)
\set content random(1, 5000)
WITH stream AS (
    INSERT INTO streams AS s (stream_id, version, last_updated) VALUES ('user-' || :user, 1, now())
    ON CONFLICT (stream_id) DO UPDATE SET version = s.version + 1, last_updated = excluded.last_updated
    RETURNING version
)
INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
    SELECT gen_random_uuid(), 'user-' || :user, version, 'content.watched',
           ('{"user_id":"user-' || :user || '","content_id":"content-' || :content
            || '","watch_duration_seconds":1715,"completion_percentage":100,"genre":"drama"}')::json,
           '{"type_version":1,"timestamp":"2026-03-01T12:30:00.123456Z"}', now()
    FROM stream
    RETURNING stream_version, global_position;
