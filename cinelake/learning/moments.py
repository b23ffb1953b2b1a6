"""The moments at which a model was most wrong, and those at which two versions differ most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.answers import Answers
from cinelake.spec.arrays import Array

MOST_CLASSES = 6
"""Classes of one answer that are named; of more the number is told."""
NEAR_S = 2.0
"""Of moments of a film no farther apart than this, and alike in words, only the worst is shown."""
SAME_S = 1e-6


@dataclass(frozen=True)
class Moment:
    """A labelled step: what people said, what was said by each version (or by one), and how far that is off.

    by: of one version how wrong it is, of two how far they are apart, 0 to 1 (of lines in their unit).
    """

    movie_id: str
    time_s: float
    label: str
    said: tuple[str, ...]
    by: float


def words(answers: Answers, row: int, values: Array) -> str:
    """One step's answer in words: the classes that hold, or the lines with their numbers."""
    if answers.is_line:
        told = zip(answers.classes, values[row], strict=True)
        return ", ".join(f"{name} {value:+.2f}" for name, value in told if np.isfinite(value))
    named = [name for name, holds in zip(answers.classes, values[row], strict=True) if holds]
    more = f" and {len(named) - MOST_CLASSES} more" if len(named) > MOST_CLASSES else ""
    return ", ".join(named[:MOST_CLASSES]) + more if named else answers.none


def wrongness(answers: Answers) -> Array:
    """(T,) 0 where the answer is right; else how far off: of lines the mean error, of classes the surest wrong one's
    distance from the truth, and the number of wrong classes where the model does not say how sure it is."""
    if answers.is_line:
        known = np.isfinite(answers.truth)
        off = np.where(known, np.abs(answers.said - np.nan_to_num(answers.truth)), 0.0)
        return np.asarray(off.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    wrong = answers.truth != answers.said
    if answers.score is None:
        return np.asarray(wrong.sum(axis=1), np.float64)
    off = np.abs(answers.score - answers.truth) if answers.is_probability else np.abs(answers.score)
    return np.asarray(np.where(wrong, np.maximum(off, 1e-9), 0.0).max(axis=1, initial=0.0))


def worst(films: Iterable[tuple[str, Answers]], most: int, per_film: int | None = None) -> list[Moment]:
    """The moments that are most wrong, the worst first. per_film: so many of one film at most."""
    found = []
    for movie_id, answers in films:
        off = wrongness(answers)
        found += [
            Moment(
                movie_id, float(answers.time_s[row]), words(answers, row, answers.truth),
                (words(answers, row, answers.said),), float(off[row]),
            )
            for row in np.argsort(-off, kind="stable")[: 8 * most]
            if off[row] > 0
        ]  # fmt: skip
    return _apart(found, most, per_film)


def apart(films: Iterable[tuple[str, Answers, Answers]], most: int, per_film: int | None = None) -> list[Moment]:
    """The moments on which two versions differ most, of the steps that both judge; the farthest apart first.

    Classes that only one of the two knows are never said by the other.
    """
    found = []
    for movie_id, one, other in films:
        rows = same_steps(one, other)
        off = differences(one, other, rows)
        for at in np.argsort(-off, kind="stable")[: 8 * most]:
            if off[at] > 0:
                first, second = int(rows[0][at]), int(rows[1][at])
                said = (words(one, first, one.said), words(other, second, other.said))
                label = words(one, first, one.truth)
                found.append(Moment(movie_id, float(one.time_s[first]), label, said, float(off[at])))
    return _apart(found, most, per_film)


def same_steps(one: Answers, other: Answers) -> tuple[Array, Array]:
    """Rows of the steps that both have: the n-th at a time of one is the n-th at that time of the other."""
    places: dict[tuple[int, int], int] = {}
    for row, key in enumerate(_keys(one.time_s)):
        places[key] = row
    pairs = [(places[key], row) for row, key in enumerate(_keys(other.time_s)) if key in places]
    ours, theirs = np.array(pairs, int).reshape(-1, 2).T
    return ours, theirs


def _keys(time_s: Array) -> list[tuple[int, int]]:
    seen: dict[int, int] = {}
    keys = []
    for at in np.rint(np.asarray(time_s) / SAME_S).astype(np.int64).tolist():
        keys.append((at, seen.get(at, 0)))
        seen[at] = seen.get(at, 0) + 1
    return keys


def differences(one: Answers, other: Answers, rows: tuple[Array, Array]) -> Array:
    """(n,) how far two versions are apart at steps that both have: 0 where both say the same."""
    classes = list(dict.fromkeys([*one.classes, *other.classes]))
    ours, theirs = _columns(one, one.said, classes)[rows[0]], _columns(other, other.said, classes)[rows[1]]
    if one.is_line:
        return np.asarray(np.abs(np.nan_to_num(ours - theirs)).mean(axis=1))
    differ = ours != theirs
    if one.score is None or other.score is None or not (one.is_probability and other.is_probability):
        return np.asarray(differ.mean(axis=1))
    sure = np.abs(_columns(one, one.score, classes)[rows[0]] - _columns(other, other.score, classes)[rows[1]])
    return np.asarray(np.where(differ, np.maximum(sure, 1e-9), 0.0).max(axis=1, initial=0.0))


def _columns(answers: Answers, values: Array, classes: Sequence[str]) -> Array:
    """(T, classes) the columns by name; 0 for classes that these answers do not know."""
    made = np.zeros((len(values), len(classes)), values.dtype)
    for column, name in enumerate(answers.classes):
        made[:, classes.index(name)] = values[:, column]
    return made


def _apart(found: list[Moment], most: int, per_film: int | None) -> list[Moment]:
    """At most so many moments, the greatest first, without those that repeat a worse one nearby."""
    shown: list[Moment] = []
    count: dict[str, int] = {}
    for moment in sorted(found, key=lambda moment: (-moment.by, moment.movie_id, moment.time_s)):
        repeats = any(
            other.movie_id == moment.movie_id
            and abs(other.time_s - moment.time_s) <= NEAR_S
            and (other.label, other.said) == (moment.label, moment.said)
            for other in shown
        )
        if repeats or (per_film is not None and count.get(moment.movie_id, 0) >= per_film):
            continue
        shown.append(moment)
        count[moment.movie_id] = count.get(moment.movie_id, 0) + 1
        if len(shown) == most:
            break
    return shown
