"""Which films are learned from and which are only looked at: the same for every version of a model.

A film's side is decided by a hash of its group (its series, or itself), so that it never changes sides while the
catalogue grows, and no series is torn apart. With fewer than `MIN_GROUPS` groups there are too few to hold any out:
each film is cut into blocks of time instead; scores of blocks say little of other films, so a model trained that way is
promoted by hand only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from cinelake.errors import CannotTrain
from cinelake.spec.model import Example

MIN_GROUPS = 8
MIN_STEPS = 5
"""Fewer steps than this are no block to be scored on."""
VALIDATION = 0.15
"""The share that early stopping and thresholds look at."""
By = Literal["film", "time"]


@dataclass(frozen=True)
class Split:
    """The sides: `train` is learned from, `validation` decides when to stop, `test` is held out and scored.

    by: whether whole films or blocks of time were held out. warning: what to show people; empty when all is well.
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


def split(examples: Sequence[Example], held_out: float = 0.25, validation: float = VALIDATION) -> Split:
    """Split by film where there are enough, else by time. Raises `CannotTrain` when nothing can be held out."""
    groups = {example.group for example in examples}
    return split_films(examples, held_out, validation) if len(groups) >= MIN_GROUPS else split_blocks(examples)


def split_films(examples: Sequence[Example], held_out: float, validation: float = VALIDATION) -> Split:
    """Groups below `held_out` are the test side, those just above it the validation side, the rest is learned from.

    A side that would stay empty gets the group that is nearest to it, until one comes that belongs there. Groups below
    `held_out` are never learned from, not even then. Raises `CannotTrain` where fewer than two groups are above it.
    """
    groups = sorted({example.group for example in examples}, key=place)
    test = [group for group in groups if place(group) < held_out] or groups[:1]
    rest = [group for group in groups if group not in test]
    if len(rest) < 2:
        raise CannotTrain(
            f"{len(groups)} films or series are too few: {len(test)} of them are held out by their names, which "
            f"leaves {len(rest)} to learn from and to stop by, and 2 are needed; label more"
        )
    count = sum(place(group) < held_out + validation for group in rest)
    count = min(max(count, 1), len(rest) - 1)
    seen, learned = rest[:count], rest[count:]
    return Split(_of(examples, learned), _of(examples, seen), _of(examples, test))


def _of(examples: Sequence[Example], groups: Sequence[str]) -> tuple[Example, ...]:
    chosen = set(groups)
    return tuple(example for example in examples if example.group in chosen)


def split_blocks(examples: Sequence[Example], train: float = 0.55, validation: float = 0.15) -> Split:
    """Of each film the first part is learned from, the next decides when to stop, the last is held out."""
    sides: tuple[list[Example], list[Example], list[Example]] = ([], [], [])
    for example in examples:
        steps = len(example)
        cuts = [0, round(steps * train), round(steps * (train + validation)), steps]
        for side, start, end in zip(sides, cuts, cuts[1:], strict=False):
            if end > start:
                side.append(example.steps(start, end))
    known = [sum(int(example.targets["known"].sum()) for example in side) for side in sides]
    if min(known) < MIN_STEPS:
        raise CannotTrain(
            f"{len(examples)} films with {sum(known)} labelled steps are too few to hold any out: blocks of time would "
            f"have {' / '.join(map(str, known))} steps to learn from, to stop by and to score; label more"
        )
    films = len({example.movie_id for example in examples})
    counted = f"{films} labelled film{'s' if films != 1 else ''}"
    warning = (
        f"{counted}: fewer than {MIN_GROUPS}, so blocks of time are held out, not films; the scores say little of "
        "other films, and only a person can promote this model"
    )
    return Split(tuple(sides[0]), tuple(sides[1]), tuple(sides[2]), by="time", warning=warning)


def folds(examples: Sequence[Example], count: int) -> list[tuple[tuple[Example, ...], tuple[Example, ...]]]:
    """Cross-validation: (learned from, scored) for each fold, whole groups together, in the order of their hashes.

    With fewer groups than folds each group is a fold; with a single group its time is cut into `count` blocks.
    """
    groups = sorted({example.group for example in examples}, key=place)
    if len(groups) == 1:
        return _time_folds(examples, count)
    chosen = [groups[i::count] for i in range(min(count, len(groups)))]
    return [(_of(examples, [g for g in groups if g not in out]), _of(examples, out)) for out in chosen]


def _time_folds(examples: Sequence[Example], count: int) -> list[tuple[tuple[Example, ...], tuple[Example, ...]]]:
    result = []
    for fold in range(count):
        learned, scored = [], []
        for example in examples:
            start, end = (round(len(example) * (fold + i) / count) for i in (0, 1))
            scored.append(example.steps(start, end))
            learned += [part for part in (example.steps(0, start), example.steps(end, len(example))) if len(part)]
        result.append((tuple(learned), tuple(scored)))
    return result
