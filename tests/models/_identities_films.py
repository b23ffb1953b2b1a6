"""Films of faces that are near axes: one axis a person."""

import numpy as np
import pyarrow as pa

from cinelake.learning.images import MemoryTable
from cinelake.spec.arrays import Arrays
from cinelake.spec.example import Example
from cinelake.spec.task import find_task
from models.identities import MODEL
from models.identities.config import Config
from models.identities.features import unit

SIZE = 16


def face_of(person: int, rng: np.random.Generator, count: int = 1) -> np.ndarray:
    """Vectors near one axis each: cosines within a person about 0.85, between persons about 0."""
    return unit(np.eye(SIZE)[person] + rng.normal(0, 0.1, (count, SIZE)))


def film(number: int, people: list[int], names: dict[float, str], *, shots: int = 2) -> Example:
    """A face a second, five of each person one after the other."""
    rng = np.random.default_rng(number)
    features = rows(np.concatenate([face_of(person, rng, 5) for person in people]))
    features["shot"] = np.arange(len(features["time_s"])) // 5
    table = pa.table({"time_s": list(names) or [0.0], "person": pa.array(list(names.values()) or [None], pa.string())})
    return Example(f"film_{number}", f"film_{number}", features, MODEL.targets(table, features, Config()))


def rows(embedding: np.ndarray, box: tuple[float, ...] = (0.4, 0.4, 0.2, 0.2)) -> Arrays:
    count = len(embedding)
    return {
        "time_s": np.arange(count, dtype=float),
        "frame": np.arange(count),
        "shot": np.zeros(count, int),
        "is_main": np.ones(count, bool),
        "box": np.tile(box, (count, 1)),
        "embedding": embedding.astype(np.float32),
        "counts": np.ones(count, bool),
        "sharpness": np.full(count, 0.06),
        "contrast": np.full(count, 40.0),
    }


def faces(
    features: Arrays, vectors: pa.FixedSizeListArray | None = None, patches: np.ndarray | None = None
) -> MemoryTable:
    """The table `faces` that these features are read from; its small pictures are noise, which is sharp."""
    embedding = features["embedding"]
    if vectors is None:
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(embedding.ravel(), pa.float32()), embedding.shape[1])
    count = len(embedding)
    if patches is None:
        patches = np.random.default_rng(0).integers(0, 255, (count, 48 * 48), np.uint8)
    boxes = dict(zip(("x", "y", "width", "height"), features["box"].T, strict=True))
    batch = find_task("faces").contract.batch(
        "film",
        **{name: features[name] for name in ("time_s", "frame", "shot", "is_main")},
        **boxes,
        face=np.arange(count),
        score=np.full(count, 0.9),
        patch=patches.reshape(count, -1),
        embedding=vectors,
    )
    return MemoryTable(pa.Table.from_batches([batch]))
