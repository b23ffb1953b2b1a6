"""What a film is cut into for the agent of `funny`: clips of equal length, or the lines that are said.

Of lines their timing is measured too, and who goes on speaking: a laugh needs time, and those who speak wait for it.
Where the speaker is not known, a line may show itself that it begins a new turn (a leading dash).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.task import TableReader

MAX_LENGTH_S = 15.0
"""Longer lines are clipped to this length."""
PAUSES_S = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.5, 6.0)
"""Pauses are binned at these lengths: a linear reading of seconds would see little of a laugh."""
BEGINS_A_TURN = re.compile(r"\s*+(<[^>]*>)?\s*+(-|–|—|>>|[A-Z][A-Z .']{1,24}:)")
"""A dash, >>, or a name in capitals and a colon."""
OPEN_S = 30.0
"""A pause as long as this is the end of a conversation."""


def clips(end_s: float, step_s: float) -> tuple[Array, Array]:
    """Starts and ends of clips that tile a film, each (T,); the last one may be shorter, a short film has one."""
    starts = np.arange(0.0, max(end_s, 0.0), step_s)
    if len(starts) > 1 and end_s - starts[-1] < 0.1 * step_s:
        starts = starts[:-1]  # a rest of a few pictures is not a clip of its own
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


def pooled(starts: Array, ends: Array, begins: Array, stops: Array, rows: Array) -> tuple[Array, Array]:
    """(T, d) for each step the mean of the rows that overlap it, weighted by how long; and (T,) whether any does.

    begins, stops: (n,) extent of the rows in seconds, in order of their beginning; rows of length 0 count at their
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


# --- lines


def read_lines(reader: TableReader, language: str | None) -> dict[str, Any]:
    """start_s, end_s (n,) and text of a film's lines, in order, of one of its sets of subtitles.

    language: of which language; None: any. Of several sets the one with most lines, of equals the first.
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


def conversations(starts: Array, ends: Array) -> Array:
    """(T,) numbers of conversations: runs of lines without a pause of half a minute."""
    pauses = starts[1:] - ends[:-1]
    return np.append(0, np.cumsum(pauses >= OPEN_S))[: len(starts)]


def turn_features(start_s: Array, end_s: Array, same_before: Array, same_after: Array, pieces: Array) -> Array:
    """(T, 26) length, pauses before and after, and changes of speaker, of T lines in order.

    start_s, end_s: when each begins and ends, in seconds. same_before, same_after: (T,) whether the line before and
    after is the same speaker's. pieces: (T,) numbers of the conversations; pauses between two of them are unknown.
    """
    length = np.clip(end_s - start_s, 0, MAX_LENGTH_S)
    after = np.append(start_s[1:] - end_s[:-1], np.inf)
    joined = np.append(pieces[1:] == pieces[:-1], False)
    after = np.where(joined & (after < OPEN_S), after, np.inf)
    before = np.append(np.inf, after[:-1])
    columns = [length, np.log1p(length), same_before & (before < np.inf), same_after & (after < np.inf)]
    for pause in (before, after):
        known = pause < np.inf
        filled = np.where(known, pause, 0.0)
        columns += [known, np.clip(filled, -2, 6), np.log1p(np.clip(filled, 0, None))]
        columns += [known & (filled >= least) for least in PAUSES_S]
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)


def line_turns(texts: Sequence[str]) -> Array:
    """(T,) whether each line continues the turn of the one before, as far as the lines are marked.

    A line that begins with a dash, with >> or with a name and a colon begins a turn, and one with two dashes holds two.
    Where no line of the film is marked, nothing is known: none continues.
    """
    begins = np.array([bool(BEGINS_A_TURN.match(text)) for text in texts], bool)
    if not begins.any():
        return np.zeros(len(texts), bool)
    continues = ~begins
    continues[:1] = False
    return continues
