"""Films as the learners take them, and which of their clips are kept to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from models.affect.returns import line_ahead


@dataclass(frozen=True)
class Film:
    """clips (T, K, F) scaled features; line (T, targets) scaled labels; known (T, targets), 1 or 0."""

    clips: Array
    line: Array
    known: Array

    def __len__(self) -> int:
        return len(self.clips)


def kept_clips(film: Film, count: int, rng: np.random.Generator) -> Array:
    """Numbers of up to `count` clips in order, drawn without replacement; unusual ones are drawn more often.

    The weight of a clip is the mean square of its features (they are scaled), and the clip's labels count like a
    feature at 1: something rare, a cue say, is met as often as what is common. Efraimidis & Spirakis, Weighted random
    sampling with a reservoir (2006).
    """
    weight = 1e-4 + np.square(film.clips).mean(axis=(1, 2)) + film.known.max(axis=1)
    keys = np.log(rng.random(len(film))) / weight
    return np.sort(np.argsort(-keys)[:count])


def learning_rows(films: Sequence[Film], kept: Array, discount: float) -> Arrays:
    """What is learned from at each kept clip, (films × kept, …): the clip, the next one, labels, what is to come.

    kept: (films, R), −1 where a film has fewer clips. `counts` is 0 for these.
    """
    rows: dict[str, list[Array]] = {}
    for film, places in zip(films, kept, strict=True):
        z, n = line_ahead(film.line, film.known, discount)
        at = np.maximum(places, 0)
        then = np.minimum(at + 1, len(film) - 1)
        there = (places >= 0).astype(np.float32)[:, None]
        found = {
            "clip": film.clips[at], "next": film.clips[then], "line": film.line[at], "known": film.known[at] * there,
            "ahead": z[at], "count": n[at] * there, "ahead_next": z[at + 1], "count_next": n[at + 1] * there,
        }  # fmt: skip
        for name, values in found.items():
            rows.setdefault(name, []).append(values)
    return {name: np.concatenate(parts).astype(np.float32) for name, parts in rows.items()}


def segments(films: Sequence[Film], kept: Array, length: int) -> Iterator[tuple[Array, Array]]:
    """(clips (B, S, K, F), place (B, S)) of the films from start to end, S = `length` clips at a time.

    place: which of the kept after-states the clip's memory goes to, −1 if to none. Films that are over go on with
    zeros, which nothing is learned from.
    """
    longest = max(len(film) for film in films)
    for start in range(0, longest, length):
        clips = np.zeros((len(films), length, *films[0].clips.shape[1:]), np.float32)
        place = np.full((len(films), length), -1, np.int32)
        for row, film in enumerate(films):
            part = film.clips[start : start + length]
            clips[row, : len(part)] = part
            inside = (kept[row] >= start) & (kept[row] < start + length)
            place[row, kept[row][inside] - start] = np.flatnonzero(inside)
        yield clips, place
