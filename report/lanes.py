"""The timeline of a film: lanes of spans and of lines, one table each, over the same time axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from report.tables import NOT_IN_MANIFEST, FilmTables
from report.values import plain

TimelineLane = dict[str, Any]
LaneBuilder = Callable[[pa.Table, FilmTables], TimelineLane]
MAX_ROWS = 8
"""Rows of tags or characters on the timeline; the tables below it have all."""
MIN_PROBABILITY = 0.5
FACE_S = 2.0
"""A face that was seen is not shown longer than this, where no other picture was looked at."""
QUIETEST_LUFS = -70.0
"""The absolute gate of ITU-R BS.1770: below it there is silence."""


@dataclass(frozen=True)
class LaneKind:
    """One lane: the task whose table it shows, its columns, and how rows become spans or lines.

    optional: a lane that is left out where the manifest does not name its task.
    """

    id: str
    title: str
    task: str
    columns: tuple[str, ...]
    build: LaneBuilder = field(repr=False)
    optional: bool = False


def spans(start: list[float], end: list[float], labels: list[str], **more: Any) -> TimelineLane:
    """Spans of seconds with their words; one row unless `row` and `rows` say otherwise."""
    return {"kind": "spans", "start": start, "end": end, "label": labels, "rows": [""], **more}


def _times(table: pa.Table) -> tuple[list[float], list[float]]:
    return plain(table["start_s"]), plain(table["end_s"])


def _shots(table: pa.Table, _: FilmTables) -> TimelineLane:
    columns = (table[name].to_pylist() for name in ("shot", "transition"))
    labels = [f"shot {n} ({how})" for n, how in zip(*columns, strict=True)]
    return spans(*_times(table), labels, colour="alternate")


def _scenes(table: pa.Table, _: FilmTables) -> TimelineLane:
    return spans(*_times(table), [f"scene {n}" for n in table["scene"].to_pylist()], colour="alternate", written=True)


def _beats(table: pa.Table, _: FilmTables) -> TimelineLane:
    return spans(*_times(table), table["category"].to_pylist(), colour="category", written=True)


def _funny(table: pa.Table, _: FilmTables) -> TimelineLane:
    funny = table.filter(table["is_funny"])
    return spans(*_times(funny), ["funny"] * funny.num_rows, colour="category")


def _subtitles(table: pa.Table, _: FilmTables) -> TimelineLane:
    return spans(*_times(table), table["text"].to_pylist(), colour="plain", written=True)


def _cues(table: pa.Table, _: FilmTables) -> TimelineLane:
    return _in_rows(*_times(table), table["kind"].to_pylist(), table["kind"].to_pylist())


def _characters(table: pa.Table, _: FilmTables) -> TimelineLane:
    return _in_rows(*_times(table), table["character"].to_pylist(), table["character"].to_pylist(), colour="category")


def _tags(table: pa.Table, tables: FilmTables) -> TimelineLane:
    shots = tables.read("shots", ["shot", "start_s", "end_s"])
    if shots is None:
        return {"why": f"needs shots: {tables.why('shots')}"}
    times = dict(zip(shots["shot"].to_pylist(), zip(*_times(shots), strict=True), strict=True))
    probabilities = zip(*(table[name].to_pylist() for name in ("shot", "tag", "probability")), strict=True)
    kept = sorted(
        (*times[shot], tag, value) for shot, tag, value in probabilities if value >= MIN_PROBABILITY and shot in times
    )
    start, end, tags, values = ([row[n] for row in kept] for n in range(4))
    labels = [f"{tag} {value:.2f}" for tag, value in zip(tags, values, strict=True)]
    return _in_rows(start, end, tags, labels, value=[round(value, 2) for value in values])


def _in_rows(start: list[float], end: list[float], names: list[str], labels: list[str], **more: Any) -> TimelineLane:
    """A row for each name, the longest in all first, at most `MAX_ROWS`."""
    seconds: dict[str, float] = {}
    for name, begin, stop in zip(names, start, end, strict=True):
        seconds[name] = seconds.get(name, 0.0) + stop - begin
    rows = sorted(seconds, key=lambda name: (-round(seconds[name], 6), name))[:MAX_ROWS]
    number = {name: at for at, name in enumerate(rows)}
    kept = [at for at, name in enumerate(names) if name in number]

    def kept_of(values: Any) -> Any:
        return [values[at] for at in kept] if isinstance(values, list) else values

    more = {name: kept_of(values) for name, values in more.items()}
    lane = spans(kept_of(start), kept_of(end), kept_of(labels), rows=rows, row=[number[names[at]] for at in kept])
    return {**lane, **more, "left_out": len(seconds) - len(rows)}


def _affect(table: pa.Table, _: FilmTables) -> TimelineLane:
    series = [{"name": name, "y": plain(table[name], 3)} for name in ("valence", "arousal")]
    return {"kind": "lines", "x": plain(table["time_s"]), "series": series, "low": -1, "high": 1, "unit": ""}


def _faces(table: pa.Table, tables: FilmTables) -> TimelineLane:
    """How many faces are seen: from a picture until the next one that was looked at, at most `FACE_S`."""
    count = Counter(plain(table["time_s"]))
    looked = tables.read("frames", ["time_s"])
    times = sorted(count.keys() | set(plain(looked["time_s"]) if looked is not None else ()))
    until = {time: min(after, time + FACE_S) for time, after in zip(times, [*times[1:], np.inf], strict=True)}
    found: list[tuple[float, float, int]] = []
    for time in sorted(count):
        goes_on = bool(found) and found[-1][1:] == (time, count[time])
        start = found.pop()[0] if goes_on else time
        found.append((start, until[time], count[time]))
    start_s, end_s, seen = ([span[n] for span in found] for n in range(3))
    return spans(start_s, end_s, [f"{n} face{'s' if n > 1 else ''}" for n in seen], colour="category", written=True)


def _loudness(table: pa.Table, _: FilmTables) -> TimelineLane:
    series = [{"name": "loudness", "y": [max(value, QUIETEST_LUFS) for value in plain(table["loudness_lufs"], 1)]}]
    lane = {"kind": "lines", "x": plain(table["start_s"]), "series": series, "low": QUIETEST_LUFS, "high": 0}
    return {**lane, "unit": "LUFS", "filled": True}


SPAN = ("start_s", "end_s")
LANES = (
    LaneKind("shots", "Shots", "shots", ("shot", *SPAN, "transition"), _shots),
    LaneKind("scenes", "Scenes", "scenes", ("scene", *SPAN), _scenes),
    LaneKind("beats", "Beats", "beats", ("category", *SPAN), _beats),
    LaneKind("tags", "Tags", "tag_shots", ("shot", "tag", "probability"), _tags),
    LaneKind("characters", "Characters", "appearances", ("character", *SPAN), _characters),
    LaneKind("people", "Actors", "actor_appearances", ("character", *SPAN), _characters, optional=True),
    LaneKind("faces", "Faces", "faces", ("time_s",), _faces, optional=True),
    LaneKind("affect", "Valence and arousal", "affect", ("time_s", "valence", "arousal"), _affect),
    LaneKind("loudness", "Loudness", "sound", ("start_s", "loudness_lufs"), _loudness),
    LaneKind("funny", "Funny", "funny", (*SPAN, "is_funny"), _funny),
    LaneKind("cues", "Cues", "cues", ("kind", *SPAN), _cues, optional=True),
    LaneKind("subtitles", "Subtitles", "subtitles", (*SPAN, "text"), _subtitles, optional=True),
)


def build_lanes(tables: FilmTables) -> list[TimelineLane]:
    """Every lane of a film: with its rows, or with the reason (`why`) that it has none."""
    wanted = [kind for kind in LANES if not (kind.optional and tables.of_task(kind.task).state == "absent")]
    return [_lane(kind, tables) for kind in wanted]


def _lane(kind: LaneKind, tables: FilmTables) -> TimelineLane:
    head = {"id": kind.id, "title": kind.title, "table": tables.of_task(kind.task).name}
    table = tables.read(kind.task, list(kind.columns))
    if table is None:
        return {
            **head,
            "note": "",
            "why": tables.why(kind.task),
            "is_unnamed": tables.why(kind.task) == NOT_IN_MANIFEST,
        }
    note = tables.of_task(kind.task).note
    lane = {**head, "note": note, "why": "", "is_unnamed": False, **kind.build(table, tables)}
    return {**lane, "told": _in_words(lane)}


def _in_words(lane: TimelineLane) -> str:
    """A lane in words, for screen readers."""
    if lane.get("kind") == "lines":
        return f"{' and '.join(series['name'] for series in lane['series'])}, {len(lane['x'])} values"
    names = [name for name in lane.get("rows", []) if name]
    return f"{len(lane.get('start', []))} spans" + (f" of {', '.join(names)}" if names else "")
