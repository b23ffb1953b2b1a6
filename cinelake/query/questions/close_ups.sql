-- Which films live from close-ups?
SELECT movie_id,
       count(DISTINCT shot) FILTER (WHERE largest > 0.33) AS close_ups,
       count(DISTINCT shot) AS of_shots,
       round(close_ups / of_shots, 3) AS share
FROM shots LEFT JOIN (SELECT movie_id, shot, max(height) AS largest FROM faces GROUP BY ALL) USING (movie_id, shot)
GROUP BY movie_id
ORDER BY share DESC, movie_id
