-- How many rows of the three read models differ from what the set-based SQL made: missing in one of them, or with
-- another value; doubles are compared by near.sql. One row per table.

SELECT 'user_profiles', count(*)
FROM read_models.user_profiles AS l FULL JOIN set_based.user_profiles AS r USING (user_id)
WHERE (l.email, l.name, l.subscription_plan, l.preferences, l.total_watch_time, l.favorite_genres, l.last_active,
       l.registration_date, l.is_premium)
      IS DISTINCT FROM
      (r.email, r.name, r.subscription_plan, r.preferences, r.total_watch_time, r.favorite_genres, r.last_active,
       r.registration_date, r.is_premium)
UNION ALL
SELECT 'content_popularity', count(*)
FROM read_models.content_popularity AS l FULL JOIN set_based.content_popularity AS r USING (content_id)
WHERE (l.title, l.genre, l.total_views, l.total_watch_time, l.unique_viewers, l.rating_count, l.last_updated)
      IS DISTINCT FROM
      (r.title, r.genre, r.total_views, r.total_watch_time, r.unique_viewers, r.rating_count, r.last_updated)
   OR NOT pg_temp.near(l.average_completion_rate, r.average_completion_rate)
   OR NOT pg_temp.near(l.rating_average, r.rating_average)
   OR NOT pg_temp.near(l.trending_score, r.trending_score)
UNION ALL
SELECT 'trending_score', count(*)
FROM read_models.trending_score AS l FULL JOIN set_based.trending_score AS r USING (content_id)
WHERE (l.genre, l.last_watched) IS DISTINCT FROM (r.genre, r.last_watched)
   OR NOT pg_temp.near(l.score, r.score)
