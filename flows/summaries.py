"""The tables over the whole catalogue that a published version has, made by SQL of the films' tables."""

from __future__ import annotations

import pyarrow as pa

from cinelake.lake.publication import Summary
from cinelake.spec.contract import Column, Contract

SHOT_STATISTICS = Summary(
    Contract(
        table="shot_statistics",
        doc="How long each film's shots are, and how they begin.",
        key=("entry",),
        columns=[
            Column("entry", pa.string(), "The table of shots."),
            Column("shots", pa.int64(), "Shots of the film."),
            Column("per_minute", pa.float64(), "Shots a minute."),
            Column("mean_s", pa.float64(), "Mean length of a shot."),
            Column("median_s", pa.float64(), "Median length."),
            Column("p10_s", pa.float64(), "A tenth of the shots is shorter."),
            Column("p90_s", pa.float64(), "A tenth is longer."),
            Column("cuts", pa.int64(), "Shots that begin with a cut."),
            Column("fades", pa.int64(), "Shots that begin with a fade."),
            Column("dissolves", pa.int64(), "Shots that begin with a dissolve."),
        ],
    ),
    """
    SELECT movie_id, entry, count(*) AS shots, count(*) * 60 / nullif(max(end_s) - min(start_s), 0) AS per_minute,
        avg(end_s - start_s) AS mean_s, median(end_s - start_s) AS median_s,
        quantile_cont(end_s - start_s, 0.1) AS p10_s, quantile_cont(end_s - start_s, 0.9) AS p90_s,
        count(*) FILTER (transition = 'cut') AS cuts, count(*) FILTER (transition = 'fade') AS fades,
        count(*) FILTER (transition = 'dissolve') AS dissolves
    FROM shots GROUP BY movie_id, entry
    """,
    needs=("shots",),
    by_film=True,
)

PEOPLE = Summary(
    Contract(
        table="people",
        doc="How long each character or actor is to be seen, over the whole catalogue.",
        key=("entry", "character"),
        of_films=False,
        columns=[
            Column("entry", pa.string(), "The table of screen times."),
            Column("character", pa.string(), "Who."),
            Column("films", pa.int64(), "Films in which they are to be seen."),
            Column("seconds", pa.float64(), "Seconds in all."),
            Column("mean_share", pa.float64(), "Mean share of those films' length."),
            Column("appearances", pa.int64(), "Stretches without a break."),
        ],
    ),
    """
    SELECT entry, character, count(*) AS films, sum(seconds) AS seconds, avg(share) AS mean_share,
        sum(appearances)::BIGINT AS appearances
    FROM screen_time GROUP BY entry, character
    """,
    needs=("screen_time",),
)

FILM_YEAR = "try_cast(regexp_extract(title, '\\(((?:18|19|20)[0-9][0-9])\\)', 1) AS INTEGER)"

TAGS_BY_FILM = Summary(
    Contract(
        table="tags_by_film",
        doc="Each film's tags with its title and year.",
        key=("entry", "tag"),
        columns=[
            Column("entry", pa.string(), "The table of tags."),
            Column("title", pa.string(), "The film's title, as the catalogue gives it."),
            Column("year", pa.int32(), "Its year, where the title has one in brackets, as in `Metropolis (1927)`."),
            Column("tag", pa.string(), "The tag."),
            Column("weight", pa.float64(), "How much of the film carries it."),
            Column("relevance", pa.float64(), "How relevant it is for the film."),
            Column("shots", pa.int64(), "Shots that carry it."),
        ],
    ),
    f"""
    SELECT movie_id, t.entry, title, {FILM_YEAR} AS year, tag, weight, relevance, t.shots
    FROM tags t LEFT JOIN (SELECT movie_id, any_value(title) AS title FROM films GROUP BY movie_id) USING (movie_id)
    """,
    needs=("tags", "films"),
    by_film=True,
)

TAGS_BY_YEAR = Summary(
    Contract(
        table="tags_by_year",
        doc="In how many films of each year a tag is found.",
        key=("entry", "year", "tag"),
        of_films=False,
        columns=[
            Column("entry", pa.string(), "The table of tags."),
            Column("year", pa.int32(), "The year; null for films whose title names none."),
            Column("tag", pa.string(), "The tag."),
            Column("films", pa.int64(), "Films that carry it."),
            Column("mean_relevance", pa.float64(), "Its mean relevance in those films."),
        ],
    ),
    """
    SELECT entry, year, tag, count(*) AS films, avg(relevance) AS mean_relevance
    FROM tags_by_film GROUP BY entry, year, tag
    """,
    needs=("tags_by_film",),
)

ARCS = Summary(
    Contract(
        table="arcs",
        doc="Which arcs the films' emotional lines follow.",
        key=("entry", "line", "arc"),
        of_films=False,
        columns=[
            Column("entry", pa.string(), "The table of arcs."),
            Column("line", pa.string(), "arousal or valence."),
            Column(
                "arc",
                pa.string(),
                "The arc, as in `affect_arcs`.",
            ),
            Column("films", pa.int64(), "Films that follow it."),
            Column("mean_fit", pa.float64(), "Mean correlation with it."),
            Column("mean_value", pa.float64(), "Mean of those lines."),
        ],
    ),
    """
    SELECT entry, line, arc, count(*) AS films, avg(fit) AS mean_fit, avg(value) AS mean_value
    FROM affect_arcs WHERE kind = 'arc' GROUP BY entry, line, arc
    """,
    needs=("affect_arcs",),
)

SUMMARIES = (SHOT_STATISTICS, PEOPLE, TAGS_BY_FILM, TAGS_BY_YEAR, ARCS)
