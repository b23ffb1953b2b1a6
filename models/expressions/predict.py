"""The expression of each face, and the vector that it is read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.expressions.config import Config
from models.expressions.features import mirrored
from models.expressions.networks import EMBEDDING, EMOTIONS, parted

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact

ROWS_AT_ONCE = 1024


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probabilities (T, 7) and embedding (T, 512): means over the face and its mirror image; emotion (T,) indices."""
    patches = features["patch"]
    parts = [_both_ways(artefact, patches[i : i + ROWS_AT_ONCE]) for i in range(0, len(patches), ROWS_AT_ONCE)]
    empty = {
        "probabilities": np.zeros((0, len(EMOTIONS)), np.float32),
        "embedding": np.zeros((0, EMBEDDING), np.float32),
    }
    outputs = {name: np.concatenate([rows, *(part[name] for part in parts)]) for name, rows in empty.items()}
    return {**outputs, "emotion": outputs["probabilities"].argmax(axis=1)}


def _both_ways(artefact: Artefact, patches: Array) -> Arrays:
    """Some faces at a time are made real numbers: a long film's would fill the memory."""
    both = [parted(artefact.run_rows(view[..., None])) for view in (patches, mirrored(patches))]
    return {name: (both[0][name] + both[1][name]) / 2 for name in both[0]}


def baseline(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """The most frequent emotion on every face."""
    most = np.bincount(joined(examples, "emotion", of="targets")).argmax()
    return lambda features: {"emotion": np.full(len(features["time_s"]), most)}
