"""Films made of numbers whose valence follows what is heard, and arousal what moves."""

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Arrays
from cinelake.spec.example import Example
from models.affect.config import LABELS, Config, MemorySettings

QUICK = Config(
    use=("sound", "motion"), steps=2, components=8, members=1, smooth_s=0, epochs=10,
    memory=MemorySettings(
        slots=4, width=4, clip_vector=8, hidden=16, longest=10, kept=8, films_at_once=6, updates=4, batch=32, rounds=2,
        epochs=4, segment=16, dropout=0, window=4,
    ),
)  # fmt: skip


def made_features(count: int, seed: int = 0, size: int = 3) -> Arrays:
    """Clips of 2 s with two steps."""
    rng, there = np.random.default_rng(seed), np.ones((count, 2), np.float32)
    walk = np.cumsum(rng.normal(size=(count, 2)), axis=0)
    walk = np.tanh(walk - (walk.sum(axis=0) / max(count, 1)))
    found: Arrays = {"time_s": np.arange(count) * 2.0, "end_s": np.arange(count) * 2.0 + 2}
    for i, kind in enumerate(("sound", "motion")):
        values = rng.normal(scale=0.3, size=(count, 2, size))
        values[:, :, 0] += walk[:, None, i]
        found |= {kind: values.astype(np.float32), f"{kind}_there": there}
    return found | {"walk": walk}


def made_film(seed: int, count: int = 30) -> Example:
    """A film with all labels known."""
    features = made_features(count, seed)
    walk = features.pop("walk")
    targets = {"line": walk, "there": np.ones_like(walk), "known": np.ones(count, bool)}
    return Example(f"film_{seed}", f"film_{seed}", features, targets)


def made_films(count: int, first_seed: int = 0) -> list[Example]:
    """Films of different seeds."""
    return [made_film(seed) for seed in range(first_seed, first_seed + count)]


def moments(*rows: dict[str, object]) -> pa.Table:
    """Labels as the model gets them; what a row does not name is null."""
    return pa.Table.from_pylist([{"movie_id": "film", **row} for row in rows], LABELS.schema)
