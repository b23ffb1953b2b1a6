"""Films made of vectors, in which it is known what each shot shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.task import TableReader
from cinelake.spec.training import Training
from models.beats.config import Config as BeatsConfig
from models.tags import MODEL
from models.tags.config import Config

VOCABULARY = ("calm", "loud", "wet")
TAGS = Config(
    vocabulary=VOCABULARY, use=("picture",), context=0, head="linear", epochs=40, learning_rate=0.02,
    calibration_folds=0, min_entropy=0,
)  # fmt: skip
CATEGORIES = {
    "fight": {"subcategories": ["fists", "swords"]},
    "good quarrel": {"first": "quarrel", "people": ["good"]},
    "bad quarrel": {"first": "quarrel", "people": ["bad"]},
}
BEATS = BeatsConfig.model_validate(
    {"categories": CATEGORIES, "use": ["picture"], "context": 0, "hidden": 0, "dropout": 0, "epochs": 60,
     "learning_rate": 0.02}
)  # fmt: skip


def shots(count: int, kept: list[int] | None = None) -> Arrays:
    """Features of shots of two seconds each, without any kind of input."""
    keep = np.isin(np.arange(count), list(range(count)) if kept is None else kept)
    starts = 2.0 * np.arange(count)
    return {"time_s": starts, "end_s": starts + 2, "shot": np.arange(count), "kept": keep}


def spans(contract: Any, *rows: dict[str, Any]) -> pa.Table:
    """Labels as they are after their import; what is not given is null."""
    return pa.Table.from_pylist([{"movie_id": "film", **row} for row in rows], schema=contract.schema)


def tagged(number: int, config: Config = TAGS, count: int = 30) -> Example:
    """A film whose pictures' first three numbers say which tags there are, in noise."""
    rng = np.random.default_rng(number)
    there = rng.random((count, 3)) < 0.4
    there[~there.any(axis=1), 0] = True
    noise = rng.normal(size=(count, 5))
    features = shots(count) | {"picture": np.hstack([there * 2.0 - 1, noise]).astype(np.float32)}
    rows = [{"start_shot": s, "end_shot": s + 1, "tag": VOCABULARY[t]} for s, t in np.argwhere(there).tolist()]
    labels = spans(MODEL.labels, *rows)
    return Example(f"film_{number}", f"film_{number}", features, MODEL.targets(labels, features, config))


def trained_tags(folder: Path, config: Config = TAGS) -> Artefact:
    """Tags learned from four films."""
    found = MODEL.train([tagged(n, config) for n in range(3)], [tagged(3, config)], config, Training(folder / "work"))
    return write_artefact(folder / "model", "tags", config, found)


def tables_of_a_film(vectors: np.ndarray, entropy: list[float]) -> dict[str, TableReader]:
    """Tables shots, frames and embeddings: each shot has its middle picture (odd frames) and another."""
    count = len(vectors)
    numbers = np.arange(2 * count)
    frames = {"frame": numbers, "shot": numbers // 2, "is_middle": numbers % 2 == 1, "entropy": np.repeat(entropy, 2)}
    both = np.repeat(vectors, 2, axis=0).astype(np.float32)
    both[::2] = 0
    made = {
        "shots": {
            name: shots(count)[key] for name, key in (("shot", "shot"), ("start_s", "time_s"), ("end_s", "end_s"))
        },
        "frames": frames,
        "embeddings": {"frame": numbers, "embedding": pa.FixedSizeListArray.from_arrays(both.ravel(), both.shape[1])},
    }
    return {name: MemoryTable(pa.table(columns)) for name, columns in made.items()}
