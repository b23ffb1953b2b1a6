"""Which spans of a film a supercut shows: pure functions over the lake's tables.

A *selector* (tags, scenes, beats, a character, a range of affect) returns spans with a relevance from 0 to 1. Of the
values of one selector any will do; several selectors must hold at the same time (`either=True`: one of them is
enough). Where all must hold the relevance is the least of theirs, else the greatest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import UnknownName, UsageError
from cinelake.search.spans import TOUCH_S, Span
from tasks.affect import parse_condition

FINEST_S = 0.04
"""Lengths are weighed in steps of so many seconds, or of a longer one where more than `STEPS` of them would be."""
STEPS = 5000
_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def tagged(tag_shots: pa.Table, shots: pa.Table, tags: Sequence[str], min_probability: float = 0.0) -> list[Span]:
    """The shots that carry any of the tags with at least this probability, which is their relevance.

    Raises `UnknownName` for a tag that no shot of the film has.
    """
    _check_known("tag", tags, tag_shots["tag"].to_pylist())
    times = {shot: (start, end) for shot, start, end in _rows(shots, "shot", "start_s", "end_s")}
    return [
        Span(*times[shot], probability, tag)
        for shot, tag, probability in _rows(tag_shots, "shot", "tag", "probability")
        if tag in tags and probability >= min_probability and shot in times
    ]


def labelled(labels: pa.Table, shots: pa.Table | None, tags: Sequence[str]) -> list[Span]:
    """The spans that people labelled with any of the tags. Raises `UnknownName`, `UsageError`."""
    if "tag" not in labels.column_names:
        raise UsageError(f"these labels have no column 'tag'. They have: {', '.join(labels.column_names)}")
    _check_known("tag", tags, labels["tag"].drop_null().to_pylist())
    starts, ends = ([], []) if shots is None else (shots["start_s"].to_pylist(), shots["end_s"].to_pylist())
    spans = []
    for row in labels.to_pylist():
        if row["tag"] not in tags:
            continue
        if row.get("start_s") is not None:
            spans.append(Span(row["start_s"], row["end_s"], 1.0, row["tag"]))
        elif row.get("start_shot") is not None and row["end_shot"] <= len(ends):
            spans.append(Span(starts[row["start_shot"]], ends[row["end_shot"] - 1], 1.0, row["tag"]))
        elif row.get("start_shot") is not None:
            raise UsageError(f"a label ends at shot {row['end_shot']}; the film has {len(ends)} shots in the lake")
        else:
            spans.append(Span(0.0, float("inf"), 1.0, row["tag"]))
    return spans


def numbered(scenes: pa.Table, numbers: Sequence[int]) -> list[Span]:
    """The scenes with these numbers. Raises `UnknownName`."""
    _check_known("scene", [str(number) for number in numbers], [str(number) for number in scenes["scene"].to_pylist()])
    rows = _rows(scenes, "scene", "start_s", "end_s")
    return [Span(start, end, 1.0, f"scene {scene}") for scene, start, end in rows if scene in numbers]


def numbers(option: str, words: Sequence[str]) -> list[int]:
    """Words as numbers of scenes. option: for the message. Raises `UsageError`."""
    if not all(word.isdecimal() for word in words):
        raise UsageError(f"{option} takes numbers, as in 3,5. Received: {','.join(words)!r}")
    return [int(word) for word in words]


def of_beats(beats: pa.Table, names: Sequence[str], min_confidence: float = 0.0) -> list[Span]:
    """The beat events of these categories with at least this confidence. Raises `UnknownName`."""
    _check_known("beat", names, beats["category"].to_pylist())
    rows = _rows(beats, "category", "start_s", "end_s", "confidence")
    return [
        Span(start, end, confidence, name)
        for name, start, end, confidence in rows
        if name in names and confidence >= min_confidence
    ]


def appearing(appearances: pa.Table, characters: Sequence[str], kind: str = "character") -> list[Span]:
    """When any of these characters is to be seen. kind: what they are called. Raises `UnknownName`."""
    _check_known(kind, characters, appearances["character"].to_pylist())
    rows = _rows(appearances, "character", "start_s", "end_s")
    return [Span(start, end, 1.0, name) for name, start, end in rows if name in characters]


def felt(affect: pa.Table, condition: str) -> list[Span]:
    """When valence or arousal is as the condition says, as in `arousal>0.5`; each value holds until the next.

    The relevance is how far the value is beyond the bound, as a part of what is possible. Raises `UsageError`, also
    where the line has no values at all: that it never is so would be wrong to say.
    """
    name, comparison, bound = parse_condition(condition)
    if len(affect) and affect[name].null_count == len(affect):
        raise UsageError(
            f"{condition!r} cannot be answered: the gate blocked the model's line of {name}, so it has no values "
            "(`cinelake why affect MOVIE` tells why)"
        )
    times, values = affect["time_s"].to_numpy(), affect[name].to_numpy(zero_copy_only=False)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    ends = np.append(times[1:], times[-1:] + step)
    room = max(1e-9, 1 - bound if comparison.startswith(">") else 1 + bound)
    relevance = np.clip(np.abs(values - bound) / room, 0, 1)
    chosen = np.flatnonzero(_COMPARE[comparison](values, bound))
    return [Span(float(times[i]), float(ends[i]), float(relevance[i]), condition) for i in chosen]


def by_line(lines: pa.Table, shots: pa.Table, name: str = "") -> list[Span]:
    """All shots; the relevance is the mean of a line during each, 0 for the least of the film's shots, 1 for the most.

    name: of the line, where the table has several, or of a column of numbers beside `time_s` or `start_s`; where there
    is `end_s`, a number holds until then. Raises `UnknownName`, and `UsageError` for a table without lines.
    """
    lines = _as_lines(lines, name)
    known = sorted(set(lines["line"].drop_null().to_pylist()))
    if name not in known and (name or len(known) != 1):
        raise UnknownName("line", name, known)
    name = name or known[0]
    own = lines.filter(pc.and_(pc.equal(lines["line"], name), pc.is_finite(lines["value"])))
    if not len(own):
        raise UsageError(f"--of: no value of the line {name!r} is a number")
    own = own.sort_by("time_s")
    times, values = own["time_s"].to_numpy(), own["value"].to_numpy().astype(float)
    ends = own["end_s"].to_numpy() if "end_s" in own.column_names else times
    until, means = np.maximum.accumulate(ends), []
    for start, end in _rows(shots, "start_s", "end_s"):
        near = slice(np.searchsorted(until, start), np.searchsorted(times, end))
        shared_s = np.minimum(ends[near], end) - np.maximum(times[near], start)
        weights = np.where(ends[near] > times[near], np.maximum(shared_s, 0), times[near] >= start)
        inside = weights.sum() > 0
        mean = np.average(values[near], weights=weights) if inside else np.interp((start + end) / 2, times, values)
        means.append(float(mean))
    least, most = min(means, default=0.0), max(means, default=0.0)
    return [
        Span(start, end, (mean - least) / max(most - least, 1e-9) if most > least else 1.0, f"{name} {mean:.3g}")
        for (start, end), mean in zip(_rows(shots, "start_s", "end_s"), means, strict=True)
    ]


LINES = ("line", "time_s", "value")


def _as_lines(rows: pa.Table, name: str) -> pa.Table:
    """A table of `LINES`: as it is, or of its column of this name, with `end_s` where its rows are spans.

    Raises `UnknownName`, `UsageError`.
    """
    if set(LINES) <= set(rows.column_names):
        return rows
    time = next((column for column in ("time_s", "start_s") if column in rows.column_names), None)
    numbers = [] if time is None else number_columns(rows.schema)
    if time is None or not numbers:
        raise UsageError(f"--of takes a table of lines over time. This one has {', '.join(rows.column_names)}")
    if not name:
        raise UsageError(f"--of takes a table of lines over time: of this one name a column, {' or '.join(numbers)}")
    if name not in numbers:
        raise UnknownName("line", name, numbers)
    found = pa.table([pa.array([name] * len(rows), pa.string()), rows[time], rows[name]], names=list(LINES))
    is_span = time == "start_s" and "end_s" in rows.column_names
    return found.append_column("end_s", pc.coalesce(rows["end_s"], rows[time])) if is_span else found


def number_columns(schema: pa.Schema) -> list[str]:
    """The columns of real numbers that are no times."""
    return [field.name for field in schema if pa.types.is_floating(field.type) and not field.name.endswith("_s")]


def fullest(spans: Sequence[Span], max_s: float) -> list[Span]:
    """The spans that together have the most relevance, summed over their seconds, in at most `max_s`, in film order.

    A knapsack, as summaries of films are made (Song et al., "TVSum: Summarizing Web Videos Using Titles", CVPR 2015).
    Lengths are rounded up for it; what that leaves free takes the most relevant of the other spans that fit. Where no
    span is short enough, the most relevant one is shortened.
    """
    if sum(span.length_s for span in spans) <= max_s + TOUCH_S:
        return sorted(spans, key=lambda span: span.start_s)
    step = max(FINEST_S, max_s / STEPS)
    room = int(max_s / step + 1e-6)
    sizes = [max(1, int(np.ceil(span.length_s / step - 1e-6))) for span in spans]
    best, taken = np.zeros(room + 1), np.zeros((len(spans), room + 1), bool)
    for number, (span, size) in enumerate(zip(spans, sizes, strict=True)):
        if size <= room:
            found = best[: room + 1 - size] + span.relevance * span.length_s
            taken[number, size:] = found > best[size:]
            best[size:] = np.maximum(best[size:], found)
    kept, others, left = list[Span](), list[Span](), room
    for number in range(len(spans) - 1, -1, -1):
        (kept if taken[number, left] else others).append(spans[number])
        left -= sizes[number] if taken[number, left] else 0
    free_s = max_s - sum(span.length_s for span in kept)
    for span in sorted(others, key=lambda span: (-span.relevance, span.start_s)):
        if span.length_s <= free_s + TOUCH_S:
            kept.append(span)
            free_s -= span.length_s
    return sorted(kept, key=lambda span: span.start_s) or chosen(spans, max_s)


def chosen(spans: Sequence[Span], max_s: float | None) -> list[Span]:
    """The most relevant spans that together last at most `max_s`, in film order.

    A span that does not fit any more is skipped; the most relevant one is returned alone and shortened if it
    is longer than `max_s` by itself.
    """
    if max_s is None:
        return list(spans)
    ranked = sorted(spans, key=lambda span: (-span.relevance, span.start_s))
    if ranked and ranked[0].length_s > max_s:
        return [replace(ranked[0], end_s=ranked[0].start_s + max_s)]
    kept, used = [], 0.0
    for span in ranked:
        if used + span.length_s <= max_s + TOUCH_S:
            kept.append(span)
            used += span.length_s
    return sorted(kept, key=lambda span: span.start_s)


def ordered(spans: Iterable[Span], order: str) -> list[Span]:
    """In the order of the film, or the most relevant first."""
    if order == "film":
        return sorted(spans, key=lambda span: span.start_s)
    if order == "relevance":
        return sorted(spans, key=lambda span: (-span.relevance, span.start_s))
    raise UnknownName("order", order, ["film", "relevance"])


def _check_known(kind: str, wanted: Sequence[str], present: Iterable[str]) -> None:
    known = sorted(set(present))
    for name in wanted:
        if name not in known:
            raise UnknownName(kind, name, known)


def _rows(table: pa.Table, *names: str) -> Iterable[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in names), strict=True)
