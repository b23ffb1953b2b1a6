-- Which films are cut fastest?
SELECT movie_id,
       count(*) AS shots,
       round(60 * count(*) / max(end_s), 1) AS shots_per_minute,
       round(median(end_s - start_s), 2) AS median_s
FROM shots
GROUP BY movie_id
ORDER BY shots_per_minute DESC, movie_id
