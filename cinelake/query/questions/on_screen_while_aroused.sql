-- Who is on screen most while arousal is high?
WITH held AS (
    SELECT movie_id, time_s, arousal, lead(time_s) OVER (PARTITION BY movie_id ORDER BY time_s) AS next_s FROM affect
)
SELECT character,
       round(sum(least(end_s, next_s) - greatest(start_s, time_s)), 1) AS seconds,
       count(DISTINCT movie_id) AS films
FROM appearances JOIN held USING (movie_id)
WHERE arousal > 0.5 AND start_s < next_s AND time_s < end_s
GROUP BY character
ORDER BY seconds DESC, character
