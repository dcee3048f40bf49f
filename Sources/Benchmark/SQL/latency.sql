-- Tail latency, in milliseconds, of the events after position $1.
--
-- An event may be shown once its own transaction and every older one that drew an earlier position have ended; the
-- latest of these commits is where the clock starts. How long an event had to wait for others is the barrier's wait.
-- Commit stamps (track_commit_timestamp) are taken before the commit is flushed to disk, so a latency contains the
-- flush of the event's own commit as well as everything that Refold does.

WITH committed AS (
    SELECT global_position AS position, pg_xact_commit_timestamp(xmin) AS committed
    FROM events
    WHERE global_position > $1
), due AS (
    SELECT position, committed, max(committed) OVER (ORDER BY position) AS due
    FROM committed
), shown AS (
    SELECT extract(epoch FROM v.seen - due)::double precision * 1000 AS latency,
           extract(epoch FROM due - committed)::double precision * 1000 AS wait
    FROM due LEFT JOIN LATERAL
         (SELECT seen FROM benchmark.visible AS v WHERE v.position >= due.position ORDER BY v.position LIMIT 1) AS v
         ON true
)
SELECT count(*), count(*) FILTER (WHERE latency IS NULL),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY latency),
       percentile_cont(0.99) WITHIN GROUP (ORDER BY latency),
       max(latency),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY wait),
       percentile_cont(0.99) WITHIN GROUP (ORDER BY wait),
       max(wait)
FROM shown
