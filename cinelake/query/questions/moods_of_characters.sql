-- Which emotion do characters show most?
SELECT character, emotion, count(*) AS faces, round(count(*) / sum(count(*)) OVER (PARTITION BY character), 2) AS share
FROM appearances JOIN expressions USING (movie_id)
WHERE is_main AND time_s >= start_s AND time_s < end_s
GROUP BY character, emotion
QUALIFY row_number() OVER (PARTITION BY character ORDER BY faces DESC, emotion) = 1
ORDER BY share DESC, character
