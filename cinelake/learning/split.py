"""Which films are learned from and which are only looked at: the same for every version of a model.

A film's side is decided by a hash of its group (its series, or itself), so that it never changes sides while the
catalogue grows, and no series is torn apart; or by name, where `held_out` names what is held out. With fewer than
`MIN_GROUPS` groups there are too few to hold any out: each film is cut into blocks of time instead, and stills, which
have no time, are drawn within their classes by a hash of each. Such scores say little of other films, so a model
trained that way is promoted by hand only. A model that single stills teach (`Model.singles`) learns from all of those
that are alone in their class, and where nothing can be held out from everything, unscored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Literal

import numpy as np

from cinelake.catalogue.names import movie_id_of
from cinelake.errors import CannotTrain, did_you_mean
from cinelake.learning.gate import MIN_UNITS
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example

MIN_GROUPS = 8
MIN_STEPS = 5
"""Fewer steps than this are no block to be scored on."""
VALIDATION = 0.15
"""The share that early stopping and thresholds look at."""
HELD_OUT_WITHIN = 0.3
"""The share of each film, or of each class of stills, that is held out where films cannot be."""
UNITS_OF_STILLS = 30
"""Held-out stills of a source count as so many units of a score's interval: each by itself says something."""
By = Literal["film", "time", "image", "none"]
HeldOut = float | Sequence[str]
"""A share, or names of films, of groups (series) or of sources of images."""


@dataclass(frozen=True)
class Split:
    """The sides: `train` is learned from, `validation` decides when to stop, `test` is held out and scored.

    by: whether whole films, blocks of time or single images were held out, or none, where `test` is what was learned
    from. warning: what to show people; empty when all is well.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    by: By = "film"
    warning: str = ""

    def films(self) -> dict[str, list[str]]:
        """Side → its films, as it is recorded."""
        sides = {"train": self.train, "validation": self.validation, "test": self.test}
        return {side: sorted({example.movie_id for example in examples}) for side, examples in sides.items()}


def place(group: str) -> float:
    """Where a group stands between 0 and 1: by its name alone."""
    return int.from_bytes(blake2b(group.encode(), digest_size=8).digest(), "big") / 2**64


def split(
    examples: Sequence[Example], held_out: HeldOut = 0.25, validation: float = VALIDATION, *, singles: bool = False
) -> Split:
    """Split by name or by film where there are enough, else within films. Raises `CannotTrain` when that cannot be.

    singles: whether one still of a class teaches: see `split_singles`, which never raises.
    """
    if not isinstance(held_out, float | int):
        return split_named(examples, held_out, validation)
    if singles:
        return split_singles(examples, held_out, validation)
    groups = {example.group for example in examples}
    return split_films(examples, held_out, validation) if len(groups) >= MIN_GROUPS else split_within(examples)


def split_films(examples: Sequence[Example], held_out: float, validation: float = VALIDATION) -> Split:
    """Groups below `held_out` are the test side, those just above it the validation side, the rest is learned from.

    A test side of fewer than `MIN_UNITS` groups, of which no gain can be judged, and a validation side that would stay
    empty get the groups that are nearest to them, until some come that belong there. Groups below `held_out` are never
    learned from, not even then. Raises `CannotTrain` where fewer than two groups are above it.
    """
    groups = sorted({example.group for example in examples}, key=place)
    test = groups[: max(MIN_UNITS, sum(place(group) < held_out for group in groups))]
    rest = [group for group in groups if group not in test]
    if len(rest) < 2:
        raise CannotTrain(
            f"{len(groups)} films or series are too few: {len(test)} of them are held out by their names, which "
            f"leaves {len(rest)} to learn from and to stop by, and 2 are needed; label more"
        )
    count = sum(place(group) < held_out + validation for group in rest)
    count = min(max(count, 1), len(rest) - 1)
    seen, learned = rest[:count], rest[count:]
    return Split(_of(examples, learned), _of(examples, seen), _units(_of(examples, test)))


def split_named(examples: Sequence[Example], names: Sequence[str], validation: float = VALIDATION) -> Split:
    """The films, groups or sources of images of these names are the test side; of the rest some decide when to stop.

    Where the rest is one group, a part of it decides: the last block of its time, or images within each class.
    Raises `CannotTrain` for a name that labels do not have, and where nothing is left to learn from.
    """
    known = {name: example.movie_id for example in examples for name in (example.group, example.movie_id)}
    asked = {name: [n for n in (name, movie_id_of(f"{name}.x"), movie_id_of(f"images_{name}.x")) if n in known]
             for name in names}  # fmt: skip
    for name, found in asked.items():
        if not found:
            close = did_you_mean(name, list(known))
            raise CannotTrain(f"held_out: the labels have no film, group or source {name!r}{close}")
    chosen = {name for found in asked.values() for name in found}
    test = tuple(example for example in examples if chosen & {example.group, example.movie_id})
    rest = tuple(example for example in examples if not chosen & {example.group, example.movie_id})
    torn = sorted({example.group for example in test} & {example.group for example in rest})
    groups = sorted({example.group for example in rest}, key=place)
    if not groups:
        raise CannotTrain(f"held_out names all {len(test)} labelled films: nothing is left to learn from")
    warning = f"held_out tears {', '.join(torn)} apart: films of one group are on both sides" if torn else ""
    if len(groups) > 1:
        count = min(max(round(len(groups) * validation), 1), len(groups) - 1)
        learned, seen = _of(rest, groups[count:]), _of(rest, groups[:count])
    else:
        learned, seen, _ = _cut(rest, 0.0, validation)
    return Split(learned, seen, _units(test), warning=warning)


def _of(examples: Sequence[Example], groups: Sequence[str]) -> tuple[Example, ...]:
    chosen = set(groups)
    return tuple(example for example in examples if example.group in chosen)


def split_singles(examples: Sequence[Example], held_out: float, validation: float = VALIDATION) -> Split:
    """Stills that are alone in their class are learned from; the rest is split as ever.

    Where the rest is too little for that, its stills are drawn within each class over all sources, and of each class
    one at least is learned from. Where fewer than `MIN_UNITS` are left to score by, nothing is held out.
    """
    classes: dict[frozenset[bytes], list[Still]] = {}
    for number, example in enumerate(examples):
        for second, found in _classes_of_stills(example).items():
            classes.setdefault(found, []).append((number, second))
    alone, rest = _parted(examples, {stills[0] for stills in classes.values() if len(stills) == 1})
    try:
        sides = split(rest, held_out, validation)
    except CannotTrain:
        drawn = [] if any(example.in_time for example in rest) else _drawn(examples, list(classes.values()))
        if len(drawn) < MIN_UNITS:
            return _nothing_held_out(examples)
        test, learned = _parted(examples, set(drawn))
        warning = (
            f"{len(drawn)} images, drawn within each class, are held out; the scores say little of other sources, and "
            "only a person can promote this model"
        )
        return Split(learned, (), _units(test), by="image", warning=warning)
    return replace(sides, train=(*sides.train, *alone))


Still = tuple[int, float]
"""Number of the example, and second of the still in it."""


def _nothing_held_out(examples: Sequence[Example]) -> Split:
    whole = tuple(examples)
    warning = (
        f"{len(whole)} labelled films or images are too few to hold any out: all of them are learned from, the scores "
        "are in-sample and say nothing of others, and only a person can promote this model"
    )
    return Split(whole, (), whole, by="none", warning=warning)


def _classes_of_stills(example: Example) -> dict[float, frozenset[bytes]]:
    """Second of each still that is labelled → the classes of what is known on it; nothing of a film."""
    found: dict[float, set[bytes]] = {}
    names = sorted(example.targets)
    for step in np.flatnonzero(example.targets["known"]) if not example.in_time else ():
        key = b"|".join(np.asarray(example.targets[name][step]).tobytes() for name in names)
        found.setdefault(float(example.features["time_s"][step]), set()).add(key)
    return {second: frozenset(keys) for second, keys in found.items()}


def _drawn(examples: Sequence[Example], classes: Sequence[Sequence[Still]]) -> list[Still]:
    """The stills that are held out of each class: those of a low hash, one at least, and not the last one."""
    drawn: list[Still] = []
    for stills in classes:
        places = {still: place(f"{examples[still[0]].movie_id}/{still[1]!r}") for still in stills}
        wanted = max(1, sum(at < HELD_OUT_WITHIN for at in places.values()))
        drawn += sorted(stills, key=lambda still: places[still])[: min(wanted, len(stills) - 1)]
    return drawn


def _parted(examples: Sequence[Example], stills: Collection[Still]) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """These stills, and all the rest."""
    sides: tuple[list[Example], list[Example]] = ([], [])
    for number, example in enumerate(examples):
        seconds = [second for of, second in stills if of == number]
        if not seconds:
            sides[1].append(example)
            continue
        chosen = np.isin(example.features["time_s"], seconds)
        for side, mask in zip(sides, (chosen, ~chosen), strict=True):
            if mask.any():
                side.append(example.chosen(np.flatnonzero(mask)))
    return tuple(sides[0]), tuple(sides[1])


Parts = tuple[tuple[Example, ...], tuple[Example, ...], tuple[Example, ...]]


def split_within(
    examples: Sequence[Example], held_out: float = HELD_OUT_WITHIN, validation: float = VALIDATION
) -> Split:
    """Of each film the first part is learned from, the next decides when to stop, the last is held out; stills are
    drawn within each class."""
    sides = _cut(examples, held_out, validation)
    known = [sum(int(example.targets["known"].sum()) for example in side) for side in sides]
    by: By = "time" if any(example.in_time for example in examples) else "image"
    if min(known) < MIN_STEPS:
        parts = "blocks of time" if by == "time" else "parts drawn at random"
        plural = "" if len(examples) == 1 else "s"
        raise CannotTrain(
            f"{len(examples)} film{plural} with {sum(known)} labelled steps are too few to hold any out: {parts} would "
            f"have {' / '.join(map(str, known))} steps to learn from, to stop by and to score; label more"
        )
    films, whole = len({example.movie_id for example in examples}), "film" if by == "time" else "source"
    counted = f"{films} labelled {whole}{'s' if films != 1 else ''}"
    held = "blocks of time" if by == "time" else "images drawn within each class"
    warning = (
        f"{counted}: fewer than {MIN_GROUPS}, so {held} are held out, not {whole}s; the scores say little of other "
        f"{whole}s, and only a person can promote this model"
    )
    return Split(sides[0], sides[1], _units(sides[2]), by=by, warning=warning)


def _cut(examples: Sequence[Example], held_out: float, validation: float) -> Parts:
    """Learned from, stopped by, held out: of each example in blocks of time or, of stills, by each one's hash."""
    sides: tuple[list[Example], list[Example], list[Example]] = ([], [], [])
    for example in examples:
        steps = len(example)
        if example.in_time:
            cuts = [0, round(steps * (1 - validation - held_out)), round(steps * (1 - held_out)), steps]
            parts = [example.steps(start, end) for start, end in pairwise(cuts)]
        else:
            side_of = _sides_of_stills(example, held_out, validation)
            parts = [example.chosen(np.flatnonzero(side_of == side)) for side in range(3)]
        for side, part in zip(sides, parts, strict=True):
            side += [part] if len(part) else []
    return tuple(sides[0]), tuple(sides[1]), tuple(sides[2])


def _sides_of_stills(example: Example, held_out: float, validation: float) -> Array:
    """(T,) 0 learned from, 1 stopped by, 2 held out. A still keeps its side while others come.

    A class that a side would lack gives it the still that is nearest, as long as some are left to learn from.
    """
    places, side = _places_of_stills(example), np.zeros(len(example), int)
    for rows in _classes_of(example):
        order = rows[np.argsort(places[rows], kind="stable")]
        wanted = [int((places[rows] < held_out).sum()), int((places[rows] < held_out + validation).sum())]
        most = len(order) - 1  # one at least is learned from
        test = min(max(wanted[0], int(held_out > 0)), max(most - int(validation > 0), min(most, 1)))
        stop = min(max(wanted[1] - wanted[0], int(validation > 0)), most - test)
        side[order[:test]], side[order[test : test + stop]] = 2, 1
    return side


def _places_of_stills(example: Example) -> Array:
    """(T,) where each still stands between 0 and 1, by its film and number alone; what shares a still goes together."""
    return np.array([place(f"{example.movie_id}/{float(second)!r}") for second in example.features["time_s"]])


def _classes_of(example: Example) -> list[Array]:
    """Numbers of the steps of each class: those whose targets are the same. Those that are alone are one class."""
    keys: dict[bytes, list[int]] = {}
    names = sorted(example.targets)
    for step in range(len(example)):
        keys.setdefault(b"|".join(np.asarray(example.targets[n][step]).tobytes() for n in names), []).append(step)
    alone = [rows[0] for rows in keys.values() if len(rows) == 1]
    return [np.array(rows) for rows in (*(rows for rows in keys.values() if len(rows) > 1), alone) if rows]


def _units(test: Sequence[Example]) -> tuple[Example, ...]:
    """The held-out side as units of an interval: a film or block is one, stills are many."""
    units: list[Example] = []
    for example in test:
        if example.in_time:
            units.append(example)
        else:
            order = np.argsort(_places_of_stills(example), kind="stable")
            parts = [np.sort(order[i::UNITS_OF_STILLS]) for i in range(UNITS_OF_STILLS)]
            units += [example.chosen(part) for part in parts if len(part)]
    return tuple(units)


Fold = tuple[tuple[Example, ...], tuple[Example, ...]]


def folds(examples: Sequence[Example], count: int) -> list[Fold]:
    """Cross-validation: (learned from, scored) for each fold, whole groups together, in the order of their hashes.

    With fewer groups than folds each group is a fold; a single group is cut into `count` blocks of time, its stills
    are dealt out class by class.
    """
    groups = sorted({example.group for example in examples}, key=place)
    if len(groups) == 1:
        return [_fold_within(examples, count, fold) for fold in range(count)]
    chosen = [groups[i::count] for i in range(min(count, len(groups)))]
    return [(_of(examples, [g for g in groups if g not in out]), _of(examples, out)) for out in chosen]


def _fold_within(examples: Sequence[Example], count: int, fold: int) -> Fold:
    learned, scored = [], []
    for example in examples:
        if example.in_time:
            start, end = (round(len(example) * (fold + i) / count) for i in (0, 1))
            scored.append(example.steps(start, end))
            learned += [part for part in (example.steps(0, start), example.steps(end, len(example))) if len(part)]
        else:
            places, fold_of = _places_of_stills(example), np.zeros(len(example), int)
            for rows in _classes_of(example):
                fold_of[rows[np.argsort(places[rows], kind="stable")]] = np.arange(len(rows)) % count
            scored.append(example.chosen(np.flatnonzero(fold_of == fold)))
            learned.append(example.chosen(np.flatnonzero(fold_of != fold)))
    return tuple(learned), tuple(scored)
