"""From who is in each sampled picture to spans of time: each picture stands for its sampling step, within its shot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array
from cinelake.spec.contract import Column, Contract
from cinelake.spec.roles import SearchCondition, SearchQuestion
from cinelake.spec.task import Field, Params

TOUCH_S = 1e-6


class SpanParams(Params):
    """How sightings become spans."""

    bridge_s: float = Field(0.0, ge=0)
    """Gaps up to this many seconds between two sightings in one shot are taken for presence."""
    min_s: float = Field(0.0, ge=0)
    """Spans shorter than this many seconds are dropped."""


@dataclass(frozen=True)
class Sightings:
    """time_s (T,): when pictures were looked at, in order. present (T, C): who is there. confidence (T, C)."""

    cast: Sequence[str]
    time_s: Array
    present: Array
    confidence: Array


@dataclass(frozen=True)
class AppearanceSpan:
    """One stretch of one character within one shot."""

    character: str
    start_s: float
    end_s: float
    shot: int
    confidence: float


def appearances_contract(table: str, doc: str, who: str) -> Contract:
    """The contract of a table of appearances. who: what its column `character` holds."""
    return Contract(
        table=table,
        doc=doc,
        columns=[
            Column("character", pa.string(), who),
            Column("start_s", pa.float64(), "When they come into the picture, in seconds.", at_least=0),
            Column("end_s", pa.float64(), "When they are gone: at the end of the shot at the latest.", at_least=0),
            Column("shot", pa.int32(), "The shot; no span goes over a cut.", at_least=0),
            Column("confidence", pa.float32(), "Mean probability, or likeness, in its pictures.", False, 0, 1),
        ],
        key=["character", "start_s"],
    )  # fmt: skip


def cells(time_s: Array, starts_s: Array, ends_s: Array) -> tuple[Array, Array, Array]:
    """shot (T,), begin (T,) and end (T,): the time that each picture stands for.

    Half of the way to its neighbours, at the first and last picture of a shot the rest of it; never more than one
    sampling step (the median distance of pictures) to either side.
    """
    shot = np.clip(np.searchsorted(starts_s, time_s + TOUCH_S, side="right") - 1, 0, None)
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else float(ends_s[-1] - starts_s[0])
    middle = (time_s[1:] + time_s[:-1]) / 2
    same = np.diff(shot) == 0
    begin = np.concatenate([starts_s[shot[:1]], np.where(same, middle, starts_s[shot[1:]])])
    end = np.concatenate([np.where(same, middle, ends_s[shot[:-1]]), ends_s[shot[-1:]]])
    return shot, np.maximum(begin, time_s - step), np.minimum(end, time_s + step)


def spans_of(seen: Sightings, starts_s: Array, ends_s: Array, params: SpanParams) -> list[AppearanceSpan]:
    """The spans of every character, by character and time. starts_s, ends_s: of the film's shots, in order."""
    if not len(seen.time_s) or not len(starts_s):
        return []
    bounds = cells(seen.time_s, starts_s, ends_s)
    found = [
        span
        for column in np.argsort(seen.cast)
        for span in _of_one(seen, int(column), bounds, params)
        if span.end_s - span.start_s >= max(params.min_s, TOUCH_S)
    ]
    return found


def _of_one(
    seen: Sightings, column: int, bounds: tuple[Array, Array, Array], params: SpanParams
) -> Iterator[AppearanceSpan]:
    shot, begin, end = bounds
    rows = np.flatnonzero(seen.present[:, column])
    apart = (np.diff(shot[rows]) != 0) | (begin[rows[1:]] - end[rows[:-1]] > params.bridge_s + TOUCH_S)
    for group in np.split(rows, np.flatnonzero(apart) + 1) if len(rows) else []:
        confidence = float(np.clip(seen.confidence[group, column].mean(), 0, 1))
        first, last = group[0], group[-1]
        yield AppearanceSpan(seen.cast[column], float(begin[first]), float(end[last]), int(shot[first]), confidence)


def who_is_seen(name: str, task: str) -> SearchCondition:
    """The condition of this name: when any of the characters of a task's table is to be seen."""

    def seen(tables: Mapping[str, str], characters: Sequence[str], _min_probability: float) -> SearchQuestion:
        return SearchQuestion(
            f'SELECT movie_id, start_s, end_s, 1.0, character FROM "{tables[task]}" WHERE list_contains(?, character)',
            [list(characters)],
        )

    return SearchCondition(name, seen, column="character")


def as_batch(contract: Contract, movie_id: str, spans: Sequence[AppearanceSpan]) -> pa.RecordBatch:
    """Spans as rows of a table of appearances."""
    names = ("character", "start_s", "end_s", "shot", "confidence")
    return contract.batch(movie_id, **{name: [getattr(span, name) for span in spans] for name in names})
