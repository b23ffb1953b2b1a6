"""What a film's page shows besides its timeline: key figures, tables, provenance, models with scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from cinelake.lake.cells import Footer
from report.clock import clock
from report.tables import FilmTables, TableState
from report.values import plain


@dataclass(frozen=True)
class PageTable:
    """A table beneath the timeline: its task and the columns that a reader wants."""

    title: str
    task: str
    columns: tuple[str, ...]


PAGE_TABLES = (
    PageTable("Shots", "shots", ("shot", "start_s", "end_s", "start_frame", "end_frame", "transition", "score")),
    PageTable("Scenes", "scenes", ("scene", "start_s", "end_s", "start_shot", "end_shot", "score")),
    PageTable("Beats", "beats", ("beat", "category", "start_s", "end_s", "start_shot", "end_shot", "confidence")),
    PageTable("Tags", "tags", ("tag", "weight", "relevance", "shots")),
    PageTable("Screen time", "screen_time", ("character", "seconds", "share", "appearances")),
    PageTable("Screen time of actors", "screen_time_of_actors", ("character", "seconds", "share", "appearances")),
    PageTable("Funny moments", "funny", ("start_s", "end_s", "is_funny", "q_funny", "q_not_funny")),
    PageTable("Cues", "cues", ("kind", "start_s", "end_s")),
    PageTable("Subtitles", "subtitles", ("start_s", "end_s", "language", "text")),
)


def page_tables(tables: FilmTables) -> list[dict[str, Any]]:
    """The tables that the film has, by columns; numbers rounded for reading."""
    made = []
    shown: set[str] = set()
    for page_table in PAGE_TABLES:
        name = tables.of_task(page_table.task).name
        rows = tables.read(page_table.task, list(page_table.columns)) if name not in shown else None
        if rows is not None:
            shown.add(name)
            columns = [plain(rows[name]) for name in page_table.columns]
            note = tables.of_task(page_table.task).note
            made.append({"title": page_table.title, "names": page_table.columns, "columns": columns, "note": note})
    return made


def film_row(tables: FilmTables) -> dict[str, Any]:
    """The film's row of `films`; empty where it has not been made."""
    columns = ["uri", "duration_s", "width", "height", "fps", "video_codec", "audio_codec", "size_bytes"]
    films = tables.read("films", columns)
    return dict(films.to_pylist()[0]) if films is not None and films.num_rows else {}


def duration_s(film: Mapping[str, Any], lanes: list[dict[str, Any]]) -> float:
    """How long the film is: as `films` says, else where the last span or value lies."""
    known = [lane.get(name) or [] for lane in lanes for name in ("end", "x")]
    ends = [value for values in known for value in values if value is not None]
    return float(film.get("duration_s") or max(ends, default=0.0))


def technical(film: Mapping[str, Any]) -> list[str]:
    """The line beneath the title: length, picture, sound, size."""
    parts = [clock(film["duration_s"])] if film.get("duration_s") else []
    parts += [f"{film['width']} × {film['height']}"] if film.get("width") else []
    parts += [f"{film['fps']:.3f}".rstrip("0").rstrip(".") + " fps"] if film.get("fps") else []
    parts += [str(film[name]) for name in ("video_codec", "audio_codec") if film.get(name)]
    return [*parts, *([f"{film['size_bytes'] / 1e6:,.1f} MB"] if film.get("size_bytes") else [])]


def figures(tables: FilmTables, length_s: float) -> dict[str, Any]:
    """What is counted of a film, for its page and its card in the catalogue; unknown figures are left out."""
    result: dict[str, Any] = {"duration_s": length_s} if length_s else {}
    shots = tables.read("shots", ["start_s", "end_s"])
    if shots is not None and shots.num_rows:
        result["shots"] = shots.num_rows
        result["average_shot_s"] = round(pc.mean(pc.subtract(shots["end_s"], shots["start_s"])).as_py(), 2)
    for task, column, name in (("scenes", "scene", "scenes"), ("beats", "beat", "beats")):
        counted = tables.read(task, [column])
        result |= {} if counted is None else {name: counted.num_rows}
    result["tags"] = _first(tables, "tags", "tag", "weight")
    seen = [_first(tables, table, "character", "seconds") for table in ("screen_time", "screen_time_of_actors")]
    result["characters"] = list(dict.fromkeys([*seen[0], *seen[1]]))
    return result


def _first(tables: FilmTables, task: str, name: str, by: str, limit: int = 5) -> list[str]:
    table = tables.read(task, [name, by])
    if table is None:
        return []
    rows: list[str] = table.sort_by([(by, "descending"), (name, "ascending")])[name].to_pylist()
    return rows[:limit]


def provenance(tables: FilmTables, scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where each table comes from, or why it is missing."""
    return [_origin(state, tables.why(state.task), scores) for state in tables.states.values()]


def _origin(state: TableState, why: str, scores: Mapping[str, Any]) -> dict[str, Any]:
    about = {"table": state.name, "state": state.state, "note": state.note, "why": why}
    return {**about, **(_made(state.footer, scores) if state.footer else {})}


def _made(footer: Footer, scores: Mapping[str, Any]) -> dict[str, Any]:
    ingredients, run = footer.ingredients, footer.run
    params = ingredients.get("params") or {}
    return {
        "version": f"{ingredients.get('version')}.{ingredients.get('revision')}",
        "params": ", ".join(f"{name} = {value}" for name, value in params.items()) or "none",
        "inputs": ", ".join(ingredients.get("inputs") or {}) or "the film",
        "model": model_name(footer),
        "score": scores.get(model_name(footer), {}).get("main", ""),
        "at": str(run.get("at", "")),
        "device": str(run.get("device", "")),
        "took": f"{run['wall_s']:.2f} s" if isinstance(run.get("wall_s"), (int, float)) else "",
        "versions": ", ".join(f"{name} {number}" for name, number in (run.get("versions") or {}).items()),
        "key": footer.key,
    }


def origin(row: Mapping[str, Any]) -> str:
    """A row of the provenance in one line, for the panel that shows the table."""
    if "key" not in row:
        return f"{row['table']}: not computed"
    model = f"; model {row['model']}: {row['score']}" if row["model"] else ""
    return (
        f"{row['table']} version {row['version']}, {row['state']}; parameters: {row['params']}{model}; {row['at'][:16]}"
    )


def model_name(footer: Footer | None) -> str:
    """`scenes 3` for a cell that version 3 of model scenes made; else empty."""
    model = (footer.ingredients.get("model") or {}) if footer else {}
    return f"{model['name']} {model['version']}" if model.get("name") else ""
