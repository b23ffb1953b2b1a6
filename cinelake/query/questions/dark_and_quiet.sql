-- How much of each film is dark, and how much is silent?
WITH dark AS (
    SELECT movie_id, avg((brightness < 0.2)::INTEGER) AS dark, avg(brightness) AS brightness FROM frames GROUP BY movie_id
),
quiet AS (SELECT movie_id, avg(is_silent::INTEGER) AS silent FROM sound GROUP BY movie_id)
SELECT movie_id,
       round(dark, 3) AS dark_share,
       round(brightness, 3) AS mean_brightness,
       round(silent, 3) AS silent_share
FROM dark LEFT JOIN quiet USING (movie_id)
ORDER BY dark_share DESC, movie_id
