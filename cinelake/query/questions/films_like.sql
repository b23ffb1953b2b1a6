-- Which films look most like this one?
-- set: film, a movie_id (by default the first)
WITH pictures AS (
    SELECT movie_id, shot, embedding FROM embeddings JOIN frames USING (movie_id, frame, shot) WHERE is_middle
),
numbers AS (
    SELECT movie_id, unnest(embedding) AS value, generate_subscripts(embedding, 1) AS place FROM pictures
),
means AS (
    SELECT movie_id, list(mean ORDER BY place) AS looks
    FROM (SELECT movie_id, place, avg(value) AS mean FROM numbers GROUP BY movie_id, place)
    GROUP BY movie_id
),
this AS (FROM means WHERE movie_id = coalesce(getvariable('film'), (SELECT min(movie_id) FROM means)))
SELECT means.movie_id,  -- a vector of zeros is like nothing: its cosine is not a number
       round(coalesce(nullif(list_cosine_similarity(means.looks, this.looks), 'NaN'), 0), 4) AS likeness
FROM means JOIN this ON len(means.looks) = len(this.looks)
WHERE means.movie_id <> this.movie_id
ORDER BY likeness DESC, means.movie_id
LIMIT 20
