-- Which moments look most like this one?
-- set: film, a movie_id (by default the first); time_s, seconds (by default 0)
WITH this AS (
    FROM embeddings
    WHERE movie_id = coalesce(getvariable('film'), (SELECT min(movie_id) FROM embeddings))
    ORDER BY abs(time_s - coalesce(getvariable('time_s')::DOUBLE, 0))
    LIMIT 1
)
SELECT other.movie_id,
       other.shot,
       arg_max(other.time_s, list_cosine_similarity(other.embedding, this.embedding)) AS time_s,
       round(max(list_cosine_similarity(other.embedding, this.embedding))::DOUBLE, 4) AS likeness
FROM embeddings AS other JOIN this ON len(other.embedding) = len(this.embedding)
WHERE other.movie_id <> this.movie_id OR other.shot IS DISTINCT FROM this.shot
GROUP BY ALL
ORDER BY likeness DESC, other.movie_id, time_s
LIMIT 20
