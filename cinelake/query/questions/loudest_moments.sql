-- When is each film loudest, and what is to be seen then?
WITH loudest AS (
    SELECT movie_id, arg_max(start_s, loudness_lufs) AS time_s, max(loudness_lufs) AS loudness_lufs
    FROM sound
    WHERE NOT is_silent
    GROUP BY movie_id
)
SELECT movie_id, round(time_s, 2) AS time_s, round(loudness_lufs::DOUBLE, 1) AS loudness_lufs, shot
FROM loudest JOIN shots USING (movie_id)
WHERE time_s >= start_s AND time_s < end_s
ORDER BY loudness_lufs DESC, movie_id
