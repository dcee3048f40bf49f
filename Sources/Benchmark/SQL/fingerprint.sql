-- One line that changes with any byte of the three views' columns.

SELECT md5(string_agg(digest, ' ' ORDER BY part))
FROM (SELECT 1 AS part, md5(string_agg(md5(p::text), '' ORDER BY user_id COLLATE "C")) AS digest
      FROM read_models.user_profiles AS p
      UNION ALL
      SELECT 2, md5(string_agg(md5(c::text), '' ORDER BY content_id COLLATE "C"))
      FROM read_models.content_popularity AS c
      UNION ALL
      SELECT 3, md5(string_agg(md5(t::text), '' ORDER BY content_id COLLATE "C"))
      FROM read_models.trending_score AS t) AS models
