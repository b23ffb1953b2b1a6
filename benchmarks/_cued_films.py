"""Films made of numbers in which a cue early on decides the valence many clips later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.affect.films import AffectFilm

FEATURES = 6
"""What a clip shows: whether this is the cue, a level, whether valence is predicted, and three numbers of noise."""
EARLY, ANSWERS, DISTRACTORS = 5, 10, 4
"""The cue is among the first 5 clips; 10 clips are labelled; 4 clips on the way show a level that is no cue."""
NOISE = 0.1


def draw_cued(count: int, delay: int, rng: np.random.Generator) -> list[AffectFilm]:
    """Films of `delay` + 15 clips; valence is the cue's level, −1…1 evenly, at 10 clips from `delay` after the cue."""
    return [_draw(delay, rng) for _ in range(count)]


def _draw(delay: int, rng: np.random.Generator) -> AffectFilm:
    length, cue, level = delay + ANSWERS + EARLY, int(rng.integers(EARLY)), rng.uniform(-1, 1)
    shown = np.zeros((length, FEATURES), np.float32)
    shown[:, 3:] = NOISE * rng.normal(size=(length, 3))
    lures = rng.choice(np.arange(EARLY, max(delay, EARLY + DISTRACTORS)), DISTRACTORS, replace=False)
    shown[lures, 1] = rng.uniform(-1, 1, DISTRACTORS)
    shown[cue, :2] = 1, level
    line, known = np.zeros((length, 1), np.float32), np.zeros((length, 1), np.float32)
    answered = slice(cue + delay, cue + delay + ANSWERS)
    shown[answered, 2], line[answered], known[answered] = 1, level, 1
    return AffectFilm(shown[:, None], line, known)


def correlation(predicted: Sequence[np.ndarray], films: Sequence[AffectFilm]) -> float:
    """PCC over the labelled clips of all films; 0 where all answers are one."""
    is_known = [film.known[:, 0] > 0 for film in films]
    ours = np.concatenate([y[k, 0] for y, k in zip(predicted, is_known, strict=True)])
    line = np.concatenate([film.line[k, 0] for film, k in zip(films, is_known, strict=True)])
    return float(np.corrcoef(ours, line)[0, 1]) if ours.std() > 1e-9 else 0.0
