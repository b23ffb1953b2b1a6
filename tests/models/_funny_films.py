"""Films made of numbers in which a step is funny when it sounds so, for some steps on end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Arrays
from cinelake.spec.example import Example
from models.funny import MODEL
from models.funny.config import Config

QUICK = Config(
    use=("sound",), context=0, scene_steps=5, scenes=400, memory=512, refit=False, dropout=0, learning_rate=3e-3
)


def made_features(funny: Sequence[bool] | np.ndarray, seed: int = 0, size: int = 6) -> Arrays:
    """Steps of one second; the first number of `sound` is 1 higher where it is funny, all have noise."""
    rng, count = np.random.default_rng(seed), len(funny)
    sound = rng.normal(scale=0.4, size=(count, size)).astype(np.float32)
    sound[:, 0] += funny
    time_s, zeros = np.arange(count, dtype=float), np.zeros(count, int)
    return {"time_s": time_s, "end_s": time_s + 1, "shot": zeros, "piece": zeros, "seen": zeros == 0, "sound": sound}


def made_film(seed: int, labelled: float = 1.0) -> Example:
    """A film of 60 steps, about a third of them funny; `labelled`: the share of steps whose label is known."""
    rng = np.random.default_rng(seed)
    funny = np.repeat(rng.random(12) < 0.35, 5)
    funny[:5], funny[-5:] = True, False
    known = rng.random(60) < labelled
    return Example(f"film_{seed}", f"film_{seed}", made_features(funny, seed), {"funny": funny, "known": known})


def made_films(count: int, first_seed: int = 0, labelled: float = 1.0) -> list[Example]:
    """Films of different seeds."""
    return [made_film(seed, labelled) for seed in range(first_seed, first_seed + count)]


def spans(*rows: dict[str, Any]) -> pa.Table:
    """Labels as the model gets them; what a row does not name is null."""
    return pa.Table.from_pylist([{"movie_id": "film", **row} for row in rows], MODEL.labels.schema)
