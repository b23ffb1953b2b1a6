-- How do shots begin: by cuts, fades or dissolves?
SELECT transition, count(*) AS shots, round(count(*) / sum(count(*)) OVER (), 3) AS share
FROM shots
WHERE shot > 0
GROUP BY transition
ORDER BY shots DESC, transition
