-- Who is on screen longest in the whole catalogue?
SELECT character, round(sum(seconds), 1) AS seconds, count(*) AS films, round(max(share), 3) AS greatest_share
FROM screen_time
GROUP BY character
ORDER BY seconds DESC, character
