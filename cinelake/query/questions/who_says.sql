-- Who is to be seen while this is said?
-- set: words, any text (by default every line)
SELECT line.movie_id,
       round(line.start_s, 1) AS time_s,
       text,
       list(DISTINCT character ORDER BY character) FILTER (WHERE character IS NOT NULL) AS on_screen
FROM subtitles AS line
LEFT JOIN appearances AS seen
       ON seen.movie_id = line.movie_id AND seen.start_s < line.end_s AND line.start_s < seen.end_s
WHERE contains(lower(text), lower(coalesce(getvariable('words'), '')))
GROUP BY line.movie_id, line.start_s, text
ORDER BY line.movie_id, time_s
LIMIT 50
