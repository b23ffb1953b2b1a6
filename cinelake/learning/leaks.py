"""What makes held-out data known: a film or a picture under two names, or episodes of one series, on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from cinelake.learning.split import Split
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example

MOMENTS, NUMBERS = 16, 128
"""Films are compared at so many moments, by at most so many numbers of each feature."""
FEWEST_NUMBERS = 8
FEWEST_STEPS = 8
"""Features of fewer numbers, and films of fewer steps, may be alike by chance."""
CANDIDATES = 5
"""A held-out film is compared moment by moment with so many films, those whose mean is nearest to its own."""
ALIKE = 0.9
"""Films are told as one where half of the moments correlate more. A drawn film again, half as large, at another rate
and in a quarter of the bytes, has 0.93; other drawn films have 0.36 at most."""
PAIRS_AT_ONCE = 1 << 24
SAME, NEARER = 1e-3, 0.3
"""A still is a copy where it is as good as the same as one that was learned from, or so much nearer to it than stills
usually are to the nearest. Of FER2013's faces those below 0.3 show one photograph, cut or encoded anew."""
SAME_LENGTH, LENGTH_S = 0.02, 3.0
"""The copies of a film may differ by such a share of their length, or by so many seconds."""
SHOWN = 5
_EPISODE = re.compile(
    r"(.+?)(?:_*s\d{1,3}_?e\d{1,4}|_+\d{1,2}x\d{2,3}|_*episode_?\d{1,4}|_+(?:ep|part)_?\d{1,4})(?:_.*)?"
)
"""A short mark of an episode stands behind a _: `creep_2` and `foo_640x480` are no episodes."""


def leaks(sides: Split) -> list[str]:
    """What must be told of what is held out, in words; of films only where they are held out whole."""
    return [*_leaks_of_films(sides), *_leaks_of_stills(sides)]


def _leaks_of_films(sides: Split) -> list[str]:
    if sides.by != "film":
        return []
    learned = [e for e in (*sides.train, *sides.validation) if e.in_time and len(e)]
    held_out = [e for e in sides.test if e.in_time and len(e)]
    told = [f"{one} and {other} seem to be one film" for one, other in copies(learned, held_out)]
    told += [f"episodes of {name} are on both sides" for name in _torn_series(learned, held_out)]
    if not told:
        return []
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return [
        f"held-out films are not strange to what was learned from: {', '.join(told[:SHOWN])}{more}: scores are too "
        "good; a column `group` in the list of films keeps what belongs together on one side"
    ]


def _leaks_of_stills(sides: Split) -> list[str]:
    if sides.by == "none":
        return []
    learned, held_out = (
        [e.chosen(np.flatnonzero(e.targets["known"])) for e in side if not e.in_time]
        for side in ((*sides.train, *sides.validation), sides.test)
    )
    count = int(copied_stills(learned, held_out).sum())
    if not count:
        return []
    return [
        f"{count} of {sum(map(len, held_out))} held-out images are copies of images that were learned from, or nearly: "
        "scores are too good; import each picture once, or give those of one source one name"
    ]


def copied_stills(learned: Sequence[Example], held_out: Sequence[Example]) -> Array:
    """(N,) bool of the held-out stills, one after another: whether it is one that was learned from, or as good as."""
    learned, held_out = ([stills for stills in side if len(stills)] for side in (learned, held_out))
    names = _compared_names([*learned, *held_out])
    if not names or not learned or not held_out:
        return np.zeros(sum(map(len, held_out)), bool)
    known, strange = (
        np.concatenate([_at(stills, names, np.arange(len(stills))) for stills in side]) for side in (learned, held_out)
    )
    middle, deviation = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    apart = _to_nearest((strange - middle) / deviation, (known - middle) / deviation)
    usual = np.median(apart[apart > SAME]) if (apart > SAME).any() else 0.0
    return np.asarray(apart < max(SAME, NEARER * usual))


def _to_nearest(rows: Array, others: Array) -> Array:
    """(N,) the distance of each row to the nearest of the others, as a share of its own length."""
    squares, found = np.square(others).sum(axis=1), []
    at_once = max(1, PAIRS_AT_ONCE // len(others))
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        nearest = (squares - 2 * some @ others.T).argmin(axis=1)
        lengths = np.maximum(np.linalg.norm(some, axis=1), 1e-6)
        found.append(np.linalg.norm(some - others[nearest], axis=1) / lengths)
    return np.concatenate(found)


def copies(learned: Sequence[Example], held_out: Sequence[Example]) -> Iterator[tuple[str, str]]:
    """Pairs of films, one learned from and one held out, that show and sound the same at the same times.

    Their features are compared as they differ from the mean of all films, each feature with the same weight.
    """
    learned, held_out = ([film for film in side if len(film) >= FEWEST_STEPS] for side in (learned, held_out))
    films = [*learned, *held_out]
    names = _compared_names(films)
    if not names or not learned or not held_out:
        return
    means = np.stack([_at(film, names, np.arange(len(film))).mean(axis=0) for film in films])
    middle = means.mean(axis=0)
    sizes = [min(NUMBERS, films[0].features[name][0].size) for name in names]
    spread = [part.std() * part.shape[1] ** 0.5 for part in np.split(means, np.cumsum(sizes)[:-1], axis=1)]
    weight = np.repeat([1 / deviation if deviation > 0 else 0.0 for deviation in spread], sizes)
    ends = np.array([float(film.features["time_s"][-1]) for film in films])
    for row, film in enumerate(held_out, len(learned)):
        apart = np.abs((means[: len(learned)] - means[row]) * weight).mean(axis=1)
        near = np.abs(ends[: len(learned)] - ends[row]) <= np.maximum(SAME_LENGTH * ends[row], LENGTH_S)
        for other in [number for number in np.argsort(apart, kind="stable").tolist() if near[number]][:CANDIDATES]:
            times_s = min(ends[row], ends[other]) * (np.arange(MOMENTS) + 0.5) / MOMENTS
            both = [(_at(one, names, _steps(one, times_s)) - middle) * weight for one in (film, learned[other])]
            lengths = [np.linalg.norm(view, axis=1) for view in both]
            alike = (both[0] * both[1]).sum(axis=1) / np.maximum(lengths[0] * lengths[1], 1e-9)
            if np.median(alike) > ALIKE:
                yield learned[other].movie_id, film.movie_id


def _compared_names(films: Sequence[Example]) -> list[str]:
    """The features of enough numbers, real ones or grey levels, that all films have in one size."""
    sizes: dict[str, list[tuple[int, ...]]] = {}
    for film in films:
        for name, values in film.features.items():
            if values.dtype.kind in "fu" and values[0].size >= FEWEST_NUMBERS:
                sizes.setdefault(name, []).append(values.shape[1:])
    return sorted(name for name, found in sizes.items() if len(found) == len(films) and len(set(found)) == 1)


def _at(film: Example, names: Sequence[str], steps: Array) -> Array:
    """(steps, D) of a film: its features beside each other, of a large one some numbers that are evenly spread."""
    parts = []
    for name in names:
        flat = film.features[name].reshape(len(film), -1)
        chosen = np.linspace(0, flat.shape[1] - 1, min(NUMBERS, flat.shape[1])).astype(int)
        parts.append(np.nan_to_num(np.asarray(flat[np.ix_(steps, chosen)], np.float32)))
    return np.concatenate(parts, axis=1)


def _steps(film: Example, times_s: Array) -> Array:
    """The step of a film at each of these times."""
    return np.asarray(np.maximum(np.searchsorted(film.features["time_s"], times_s, side="right") - 1, 0))


def _torn_series(learned: Sequence[Example], held_out: Sequence[Example]) -> list[str]:
    """Names of series of which films that are in no group are on both sides, by how episodes are called."""
    sides = [
        {_series(example) for example in side if example.group == example.movie_id} for side in (learned, held_out)
    ]
    return sorted(name for name in sides[0] & sides[1] if name)


def _series(example: Example) -> str:
    found = _EPISODE.fullmatch(example.movie_id)
    return found[1] if found else ""
