-- Which moments look most like this one?
-- set: film, a movie_id (by default the first); time_s, seconds (by default 0)
WITH this AS (
    FROM embeddings
    WHERE movie_id = coalesce(getvariable('film'), (SELECT min(movie_id) FROM embeddings))
    ORDER BY abs(time_s - coalesce(getvariable('time_s')::DOUBLE, 0))
    LIMIT 1
),
others AS (  -- a vector of zeros is like nothing: its cosine is not a number
    SELECT other.movie_id, other.shot, other.time_s,
           coalesce(nullif(list_cosine_similarity(other.embedding, this.embedding)::DOUBLE, 'NaN'), 0) AS cosine
    FROM embeddings AS other JOIN this ON len(other.embedding) = len(this.embedding)
    WHERE other.movie_id <> this.movie_id OR other.shot IS DISTINCT FROM this.shot
)
SELECT movie_id, shot, arg_max(time_s, cosine) AS time_s, round(max(cosine), 4) AS likeness
FROM others
GROUP BY ALL
ORDER BY likeness DESC, movie_id, time_s
LIMIT 20
