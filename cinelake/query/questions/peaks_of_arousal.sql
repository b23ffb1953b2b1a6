-- When is each film most exciting, and which picture shows it?
WITH peak AS (
    SELECT movie_id, arg_max(time_s, arousal) AS time_s, round(max(arousal), 2) AS arousal FROM affect GROUP BY movie_id
)
SELECT movie_id, peak.time_s, arousal, arg_min(frame, abs(frames.time_s - peak.time_s)) AS frame
FROM peak JOIN frames USING (movie_id)
GROUP BY ALL
ORDER BY arousal DESC, movie_id
