"""Films made of numbers: scenes are runs of shots around one point of the feature space."""

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Arrays
from cinelake.spec.example import Example
from models.scenes import MODEL
from models.scenes.config import Config

KINDS = {"place": 12, "cast": 5, "action": 3, "audio": 4}


def made_features(scenes: list[int], seed: int = 0) -> Arrays:
    """Shots of 2 s, `scenes[k]` of them in scene k; all kinds change from scene to scene."""
    rng, count = np.random.default_rng(seed), sum(scenes)
    which = np.repeat(np.arange(len(scenes)), scenes)
    shot = np.arange(count)
    kinds = {
        kind: (rng.normal(size=(len(scenes), size))[which] + 0.3 * rng.normal(size=(count, size))).astype(np.float32)
        for kind, size in KINDS.items()
    }
    frames = {"start_frame": shot * 50, "end_frame": shot * 50 + 50}
    return {"shot": shot, "time_s": shot * 2.0, "end_s": shot * 2.0 + 2, **frames, **kinds}


def spans(*rows: dict[str, float]) -> pa.Table:
    """Labels as the model gets them; what a row does not name is null."""
    return pa.Table.from_pylist([{"movie_id": "film", **row} for row in rows], MODEL.labels.schema)


def made_film(scenes: list[int], seed: int = 0) -> Example:
    """A film with labels by time."""
    features = made_features(scenes, seed)
    ends = np.cumsum(scenes) * 2.0
    rows = [{"start_s": end - 2.0 * shots, "end_s": end} for end, shots in zip(ends, scenes, strict=True)]
    return Example(f"film_{seed}", f"film_{seed}", features, MODEL.targets(spans(*rows), features, Config()))


def made_films(count: int, first_seed: int = 0) -> list[Example]:
    """Films of several lengths."""
    return [made_film([4, 3 + seed % 4, 5, 3, 6], seed) for seed in range(first_seed, first_seed + count)]
