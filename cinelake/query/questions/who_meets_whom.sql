-- Who is on screen together longest?
SELECT character, other, round(sum(together_s), 1) AS together_s, count(*) AS scenes
FROM co_appearances
GROUP BY character, other
ORDER BY together_s DESC, character, other
LIMIT 20
