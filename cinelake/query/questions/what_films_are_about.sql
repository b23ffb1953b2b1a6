-- What is each film about, in five tags?
SELECT movie_id, title, list(tag ORDER BY weight DESC, tag)[:5] AS about
FROM tags JOIN films USING (movie_id)
GROUP BY movie_id, title
ORDER BY movie_id
