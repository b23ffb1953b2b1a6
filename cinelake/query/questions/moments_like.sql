-- Which moments look most like this one?
-- set: film, a movie_id (by default the first); time_s, seconds (by default 0)
WITH pictures AS (SELECT movie_id, shot, time_s, embedding::FLOAT[512] AS embedding FROM embeddings),
this AS (
    FROM pictures
    WHERE movie_id = coalesce(getvariable('film'), (SELECT min(movie_id) FROM embeddings))
    ORDER BY abs(time_s - coalesce(getvariable('time_s')::DOUBLE, 0))
    LIMIT 1
)
SELECT pictures.movie_id,
       pictures.shot,
       arg_max(pictures.time_s, array_cosine_similarity(pictures.embedding, this.embedding)) AS time_s,
       round(max(array_cosine_similarity(pictures.embedding, this.embedding))::DOUBLE, 4) AS likeness
FROM pictures, this
WHERE pictures.movie_id <> this.movie_id OR pictures.shot IS DISTINCT FROM this.shot
GROUP BY ALL
ORDER BY likeness DESC, pictures.movie_id, time_s
LIMIT 20
