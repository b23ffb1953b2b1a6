"""Films with a cue: what is shown when, and that a short delay is learned by acting."""

import numpy as np
import pytest

from benchmarks._cued_films import ANSWERS, correlation, draw_cued
from benchmarks.delayed_cue import settings_for, sizes_for
from models.affect.agent import MemoryLearner
from models.affect.network import follow


def test_the_cues_level_is_the_valence_so_many_clips_later() -> None:
    (film,) = draw_cued(1, 40, np.random.default_rng(0))
    cue = int(film.clips[:, 0, 0].argmax())
    told = np.flatnonzero(film.known[:, 0])
    assert told.tolist() == list(range(cue + 40, cue + 40 + ANSWERS))
    assert set(film.line[told, 0].tolist()) == {float(film.clips[cue, 0, 1])}


def test_the_same_seed_draws_the_same_films() -> None:
    one, other = (draw_cued(2, 30, np.random.default_rng(5)) for _ in range(2))
    assert all((a.clips == b.clips).all() for a, b in zip(one, other, strict=True))


@pytest.mark.slow
def test_a_cue_of_thirty_clips_ago_is_kept_in_mind() -> None:
    settings, rng = settings_for(30, rounds=60, epochs=1), np.random.default_rng(0)
    learner = MemoryLearner(sizes_for(settings), settings, 0)
    for _ in range(60):
        learner.round(draw_cued(32, 30, rng), rng)
    test = draw_cued(40, 30, rng)
    assert correlation([follow(learner.weights(), film.clips)[0] for film in test], test) > 0.8
