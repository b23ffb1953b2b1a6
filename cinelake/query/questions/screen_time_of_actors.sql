-- Which actors are on screen longest, by their faces, and in how many films?
SELECT character AS person, round(sum(end_s - start_s), 1) AS seconds, count(DISTINCT movie_id) AS films
FROM actor_appearances
GROUP BY character
ORDER BY seconds DESC, person
