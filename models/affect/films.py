"""Films as the learners take them, and which of their clips are kept to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.affect.config import Config
from models.affect.features import scaled_clips


@dataclass(frozen=True)
class AffectFilm:
    """clips (T, K, F) scaled features; line (T, targets) scaled labels; known (T, targets), 1 or 0."""

    clips: Array
    line: Array
    known: Array

    def __len__(self) -> int:
        return len(self.clips)


def films_of(examples: Sequence[Example], learned: Arrays, config: Config) -> list[AffectFilm]:
    """Scaled films, without those that have no clip or no label. learned: `learn_scaling` and `label_scale`."""
    films = []
    for example in examples:
        line = (example.targets["line"] - learned["middle"]) / learned["reach"]
        clips, present = scaled_clips(example.features, learned, config.use), example.targets["there"]
        if len(clips) and present.any():
            films.append(AffectFilm(clips, (line * present).astype(np.float32), present.astype(np.float32)))
    return films


def label_scale(examples: Sequence[Example], config: Config) -> Arrays:
    """middle, reach (targets,): bring each line's mean to 0, its farthest label to −1 or 1; classes stay unscaled.

    Raises `CannotTrain` where a target has no label, or only labels of one value.
    """
    middles, reaches = [], []
    for i, name in enumerate(config.targets):
        values = np.concatenate([e.targets["line"][e.targets["there"][:, i] > 0, i] for e in examples] or [np.zeros(0)])
        if not len(values):
            raise CannotTrain(f"affect: no label of {name!r} falls on a clip of the films to learn from")
        if np.ptp(values) < 1e-9:
            raise CannotTrain(
                f"affect: every label of {name!r} is {values[0]:g} in the films to learn from: there is no line to "
                "learn; label other films or leave it out of `targets`"
            )
        middles.append(values.mean())
        reaches.append(abs(values - values.mean()).max())
    if config.classes:
        return {"middle": np.zeros(len(middles), np.float32), "reach": np.ones(len(middles), np.float32)}
    return {"middle": np.array(middles, np.float32), "reach": np.array(reaches, np.float32)}


def kept_clips(film: AffectFilm, count: int, rng: np.random.Generator) -> Array:
    """Indices of up to `count` clips in order, drawn without replacement; unusual ones are drawn more often.

    The weight of a clip is the mean square of its features (they are scaled), and the clip's labels count like a
    feature at 1: something rare, a cue say, is met as often as what is common. Efraimidis & Spirakis, Weighted random
    sampling with a reservoir (2006).
    """
    weight = 1e-4 + np.square(film.clips).mean(axis=(1, 2)) + film.known.max(axis=1)
    keys = np.log(rng.random(len(film))) / weight
    return np.sort(np.argsort(-keys)[:count])


def learning_rows(films: Sequence[AffectFilm], kept: Array, discount: float) -> Arrays:
    """What is learned from at each kept clip, (films × kept, …): the clip, the next one, labels, the line to come.

    kept: (films, R), −1 where a film has fewer clips. `count` is 0 for these.
    """
    rows: dict[str, list[Array]] = {}
    for film, places in zip(films, kept, strict=True):
        z, n = line_ahead(film.line, film.known, discount)
        at = np.maximum(places, 0)
        then = np.minimum(at + 1, len(film) - 1)
        present = (places >= 0).astype(np.float32)[:, None]
        row = {
            "clip": film.clips[at], "next": film.clips[then], "line": film.line[at], "known": film.known[at] * present,
            "ahead": z[at], "count": n[at] * present, "ahead_next": z[at + 1], "count_next": n[at + 1] * present,
        }  # fmt: skip
        for name, values in row.items():
            rows.setdefault(name, []).append(values)
    return {name: np.concatenate(parts).astype(np.float32) for name, parts in rows.items()}


def line_ahead(line: Array, known: Array, discount: float) -> tuple[Array, Array]:
    """z (T + 1, targets), the discounted mean of the labels from each clip on, and n, how many it counts.

        z_t = Σ_k λ^k g_{t+k} / Σ_k λ^k, over labelled clips

    line, known: (T, targets). The last row is the film's end, where nothing is to come: z = n = 0. Dividing by n keeps
    a value within the range of one reward whatever the discount, and unlabelled clips neither reward nor punish.
    """
    total, count = np.zeros((len(line) + 1, line.shape[1])), np.zeros((len(line) + 1, line.shape[1]))
    for t in range(len(line) - 1, -1, -1):
        total[t] = known[t] * line[t] + discount * total[t + 1]
        count[t] = known[t] + discount * count[t + 1]
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0), count


def segments(films: Sequence[AffectFilm], kept: Array, length: int) -> Iterator[tuple[Array, Array]]:
    """(clips (B, S, K, F), place (B, S)) of the films from start to end, S = `length` clips at a time.

    place: which of the kept after-states the clip's memory goes to, −1 if to none. Films that have ended are
    padded with zeros, from which nothing is learned.
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
