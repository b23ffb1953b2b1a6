-- How much of each film is funny?
SELECT movie_id,
       count(*) FILTER (WHERE is_funny) AS moments,
       round(coalesce(sum(end_s - start_s) FILTER (WHERE is_funny), 0), 1) AS seconds,
       round(seconds / any_value(length_s), 3) AS share
FROM funny JOIN (SELECT movie_id, max(end_s) AS length_s FROM shots GROUP BY movie_id) USING (movie_id)
GROUP BY movie_id
ORDER BY share DESC, movie_id
