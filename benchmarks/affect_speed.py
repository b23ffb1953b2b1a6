"""How fast the memory network plays and learns, beside a plain eager implementation of the same.

  python -m benchmarks.affect_speed

Both play films of 200 clips and then make updates of critic and policy from batches of 256 kept after-states, with the
same weights, sizes and optimisers, in turn within one run. Ours plays 32 films together; the plain one takes a film at
a time, clip by clip, and calls TensorFlow eagerly, as tutorials of reinforcement learning do (2 films and 2 updates a
turn). A step of the environment is one clip of one film.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks._cued_films import draw_cued
from benchmarks.delayed_cue import settings_for, sizes_for
from benchmarks.figures import Figure, Report, run
from cinelake.lake.onnx import import_tensorflow
from cinelake.spec.arrays import Arrays
from models.affect.agent import MemoryLearner
from models.affect.films import AffectFilm, kept_clips, learning_rows

CLIPS, PLAIN_FILMS, PLAIN_UPDATES = 200, 2, 2


def measure(given: argparse.Namespace) -> Report:
    """Steps and updates a second of both."""
    settings = settings_for(CLIPS, updates=24, segment=CLIPS)
    plain = settings.model_copy(update={"films_at_once": 1, "updates": 1})
    ours, theirs = (MemoryLearner(sizes_for(s), s, 0) for s in (settings, plain))
    films = draw_cued(settings.films_at_once, CLIPS - 15, np.random.default_rng(0))
    rows = _rows(ours, films)
    _ours(ours, films, rows), _plain(theirs, films, rows)  # compiled, warmed up
    speeds: dict[str, list[float]] = {}
    for _ in range(given.repeat):
        fast, slow = _ours(ours, films, rows), _plain(theirs, films, rows)
        for name, value in (("steps", 0), ("updates", 1)):
            speeds.setdefault(f"{name}, compiled", []).append(fast[value])
            speeds.setdefault(f"{name}, plain", []).append(slow[value])
            speeds.setdefault(f"{name}, compiled / plain", []).append(fast[value] / slow[value])
    return Report("affect_speed", [
        Figure(name, values, "" if "/" in name else "a second", at_least=10 if "/" in name else None)
        for name, values in speeds.items()
    ])  # fmt: skip


def _rows(learner: MemoryLearner, films: Sequence[AffectFilm]) -> Arrays:
    kept = np.stack([kept_clips(film, 16, np.random.default_rng(0)) for film in films])
    return {**learning_rows(films, kept, 0.999), "memory": learner.play(films, kept, 0).numpy()}


def _ours(learner: MemoryLearner, films: Sequence[AffectFilm], rows: Arrays) -> tuple[float, float]:
    kept = np.tile(np.arange(16), (len(films), 1))
    order = np.random.default_rng(0).integers(0, len(rows["clip"]), (24, 256)).astype(np.int32)
    played = _seconds(lambda: learner.play(films, kept, 0).numpy())
    updated = _seconds(lambda: learner.update(rows, order, 0))
    return len(films) * CLIPS / played, len(order) / updated


def _plain(learner: MemoryLearner, films: Sequence[AffectFilm], rows: Arrays) -> tuple[float, float]:
    tf = import_tensorflow()
    kept, order = (
        np.arange(16)[None],
        np.random.default_rng(0).integers(0, len(rows["clip"]), (1, 256)).astype(np.int32),
    )
    tf.config.run_functions_eagerly(True)
    try:
        played = _seconds(lambda: [learner.play([film], kept, 0).numpy() for film in films[:PLAIN_FILMS]])
        updated = _seconds(lambda: [learner.update(rows, order, 0) for _ in range(PLAIN_UPDATES)])
    finally:
        tf.config.run_functions_eagerly(False)
    return PLAIN_FILMS * CLIPS / played, PLAIN_UPDATES / updated


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(run(__doc__ or "", measure, repeat=3))
