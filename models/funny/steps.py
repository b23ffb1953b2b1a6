"""What a film is cut into for the agent of `funny`: clips of equal length, or the lines that are said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.funny.turns import OPEN_S

Step = Literal["clip", "line"]


def read_lines(reader: TableReader, language: str | None) -> dict[str, Any]:
    """start_s, end_s (n,) and text of a film's lines, in order, of one of its sets of subtitles.

    language: whose; None: of any. Of several sets the one with most lines, of two alike the first.
    """
    table = reader.read(["track", "language", "start_s", "end_s", "text"])
    tracks = table["track"].to_numpy()
    spoken = np.array([language is None or name == language for name in table["language"].to_pylist()], bool)
    names, counts = np.unique(tracks[spoken], return_counts=True)
    table = table.filter(spoken & (tracks == (names[counts.argmax()] if len(names) else -1)))
    starts, ends = (table[name].to_numpy().astype(np.float64) for name in ("start_s", "end_s"))
    order = np.argsort(starts, kind="stable")
    texts = table["text"].to_pylist()
    return {"start_s": starts[order], "end_s": ends[order], "text": [texts[i] or "" for i in order]}


def clips(end_s: float, step_s: float) -> tuple[Array, Array]:
    """Starts and ends of clips that tile a film, each (T,); the last one may be shorter, a short film has one."""
    starts = np.arange(0.0, max(end_s, 0.0), step_s)
    if len(starts) > 1 and end_s - starts[-1] < 0.1 * step_s:
        starts = starts[:-1]  # a rest of a few pictures is no clip of its own
    return starts, np.append(starts[1:], end_s) if len(starts) else starts


def film_end_s(tables: Mapping[str, TableReader]) -> float:
    """When the film's last shot ends, or its sound where that goes on longer; in seconds."""
    ends = [tables[name].read(["end_s"])["end_s"].to_numpy() for name in ("shots", "sound") if name in tables]
    return max((float(end.max()) for end in ends if len(end)), default=0.0)


def shots_of(starts: Array, ends: Array, shots: TableReader) -> Array:
    """(T,) the shot in which each step's middle lies, -1 before the first."""
    table = shots.read(["shot", "start_s"])
    places = np.searchsorted(table["start_s"].to_numpy(), (starts + ends) / 2, side="right") - 1
    numbers = np.append(table["shot"].to_numpy(), -1).astype(np.int64)
    return np.asarray(numbers[places])


def conversations(starts: Array, ends: Array) -> Array:
    """(T,) numbers of runs of lines that no pause of half a minute parts."""
    pauses = starts[1:] - ends[:-1]
    return np.append(0, np.cumsum(pauses >= OPEN_S))[: len(starts)]


def pooled(starts: Array, ends: Array, begins: Array, stops: Array, rows: Array) -> tuple[Array, Array]:
    """(T, d) for each step the mean of the rows that overlap it, weighted by how long; and (T,) whether any does.

    begins, stops: (n,) extent of the rows in seconds, in order of their beginning; rows of no length count at their
    moment.
    """
    means, seen = np.zeros((len(starts), rows.shape[1]), np.float32), np.zeros(len(starts), bool)
    if not len(rows):
        return means, seen
    first = np.searchsorted(np.maximum.accumulate(stops), starts, side="right")
    last = np.searchsorted(begins, ends, side="left")
    first = np.minimum(first, np.searchsorted(begins, starts, side="left"))
    for step in np.flatnonzero(last > first):
        chosen = slice(first[step], last[step])
        shared = np.minimum(stops[chosen], ends[step]) - np.maximum(begins[chosen], starts[step])
        weight = np.maximum(shared, np.where(stops[chosen] > begins[chosen], 0, 1.0))
        if weight.sum() > 0:
            means[step], seen[step] = weight @ rows[chosen] / weight.sum(), True
    return means, seen


def as_features(starts: Array, ends: Array, shots: Array, pieces: Array) -> Arrays:
    """What every film has: time_s, end_s, shot and piece, each (T,)."""
    return {"time_s": starts, "end_s": ends, "shot": shots, "piece": pieces}
