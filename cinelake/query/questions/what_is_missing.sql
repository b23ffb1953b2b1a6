-- Which films lack a table, and why?
SELECT movie_id, task AS "table", reason, transient AS tried_again, attempt, message
FROM failures
ORDER BY movie_id, task
