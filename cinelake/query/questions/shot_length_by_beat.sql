-- How long are shots in each kind of beat, on average?
SELECT category,
       count(*) AS shots,
       round(avg(shots.end_s - shots.start_s), 2) AS mean_s,
       round(median(shots.end_s - shots.start_s), 2) AS median_s
FROM beats JOIN shots ON shots.movie_id = beats.movie_id AND shot >= start_shot AND shot < end_shot
GROUP BY category
ORDER BY mean_s, category
