-- Which scenes feel saddest?
SELECT movie_id, scene, round(start_s, 1) AS start_s, round(end_s, 1) AS end_s, round(avg(valence), 2) AS valence
FROM scenes JOIN affect USING (movie_id)
WHERE time_s >= start_s AND time_s < end_s
GROUP BY ALL
ORDER BY valence, movie_id, scene
LIMIT 20
