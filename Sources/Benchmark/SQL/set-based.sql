-- The three read models by set-based SQL alone, as fast as we know how to write it: the rival that a rebuild is
-- measured against. PostgreSQL aggregates in parallel with as much memory as it likes; each table is created from
-- its query and gets its key afterwards. Tried and found slower: extracting the watches once into an unlogged
-- table, grouping by (content, viewer) for all sums, joining the last events back by hash instead of by key.
--
-- It has an easier task than a rebuild: one moment, no refusals, no checkpoint to resume from, no cache, readers shut
-- out. It needs a log without refused events, a total below 2⁵³ seconds per row, and fewer than a thousand half-lives
-- between the first and the last watch.
--
-- psql variables: schema (of the results, made anew), half_life (seconds).

SET client_min_messages = warning;
SET work_mem = '1GB';
SET maintenance_work_mem = '1GB';
SET hash_mem_multiplier = 2;
SET max_parallel_workers_per_gather = 2;
SET max_parallel_maintenance_workers = 2;
SET min_parallel_table_scan_size = 0;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;

DROP SCHEMA IF EXISTS :schema CASCADE;
CREATE SCHEMA :schema;
SET search_path = :schema, public;

-- ------------------------------------------------------------------------------------------- user_profiles
-- Everything before a user's latest registration is forgotten, but for the date of the first.
-- Helpers are unlogged: nobody needs them after a crash.

CREATE UNLOGGED TABLE registered AS
SELECT event_data ->> 'user_id' AS user_id,
       min(global_position) AS first_position,
       max(global_position) AS last_position
FROM events
WHERE event_type = 'user.registered'
GROUP BY 1;
ANALYZE registered;

CREATE UNLOGGED TABLE watches AS
SELECT user_id,
       coalesce(event_data ->> 'genre', 'unknown') AS genre,
       sum((event_data ->> 'watch_duration_seconds')::double precision) AS seconds,
       max(global_position) AS position
FROM events JOIN registered ON user_id = event_data ->> 'user_id'
WHERE event_type = 'content.watched' AND global_position > last_position
GROUP BY 1, 2;

CREATE UNLOGGED TABLE users AS
WITH totals AS (
    SELECT user_id, sum(seconds)::bigint AS seconds, max(position) AS position FROM watches GROUP BY 1
), genres AS (
    SELECT user_id, jsonb_agg(genre ORDER BY genre COLLATE "C") AS list
    FROM (
        SELECT user_id, genre FROM watches
        UNION
        SELECT user_id, jsonb_array_elements_text(event_data -> 'initial_preferences')
        FROM registered JOIN events ON global_position = last_position
    ) AS each
    GROUP BY 1
), choices AS (
    SELECT event_data ->> 'user_id' AS user_id,
           max(global_position) FILTER (WHERE event_type = 'user.subscribed') AS subscribed,
           max(global_position) FILTER (WHERE event_type = 'user.preferences_updated') AS preferred
    FROM events
    WHERE event_type IN ('user.subscribed', 'user.preferences_updated')
    GROUP BY 1
)
SELECT user_id, first_position, last_position, seconds, list,
       CASE WHEN subscribed > last_position THEN subscribed END AS subscribed,
       CASE WHEN preferred > last_position THEN preferred END AS preferred,
       greatest(last_position, subscribed, preferred, position) AS position
FROM registered
     LEFT JOIN totals USING (user_id) LEFT JOIN genres USING (user_id) LEFT JOIN choices USING (user_id);

-- The last event of each kind is fetched by its key: sub-selects keep the planner from reading the whole store.
CREATE TABLE user_profiles AS
SELECT user_id,
       registered.event_data ->> 'email' AS email,
       registered.event_data ->> 'name' AS name,
       coalesce(plan, 'free') AS subscription_plan,
       coalesce((SELECT event_data -> 'new_preferences' FROM events WHERE global_position = preferred),
                registered.event_data -> 'initial_preferences') AS preferences,
       coalesce(seconds, 0) AS total_watch_time,
       coalesce(list, '[]') AS favorite_genres,
       (SELECT "timestamp" FROM events WHERE global_position = position) AS last_active,
       (SELECT "timestamp" FROM events WHERE global_position = first_position) AS registration_date,
       coalesce(plan, 'free') <> 'free' AS is_premium
FROM users,
     LATERAL (SELECT event_data FROM events WHERE global_position = last_position OFFSET 0) AS registered,
     LATERAL (SELECT (SELECT event_data ->> 'plan' FROM events WHERE global_position = subscribed) AS plan
              OFFSET 0) AS subscription;
ALTER TABLE user_profiles ADD PRIMARY KEY (user_id);

-- ------------------------------------------------------------------------------------------- the contents
-- Weights decay relative to the newest timestamp, so that nothing overflows; the logarithm takes that back.

CREATE UNLOGGED TABLE contents AS
WITH newest AS MATERIALIZED (
    SELECT max("timestamp") AS newest FROM events
), views AS (
    SELECT event_data ->> 'content_id' AS content_id,
           count(*) AS views,
           sum((event_data ->> 'watch_duration_seconds')::double precision)::bigint AS seconds,
           avg((event_data ->> 'completion_percentage')::double precision) AS completion,
           ln(sum((1 + (event_data ->> 'watch_duration_seconds')::double precision / 3600)
               * exp(date_part('epoch', "timestamp" - (SELECT newest FROM newest)) / :half_life
                     * ln(2.0::double precision)))) / ln(2.0::double precision)
               + date_part('epoch', (SELECT newest FROM newest) - '2020-01-01T00:00:00Z') / :half_life AS score,
           max(global_position) AS watched,
           max(global_position) FILTER (WHERE event_data ->> 'genre' IS NOT NULL) AS genre,
           max(global_position) FILTER (WHERE event_data ->> 'title' IS NOT NULL) AS title
    FROM events
    WHERE event_type = 'content.watched'
    GROUP BY 1
), viewers AS (
    SELECT content_id, count(*) AS viewers
    FROM (SELECT DISTINCT event_data ->> 'content_id' AS content_id, event_data ->> 'user_id'
          FROM events WHERE event_type = 'content.watched') AS pairs
    GROUP BY 1
), others AS (
    SELECT event_data ->> 'content_id' AS content_id,
           count(*) FILTER (WHERE event_type = 'content.rated') AS ratings,
           avg((event_data ->> 'rating')::double precision) AS rating,
           max(global_position) AS position,
           max(global_position) FILTER (WHERE event_type = 'content.added') AS added
    FROM events
    WHERE event_type IN ('content.rated', 'content.added')
    GROUP BY 1
)
SELECT *, greatest(watched, position) AS changed, greatest(genre, added) AS named, greatest(title, added) AS titled
FROM views JOIN viewers USING (content_id) FULL JOIN others USING (content_id);

CREATE TABLE content_popularity AS
SELECT content_id,
       (SELECT event_data ->> 'title' FROM events WHERE global_position = titled) AS title,
       (SELECT event_data ->> 'genre' FROM events WHERE global_position = named) AS genre,
       coalesce(views, 0) AS total_views,
       coalesce(seconds, 0) AS total_watch_time,
       coalesce(completion, 0) AS average_completion_rate,
       coalesce(viewers, 0) AS unique_viewers,
       coalesce(rating, 0) AS rating_average,
       coalesce(ratings, 0) AS rating_count,
       score AS trending_score,
       (SELECT "timestamp" FROM events WHERE global_position = changed) AS last_updated
FROM contents;
ALTER TABLE content_popularity ADD PRIMARY KEY (content_id);

CREATE TABLE trending_score AS
SELECT content_id,
       (SELECT event_data ->> 'genre' FROM events WHERE global_position = genre) AS genre,
       score,
       (SELECT "timestamp" FROM events WHERE global_position = watched) AS last_watched
FROM contents
WHERE watched IS NOT NULL;
ALTER TABLE trending_score ADD PRIMARY KEY (content_id);

DROP TABLE registered, watches, users, contents;
