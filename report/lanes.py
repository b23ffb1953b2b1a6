"""The timeline of a film: lanes of spans and of lines, one table each, over the same time axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.spec.contract import Contract
from cinelake.spec.task import find_task
from report.said import (
    NEAR_S,
    Differences,
    PeopleSaid,
    boundary_differences,
    columns_of,
    line_differences,
    named_differences,
    spans_said,
)
from report.tables import NOT_IN_MANIFEST, FilmTables
from report.values import plain

TimelineLane = dict[str, Any]
LaneBuilder = Callable[[pa.Table, FilmTables], TimelineLane]
SaidBuilder = Callable[[TimelineLane, pa.Table, FilmTables, Collection[str]], tuple[TimelineLane, Differences]]
MAX_ROWS = 8
"""Rows of tags or characters on the timeline; the tables below it have all."""
TOUCH_S = 1e-3
"""Spans that share no more are one after the other."""
MIN_PROBABILITY = 0.5
MOST_SPANS = 20_000
"""A lane of more is told, not drawn: a page with it would be slow."""
WHOLE = "whole"
"""In a lane that is being made: all its spans with their names, those too that have no row."""
FACE_S = 2.0
"""A face that was seen is not shown longer than this, where no other picture was looked at."""
QUIETEST_LUFS = -70.0
"""The absolute gate of ITU-R BS.1770: below it there is silence."""


@dataclass(frozen=True)
class LaneKind:
    """One lane: the task whose table it shows, its columns, and how rows become spans or lines.

    optional: a lane that is left out where the manifest does not name its task. said: how people's labels for the
    model that makes the table stand beneath; its last argument: names that say that none of the others holds.
    """

    id: str
    title: str
    task: str
    columns: tuple[str, ...]
    build: LaneBuilder = field(repr=False)
    optional: bool = False
    said: SaidBuilder | None = None


def spans(start: list[float], end: list[float], labels: list[str], **more: Any) -> TimelineLane:
    """Spans of seconds with their words; one row unless `row` and `rows` say otherwise."""
    return {"kind": "spans", "start": start, "end": end, "label": labels, "rows": [""], **more}


def stacked(start: list[float], end: list[float], labels: list[str], **more: Any) -> TimelineLane:
    """Spans with words, those that show at once (lines of one picture) in rows below each other, at most `MAX_ROWS`.

    Where more show at once, the last row has the others.
    """
    free: list[float] = []
    row = [0] * len(start)
    for at in sorted(range(len(start)), key=lambda number: (start[number], number)):
        number = next((n for n, until in enumerate(free) if until <= start[at] + TOUCH_S), len(free))
        row[at] = min(number, MAX_ROWS - 1)
        free[row[at] : row[at] + 1] = [end[at]]
    if len(free) < 2:
        return spans(start, end, labels, **more)
    return {**spans(start, end, labels, **more), "rows": [""] * len(free), "row": row}


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
    return stacked(*_times(table), table["text"].to_pylist(), colour="plain", written=True)


def _speech(table: pa.Table, tables: FilmTables) -> TimelineLane:
    """What is heard, a row a kind; where people speak, the lines of the transcript with what they say."""
    heard = list(zip(*_times(table), table["kind"].to_pylist(), table["kind"].to_pylist(), strict=True))
    lines = tables.read("transcript", [*SPAN, "text"])
    if max(table.num_rows, lines.num_rows if lines else 0) > MOST_SPANS:
        return {"why": f"{table.num_rows:,} spans are too many for a lane; `cinelake query` has them"}
    if lines is not None:
        said = [
            (start, end, "speech", text or "…")
            for start, end, text in zip(*(lines[name].to_pylist() for name in (*SPAN, "text")), strict=True)
        ]
        begins = np.sort(np.array([start for start, *_ in said]))
        heard = [span for span in heard if span[2] != "speech" or not _begins_in(begins, span[0], span[1])]
        heard = sorted([*heard, *said])
    start, end = [span[0] for span in heard], [span[1] for span in heard]
    kinds, labels = [span[2] for span in heard], [span[3] for span in heard]
    return _in_rows(start, end, kinds, labels, colour="category", written=lines is not None)


def _begins_in(begins: Any, start_s: float, end_s: float) -> bool:
    """Whether one of the sorted times lies in a span, or no more than a margin before it."""
    at = int(np.searchsorted(begins, start_s - NEAR_S))
    return at < len(begins) and bool(begins[at] < end_s)


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


def _in_rows(
    start: list[float],
    end: list[float],
    names: list[str],
    labels: list[str],
    rows: list[str] | None = None,
    **more: Any,
) -> TimelineLane:
    """A row for each name, the longest in all first, at most `MAX_ROWS`. rows: names that come first."""
    seconds: dict[str, float] = {}
    for name, begin, stop in zip(names, start, end, strict=True):
        seconds[name] = seconds.get(name, 0.0) + stop - begin
    longest = sorted(seconds, key=lambda name: (-round(seconds[name], 6), name))
    rows = [*(rows or ()), *(name for name in longest if name not in (rows or ()))][:MAX_ROWS]
    number = {name: at for at, name in enumerate(rows)}
    kept = [at for at, name in enumerate(names) if name in number]

    def kept_of(values: Any) -> Any:
        return [values[at] for at in kept] if isinstance(values, list) else values

    more = {name: kept_of(values) for name, values in more.items()}
    lane = spans(kept_of(start), kept_of(end), kept_of(labels), rows=rows, row=[number[names[at]] for at in kept])
    return {**lane, **more, WHOLE: list(zip(start, end, names, strict=True)), "left_out": len(set(seconds) - set(rows))}


def _affect(table: pa.Table, _: FilmTables) -> TimelineLane:
    series = [{"name": name, "y": plain(table[name], 3)} for name in ("valence", "arousal")]
    return {"kind": "lines", "x": plain(table["time_s"]), "series": series, "low": -1, "high": 1, "unit": ""}


def _faces(table: pa.Table, tables: FilmTables) -> TimelineLane:
    """How many faces are seen: from a picture until the next one that was looked at, at most `FACE_S`."""
    count = Counter(plain(table["time_s"]))
    looked = tables.read("frames", ["time_s"])
    times = sorted(count.keys() | set(plain(looked["time_s"]) if looked is not None else ()))
    until = {time: min(after, time + FACE_S) for time, after in pairwise([*times, np.inf])}
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


def _named(column: str | None, *, whole: bool = False) -> Any:
    """Labels whose column names what holds. whole: a film with labels at all is labelled from end to end.

    What is marked difficult is shown, but nobody is held to it: no model is trained on it or scored by it.
    """

    def build(
        lane: TimelineLane, labels: pa.Table, tables: FilmTables, nobody: Collection[str]
    ) -> tuple[TimelineLane, Differences]:
        given = [span for span in spans_said(labels, tables, column) if span[1] > span[0]]
        shown = [span for span in given if span[2] not in nobody]
        if "difficult" in labels.column_names:
            labels = labels.filter(pc.invert(pc.fill_null(labels["difficult"], False)))
        said = [span for span in spans_said(labels, tables, column) if span[1] > span[0]]
        alone = lane["label"] if column else [""] * len(lane["start"])
        model = lane[WHOLE] if WHOLE in lane else list(zip(lane["start"], lane["end"], alone, strict=True))
        ends = [end for _, end, _ in (*model, *said)]
        extent = [(0.0, max(ends), "")] if whole and ends else None
        start, end, label = columns_of(shown)
        made = _in_rows(start, end, label, label, rows=lane["rows"]) if "row" in lane else spans(start, end, label)
        return {**made, "colour": lane.get("colour"), "written": lane.get("written")}, named_differences(
            model, said, extent, nobody
        )

    return build


def _boundaries(
    lane: TimelineLane, labels: pa.Table, tables: FilmTables, _nobody: Collection[str]
) -> tuple[TimelineLane, Differences]:
    said = spans_said(labels, tables, None)
    start, end, _names = columns_of(said)
    made = spans(start, end, [f"scene {n}" for n in range(len(said))], colour="alternate", written=True)
    begins = [at for at in start if at > min(lane["start"], default=0.0) + NEAR_S]
    return made, boundary_differences(lane["start"][1:], begins, said)


def _funny_said(
    lane: TimelineLane, labels: pa.Table, tables: FilmTables, _nobody: Collection[str]
) -> tuple[TimelineLane, Differences]:
    """Where no row says `is_funny`, the film was watched whole; else only what rows cover is known."""
    given = labels["is_funny"].to_pylist() if "is_funny" in labels.column_names else [None] * len(labels)
    known = spans_said(labels, tables, None)
    funny = pa.array([value is not False for value in given])
    said = [(start, end, "funny") for start, end, _ in spans_said(labels.filter(funny), tables, None)]
    model = list(zip(lane["start"], lane["end"], lane["label"], strict=True))
    ends = [end for _, end, _ in (*model, *said)]
    whole = [(0.0, max(ends), "")] if ends and not any(value is not None for value in given) else known
    start, end, label = columns_of(said)
    return spans(start, end, label, colour="category"), named_differences(model, said, whole)


def _line(
    lane: TimelineLane, labels: pa.Table, _: FilmTables, _nobody: Collection[str]
) -> tuple[TimelineLane, Differences]:
    rows = labels.sort_by("time_s")
    names = [series["name"] for series in lane["series"] if series["name"] in rows.column_names]
    series = [{"name": name, "y": plain(rows[name], 3)} for name in names]
    made = {**lane, "x": plain(rows["time_s"]), "series": series}
    return made, line_differences(lane, made)


SPAN = ("start_s", "end_s")
LANES = (
    LaneKind("shots", "Shots", "shots", ("shot", *SPAN, "transition"), _shots),
    LaneKind("scenes", "Scenes", "scenes", ("scene", *SPAN), _scenes, said=_boundaries),
    LaneKind("beats", "Beats", "beats", ("category", *SPAN), _beats, said=_named("category")),
    LaneKind("tags", "Tags", "tag_shots", ("shot", "tag", "probability"), _tags, said=_named("tag", whole=True)),
    LaneKind("characters", "Characters", "appearances", ("character", *SPAN), _characters, said=_named("character")),
    LaneKind("people", "Actors", "actor_appearances", ("character", *SPAN), _characters, optional=True),
    LaneKind("faces", "Faces", "faces", ("time_s",), _faces, optional=True),
    LaneKind("affect", "Valence and arousal", "affect", ("time_s", "valence", "arousal"), _affect, said=_line),
    LaneKind("loudness", "Loudness", "sound", ("start_s", "loudness_lufs"), _loudness),
    LaneKind("funny", "Funny", "funny", (*SPAN, "is_funny"), _funny, said=_funny_said),
    LaneKind("cues", "Cues", "cues", ("kind", *SPAN), _cues, optional=True),
    LaneKind("speech", "Speech", "speech", ("kind", *SPAN), _speech, optional=True),
    LaneKind("subtitles", "Subtitles", "subtitles", (*SPAN, "text"), _subtitles, optional=True),
)


ROW_COLUMNS = ("kind", "character", "person", "category", "tag", "role", "speaker")
"""Columns that make the rows of a lane of a table that no lane above is for: the first that it has."""
WORDS = ("text", "name", "label")
"""Columns with the words of its spans."""


def other_lanes(tables: FilmTables) -> list[LaneKind]:
    """A lane for every other table whose rows are named spans of the film: `start_s`, `end_s`, and a kind or words."""
    known = {kind.task for kind in LANES}
    if tables.of_task("speech").is_present:
        known.add("transcript")  # its lines are in the lane of speech
    found = {}
    for state in tables.states.values():
        if state.task in known or state.name in found or not state.is_present:
            continue
        contract = find_task(state.task).contract
        names = {column.name for column in contract.columns}
        if set(SPAN) <= names and names & {*ROW_COLUMNS, *WORDS}:
            found[state.name] = _other_lane(state.name, contract, names)
    return list(found.values())


def _other_lane(name: str, contract: Contract, names: set[str]) -> LaneKind:
    row = next((column for column in ROW_COLUMNS if column in names), None)
    words = next((column for column in WORDS if column in names), None)
    columns = tuple(dict.fromkeys([*SPAN, *filter(None, (row, words))]))

    def build(table: pa.Table, _: FilmTables) -> TimelineLane:
        if table.num_rows > MOST_SPANS:
            return {"why": f"{table.num_rows:,} rows are too many for a lane; `cinelake query` has them"}
        start, end = _times(table)
        named = [str(value or f"unknown {row}") for value in table[row].to_pylist()] if row else [""] * len(start)
        told = [str(value or "") for value in table[words].to_pylist()] if words else named
        labels = [text or kind or name for text, kind in zip(told, named, strict=True)]
        if row and len(set(named)) > 1:
            return _in_rows(start, end, named, labels, colour="category", written=bool(words))
        return stacked(start, end, labels, colour="plain", written=True)

    return LaneKind(name, contract.table.replace("_", " ").capitalize(), name, columns, build, optional=True)


def build_lanes(tables: FilmTables, people: PeopleSaid | None = None) -> list[TimelineLane]:
    """Every lane of a film: with its rows, or with the reason (`why`) that it has none; people's labels beneath."""
    wanted = [kind for kind in LANES if not (kind.optional and tables.of_task(kind.task).state == "absent")]
    made: list[TimelineLane] = []
    for kind in [*wanted, *other_lanes(tables)]:
        lane = _lane(kind, tables)
        said = _said(kind, lane, tables, people) if kind.said and people and not lane["why"] else []
        lane["is_empty"] = not (lane["why"] or lane["note"] or lane.get("start", lane.get("x")) or said)
        made += [lane, *said]
    return [{name: value for name, value in lane.items() if name != WHOLE} for lane in made]


def _said(kind: LaneKind, lane: TimelineLane, tables: FilmTables, people: PeopleSaid) -> list[TimelineLane]:
    labels = people.of(tables, kind.task)
    if labels is None or kind.said is None:
        return []
    made, found = kind.said(lane, labels, tables, people.nobody(tables, kind.task))
    head = {"id": f"{lane['id']}-said", "title": f"{lane['title']}, by people", "table": lane["table"], "note": ""}
    told = {"why": "", "is_empty": False, "is_unnamed": False, "of": lane["id"], "agrees": found.agrees}
    if made.get("colour") == "category" and "row" not in made:
        model = set(lane["label"])
        made["kinds"] = [*sorted(model), *sorted(set(made["label"]) - model)]
    differs = [[round(start, 3), round(end, 3), words] for start, end, words in found.spans]
    return [{**made, **head, **told, "differs": differs, "told": _in_words(made)}]


def empty_lanes(lanes: list[TimelineLane]) -> str:
    """Titles of the lanes that were computed and have nothing to show, nor labels beneath, nor a note to be told."""
    return ", ".join(lane["title"] for lane in lanes if lane.get("is_empty"))


def missing_lanes(lanes: list[TimelineLane]) -> list[tuple[str, str]]:
    """What is not computed, in a few words: titles of lanes, and the reason that they share."""
    reasons: dict[str, list[str]] = {}
    for lane in lanes:
        if lane["why"]:
            reasons.setdefault(lane["why"], []).append(lane["title"])
    return [(", ".join(titles), why) for why, titles in reasons.items()]


def _lane(kind: LaneKind, tables: FilmTables) -> TimelineLane:
    head = {"id": kind.id, "title": kind.title, "table": tables.of_task(kind.task).name, "of": "", "differs": []}
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
