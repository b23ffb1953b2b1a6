"""A film's page: its key, its data, its folder of files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from cinelake.storage.content import digest
from report.details import duration_s, figures, film_row, model_name, origin, page_tables, provenance, technical
from report.film_people import write_people
from report.film_pictures import make_pictures
from report.lanes import LANES, build_lanes, empty_lanes, missing_lanes
from report.pictures import COLUMNS, SHEET, Thumbnails
from report.said import PeopleSaid
from report.scores import ModelScores
from report.summary import METHOD
from report.tables import FilmTables
from report.templates import code_digest, rendered

MOST_WORST, BINS, PACE_BINS = 3, 48, 7
"""Differences of a film that the page of models may show; parts of a film's outline; parts that its pace is of."""
CARD, THUMBNAILS = "card.json", "thumbnails.json"
"""What the catalogue shows of a film, with the page's key, and where its thumbnails lie; beside the page."""
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
        failed=[] if problem else tables.failed,
        figures=_tiles(counted),
        pictures=pictures,
        method=METHOD,
        lanes=lanes,
        missing=missing_lanes(lanes),
        empty=empty_lanes(lanes),
        provenance=origins,
        models=[{"name": name, **scores[name]} for name in models_of(tables)],
        data={**data, "thumbnails": pictures.thumbnails.to_json()},
        key=key,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    missing = [row["table"] for row in origins if row["why"] and row["state"] != "absent"]
    head = {"key": key, "movie_id": tables.movie_id, "title": tables.title}
    failed = list(dict.fromkeys(why.partition(":")[0].replace("_", " ") for why in tables.failed))
    card = {**head, **counted, "missing": missing, "failed": failed, "poster": pictures.has_poster}
    card |= {"said": said_of(lanes, tables, pictures.thumbnails), "lines": outlines(lanes, length_s)}
    (folder / THUMBNAILS).write_text(json.dumps(vars(pictures.thumbnails)), encoding="utf-8")
    (folder / CARD).write_text(json.dumps(card, ensure_ascii=False), encoding="utf-8")
    return card


def said_of(lanes: list[dict[str, Any]], tables: FilmTables, thumbnails: Thumbnails) -> list[dict[str, Any]]:
    """For each lane of people's labels: the model it stands beneath, how much agrees, the longest differences."""
    made_by = {kind.id: model_name(tables.of_task(kind.task).footer) for kind in LANES}
    found = []
    for lane in lanes:
        if lane["of"]:
            worst = sorted(lane["differs"], key=lambda span: (span[0] - span[1], span[0]))[:MOST_WORST]
            pictures = [picture_at(thumbnails, (start + end) / 2) for start, end, _ in worst]
            shown = [[*span, picture] for span, picture in zip(worst, pictures, strict=True)]
            about = {"model": made_by.get(lane["of"], ""), "title": lane["title"].removesuffix(", by people")}
            found.append({**about, "agrees": lane["agrees"], "differ": len(lane["differs"]), "worst": shown})
    return found


def read_thumbnails(folder: Path) -> Thumbnails:
    """Where the thumbnails of a film's page lie; none where there is no such page."""
    try:
        told = json.loads((folder / THUMBNAILS).read_text(encoding="utf-8"))
        return Thumbnails(**{name: told[name] for name in Thumbnails.__dataclass_fields__})
    except (OSError, ValueError, KeyError):
        return Thumbnails()


def picture_at(thumbnails: Thumbnails, time_s: float) -> dict[str, Any] | None:
    """The sheet's file, and where on it the thumbnail nearest to a time lies."""
    if not thumbnails.times_s:
        return None
    nearest = min(range(len(thumbnails.times_s)), key=lambda at: abs(thumbnails.times_s[at] - time_s))
    sheet, tile = divmod(thumbnails.places[nearest], SHEET)
    corner = {"x": tile % COLUMNS * thumbnails.width, "y": tile // COLUMNS * thumbnails.height}
    return {"file": thumbnails.sheets[sheet], **corner, "width": thumbnails.width, "height": thumbnails.height}


def outlines(lanes: list[dict[str, Any]], length_s: float) -> dict[str, list[float | None]]:
    """Lines of the film in `BINS` equal parts, to lay beside other films': shots a minute, and what lanes draw."""
    if length_s <= 0:
        return {}
    edges = np.linspace(0, length_s, BINS + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    found: dict[str, list[float | None]] = {}
    for lane in lanes:
        if lane["why"] or lane["of"] or lane.get("start") == []:
            continue
        if lane["id"] == "shots":
            # Each shot counts evenly over its length, so that one whose middle is far away is no peak where it begins.
            begun = np.diff(np.interp(edges, [*lane["start"], lane["end"][-1]], np.arange(len(lane["start"]) + 1)))
            kernel = np.ones(PACE_BINS)
            near, wide = np.convolve(begun, kernel, "same"), np.convolve(np.ones(BINS), kernel, "same")
            found["shots a minute"] = [round(float(n), 1) for n in near / wide * BINS / length_s * 60]
        elif lane["kind"] == "lines":
            for series in lane["series"]:
                known = [(x, y) for x, y in zip(lane["x"], series["y"], strict=True) if y is not None]
                if known:
                    values = np.interp(middles, [x for x, _ in known], [y for _, y in known])
                    found[series["name"]] = [round(float(value), 3) for value in values]
    return found


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
    kinds = [name for name in ("shots", "scenes", "beats") if name in counted]
    tiles += [(name[:-1] if counted[name] == 1 else name, f"{counted[name]:,}") for name in kinds]
    tiles += [("average shot", f"{counted['average_shot_s']:.1f} s")] if "average_shot_s" in counted else []
    return tiles
