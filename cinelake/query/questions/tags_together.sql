-- Which tags come together more often than chance has it?
WITH carried AS (SELECT movie_id, shot, tag FROM tag_shots WHERE probability >= 0.5),
alone AS (SELECT tag, count(*) AS n FROM carried GROUP BY tag),
together AS (
    SELECT a.tag, b.tag AS other, count(*) AS n
    FROM carried a JOIN carried b USING (movie_id, shot)
    WHERE a.tag < b.tag
    GROUP BY ALL
)
SELECT together.tag,
       other,
       together.n AS shots,
       round(together.n * (SELECT count(DISTINCT (movie_id, shot)) FROM carried) / (a.n * b.n), 2) AS lift
FROM together JOIN alone a ON a.tag = together.tag JOIN alone b ON b.tag = other
ORDER BY lift DESC, shots DESC, together.tag, other
LIMIT 20
