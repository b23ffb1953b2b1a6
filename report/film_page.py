"""A film's page: its key, its data, its folder of files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cinelake.storage.content import digest
from report.details import duration_s, figures, film_row, model_name, origin, page_tables, provenance, technical
from report.film_people import write_people
from report.film_pictures import make_pictures
from report.lanes import build_lanes, missing_lanes
from report.said import PeopleSaid
from report.scores import ModelScores
from report.summary import METHOD
from report.tables import FilmTables
from report.templates import code_digest, rendered

CARD = "card.json"
"""What the catalogue shows of a film, with the page's key; beside the page."""
Card = dict[str, Any]


def page_key(tables: FilmTables, scores: Mapping[str, Any], source: str, said: Sequence[str] = ()) -> str:
    """What a page is made from: cells, their states, scores, title, the film's place, what people `said`, the code."""
    shown_models = {name: scores.get(name) for name in models_of(tables)}
    states = [state.facts() for state in tables.states.values()]
    return digest([code_digest(), tables.movie_id, tables.title, states, shown_models, source, list(said)])


def film_source(path: str, folder: Path) -> str:
    """The address of a film's file as a page in this folder knows it: relative, so that both can be moved together.

    path: of the file; empty for a film that is not on this machine, which has no address.
    """
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(folder)) if path else ""
    return quote(os.fsencode(relative))


def models_of(tables: FilmTables) -> list[str]:
    """The versions of models that made the film's tables: `scenes 3`."""
    names = (model_name(state.footer) for state in tables.states.values())
    return sorted({name for name in names if name})


def write_film(
    folder: Path,
    tables: FilmTables,
    scores: ModelScores,
    key: str,
    problem: str = "",
    source: str = "",
    people: PeopleSaid | None = None,
    *,
    with_people: bool = False,
) -> Card:
    """Write a film's page and pictures into a folder; returns its card.

    source: what the player plays, if anything. people: whose labels stand beneath the models' lanes. with_people: write
    what the page of people needs.
    """
    lanes = build_lanes(tables, people)
    film = film_row(tables)
    length_s = duration_s(film, lanes)
    pictures = make_pictures(tables, length_s, folder)
    origins = provenance(tables, scores)
    origin_lines = {row["table"]: origin(row) for row in origins}
    lanes = [{**lane, "origin": origin_lines.get(lane["table"], "")} for lane in lanes]
    counted = figures(tables, length_s)
    if with_people:
        write_people(tables, people, folder)
    data = {"movie_id": tables.movie_id, "duration_s": length_s, "lanes": lanes, "tables": page_tables(tables)}
    page = rendered(
        "film.html",
        title=tables.title,
        movie_id=tables.movie_id,
        problem=problem,
        uri=film.get("uri", ""),
        source="" if problem else source,
        technical=technical(film),
        figures=_tiles(counted),
        pictures=pictures,
        method=METHOD,
        lanes=lanes,
        missing=missing_lanes(lanes),
        provenance=origins,
        models=[{"name": name, **scores[name]} for name in models_of(tables)],
        data={**data, "thumbnails": pictures.thumbnails.to_json()},
        key=key,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    missing = [row["table"] for row in origins if row["why"] and row["state"] != "absent"]
    head = {"key": key, "movie_id": tables.movie_id, "title": tables.title}
    card = {**head, **counted, "missing": missing, "poster": pictures.has_poster}
    (folder / CARD).write_text(json.dumps(card, ensure_ascii=False), encoding="utf-8")
    return card


def read_card(folder: Path) -> Card | None:
    """The card of a page that was written whole; None without one."""
    try:
        card: Card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) and "key" in card and (folder / "index.html").is_file() else None


def _tiles(counted: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Label and value of each figure at a glance."""
    from report.clock import clock

    tiles = [("length", clock(counted["duration_s"]))] if "duration_s" in counted else []
    tiles += [(name, f"{counted[name]:,}") for name in ("shots", "scenes", "beats") if name in counted]
    tiles += [("average shot", f"{counted['average_shot_s']:.1f} s")] if "average_shot_s" in counted else []
    return tiles
