"""What the model sees of a film: small pictures of `frames`, vectors of `embeddings`, or both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.characters.config import Config

WIDTH, HEIGHT = 160, 90


def reads(config: Config) -> list[str]:
    """`frames` for pictures, `embeddings` for vectors."""
    return [name for name, needed in (("frames", config.sees_pictures), ("embeddings", config.sees_vectors)) if needed]


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """time_s, frame, shot (T,); picture (T, 90, 160, 3) uint8 and embedding (T, d) as far as the head needs them.

    Raises `ModelUnusable` when `embeddings` are not of the same frames.
    """
    pictures = pictures_of(tables["frames"]) if config.sees_pictures else {}
    if not config.sees_vectors:
        return pictures
    vectors = vectors_of(tables["embeddings"])
    if pictures and not np.array_equal(pictures["frame"], vectors["frame"]):
        raise ModelUnusable(
            f"`embeddings` has {len(vectors['frame'])} vectors, `frames` {len(pictures['frame'])} pictures, and they "
            "are not of the same frames: name embeddings of `source: frames` under the model's `inputs`"
        )
    return {**pictures, **vectors}


def pictures_of(frames: TableReader) -> Arrays:
    """time_s (T,), frame (T,), shot (T,) and picture (T, 90, 160, 3) uint8 RGB, squeezed to one size."""
    columns: dict[str, list[Array]] = {"time_s": [], "frame": [], "shot": []}
    pictures: list[Array] = []
    for batch in frames.batches([*columns, "jpeg"]):
        for name, parts in columns.items():
            parts.append(batch[name].to_numpy(zero_copy_only=False))
        pictures += [_small(jpeg.as_py()) for jpeg in batch["jpeg"]]
    rows = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in columns.items()}
    return {**rows, "picture": np.stack(pictures) if pictures else np.zeros((0, HEIGHT, WIDTH, 3), np.uint8)}


def _small(jpeg: bytes) -> Array:
    import cv2

    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def vectors_of(table: TableReader) -> Arrays:
    """time_s, frame, shot (T,) and embedding (T, d) of embeddings of frames.

    Of a network that names classes: the features before its last layer, since cartoons are none of its classes.
    """
    rows = table.read()
    if rows["frame"].null_count or rows["face"].null_count != len(rows):
        raise ModelUnusable("characters are sought in frames, but these are embeddings of faces or of sound")
    has_features = "features" in rows.column_names and rows["features"].combine_chunks().flatten().null_count == 0
    flat = rows["features" if has_features and len(rows) else "embedding"].combine_chunks()
    return {
        "time_s": rows["time_s"].to_numpy(),
        "frame": rows["frame"].to_numpy(),
        "shot": rows["shot"].fill_null(-1).to_numpy() if rows["shot"].null_count else rows["shot"].to_numpy(),
        "embedding": flat.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), flat.type.list_size),
    }
