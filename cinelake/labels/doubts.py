"""What labels of one annotator make one doubt, though each of them is fine: contradictions, repetitions, holes."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice, pairwise
from math import inf, isfinite
from typing import Any, Literal

import pyarrow as pa

from cinelake.labels.checks import TOUCH_S
from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.labels import LabelContract

EXTENT = ("movie_id", "time_s", "start_s", "end_s", "start_shot", "end_shot")
SAME_SHARE = 0.9
"""Two spans are the same, drawn twice, when they share so much of what they cover together."""
HOLE_S = 0.5
"""Shorter times that no label covers are where one was drawn a little late."""
HOLE_STEPS = 3.0
"""Moments of a line that are so many usual steps apart leave a hole."""
MAX_DOUBTS = 10_000


@dataclass(frozen=True)
class Doubt:
    """What should be looked at. kind: which; start_s, end_s: where in the film (numbers of shots where by_shots)."""

    kind: Literal["contradiction", "repetition", "hole"]
    movie_id: str
    start_s: float
    end_s: float
    message: str
    by_shots: bool = False

    def __str__(self) -> str:
        unit = "shots " if self.by_shots else ""
        span = f"{self.start_s:g}" if self.start_s == self.end_s else f"{self.start_s:g}–{self.end_s:g}"
        return f"{self.movie_id}, {unit}{span}{'' if self.by_shots else ' s'}: {self.message}"

    def data(self) -> dict[str, Any]:
        """As plain data; without an end where it reaches to that of a film whose length is not known."""
        return {**asdict(self), "end_s": self.end_s if isfinite(self.end_s) else None}


@dataclass(frozen=True)
class _Label:
    """A label as it is compared: its extent, what it is about, what it says of that."""

    start: float
    end: float
    about: tuple[Any, ...]
    said: Mapping[str, Any]

    @property
    def is_moment(self) -> bool:
        return self.start == self.end


def find_doubts(
    contract: LabelContract, table: pa.Table, films: Mapping[str, FilmFacts], alone: Collection[str] = ()
) -> list[Doubt]:
    """The doubts of checked labels, by film and time, at most `MAX_DOUBTS` of them and as many holes.

    alone: classes that say that no other is there.
    """
    found: list[Doubt] = []
    holes: list[Doubt] = []
    for (movie_id, by_shots), labels in sorted(_by_film(contract, table).items()):
        doubts = chain(_contradictions(contract, labels), _not_alone(contract, labels, alone), _repetitions(labels))
        facts = films.get(movie_id, FilmFacts())
        length = inf if by_shots or facts.duration_s is None else facts.duration_s
        found += [
            Doubt(kind, movie_id, start, min(end, max(length, start)), why, by_shots)
            for kind, start, end, why in islice(doubts, MAX_DOUBTS - len(found))
        ]
        of_film = _holes(contract, labels, facts) if not by_shots else iter(())
        holes += [Doubt("hole", movie_id, *hole) for hole in islice(of_film, MAX_DOUBTS - len(holes))]
    return sorted([*found, *holes], key=lambda doubt: (doubt.movie_id, doubt.start_s, doubt.kind))


Found = Iterator[tuple[Literal["contradiction", "repetition"], float, float, str]]


def _by_film(contract: LabelContract, table: pa.Table) -> dict[tuple[str, bool], list[_Label]]:
    """The labels of each film by time, apart from those by shots; a label of the whole film covers all of it."""
    films: dict[tuple[str, bool], list[_Label]] = {}
    for row in table.to_pylist():
        by_shots = row.get("start_s") is None and row.get("start_shot") is not None
        if by_shots:
            start, end = row["start_shot"], row["end_shot"]
        elif contract.shape == "moments":
            start = end = row["time_s"]
        else:
            start, end = row.get("start_s") or 0.0, row.get("end_s") or inf
        about = tuple(row.get(name) for name in contract.about or ())
        outside = {*EXTENT, *(contract.about or ())}
        said = {name: value for name, value in row.items() if name not in outside and value is not None}
        films.setdefault((row["movie_id"], by_shots), []).append(_Label(start, end, about, said))
    return films


def _contradictions(contract: LabelContract, labels: Sequence[_Label]) -> Found:
    """Labels about one thing at one time that say different things of it."""
    if contract.about is None:
        return
    groups: dict[tuple[Any, ...], list[_Label]] = {}
    for label in labels:
        groups.setdefault(label.about, []).append(label)
    for group in groups.values():
        for one, other in _overlapping(group):
            differing = [name for name in one.said if name in other.said and one.said[name] != other.said[name]]
            if differing:
                says = ", ".join(
                    f"{name} {_shown(one.said[name])} and {_shown(other.said[name])}" for name in differing
                )
                end = min(one.end, other.end)
                yield "contradiction", max(one.start, other.start), end, f"labelled {says}"


def _overlapping(labels: Iterable[_Label]) -> Iterator[tuple[_Label, _Label]]:
    """Pairs of labels that share time, or a moment."""
    running: list[_Label] = []
    for label in sorted(labels, key=lambda label: (label.start, label.end)):
        running = [o for o in running if o.end - label.start > TOUCH_S or (o.is_moment and o.start == label.start)]
        yield from ((other, label) for other in running)
        running.append(label)


def _not_alone(contract: LabelContract, labels: Sequence[_Label], alone: Collection[str]) -> Found:
    """Classes that say that no other is there, beside another."""
    column = contract.class_column
    if column is None or not alone:
        return
    for one, other in _overlapping(labels):
        classes = one.said.get(column), other.said.get(column)
        if sum(name in alone for name in classes) == 1 and None not in classes:
            start, end = max(one.start, other.start), min(one.end, other.end)
            yield "contradiction", start, end, f"labelled {column} {_shown(classes[0])} and {_shown(classes[1])}"


def _repetitions(labels: Sequence[_Label]) -> Found:
    """Spans that say the same of nearly the same time."""
    groups: dict[str, list[_Label]] = {}
    for label in labels:
        if not label.is_moment and label.end != inf:
            groups.setdefault(repr((label.about, sorted(label.said.items()))), []).append(label)
    for group in groups.values():
        for one, other in _overlapping(group):
            shared = min(one.end, other.end) - max(one.start, other.start)
            if shared / (max(one.end, other.end) - min(one.start, other.start)) >= SAME_SHARE:
                says = ", ".join(f"{name} {_shown(value)}" for name, value in one.said.items()) or "the same"
                yield (
                    "repetition",
                    one.start,
                    one.end,
                    f"labelled twice: {says}, again at {other.start:g}–{other.end:g}",
                )


def _holes(contract: LabelContract, labels: Sequence[_Label], facts: FilmFacts) -> Iterator[tuple[float, float, str]]:
    """Times between labels side by side that none covers, and between the moments of a line."""
    if contract.shape == "spans" and not contract.overlap:
        reach = 0.0
        for label in sorted(labels, key=lambda label: label.start):
            if label.start - reach > HOLE_S:
                yield reach, label.start, "no label covers it"
            reach = max(reach, label.end)
        if facts.duration_s is not None and facts.duration_s - reach > HOLE_S:
            yield reach, facts.duration_s, "no label covers it, up to the film's end"
    elif contract.shape == "moments" and any(pa.types.is_floating(c.type) for c in contract.columns):
        times = sorted({label.start for label in labels})
        steps = [after - before for before, after in pairwise(times)]
        usual = statistics.median(steps) if len(steps) >= 5 else inf
        for before, after in pairwise(times):
            if after - before > HOLE_STEPS * usual:
                yield before, after, f"no label, where there is one every {usual:g} s"


def _shown(value: Any) -> str:
    return (
        {True: "yes", False: "no"}[value]
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else f"{value}"
    )
