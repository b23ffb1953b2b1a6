"""The emotional line: valence and arousal over time, which light, colour, music and faces follow."""

import numpy as np
from numpy.typing import NDArray

from examples.script import Film

_STEP_S = 0.25
_SMOOTH_S = 1.2


def affect_line(film: Film, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Valence and arousal at the given times, shape (n, 2), each in [-1, 1]."""

    from scipy.ndimage import gaussian_filter1d

    grid = np.arange(0.0, film.duration_s + _STEP_S, _STEP_S)
    levels = np.zeros((len(grid), 2))
    for scene in film.scenes:
        start, end = scene.shots[0].start_frame / film.fps, scene.shots[-1].end_frame / film.fps
        inside = (grid >= start) & (grid <= end)
        rise = np.linspace(-0.08, 0.08, int(inside.sum()))
        levels[inside] = np.stack([scene.valence + rise * np.sign(scene.valence), scene.arousal + rise], axis=1)
    rng = np.random.default_rng([film.seed, film.index, 7])
    wander = gaussian_filter1d(rng.normal(0, 1, levels.shape), 3.0 / _STEP_S, axis=0) * 0.25
    line = np.clip(gaussian_filter1d(levels + wander, _SMOOTH_S / _STEP_S, axis=0, mode="nearest"), -1, 1)
    return np.stack([np.interp(times_s, grid, line[:, 0]), np.interp(times_s, grid, line[:, 1])], axis=1)
