-- Which are the longest shots?
SELECT movie_id, shot, round(start_s, 2) AS start_s, round(end_s - start_s, 2) AS length_s
FROM shots
ORDER BY length_s DESC, movie_id, shot
LIMIT 20
