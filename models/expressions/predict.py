"""The expression of each face, and the vector that it is read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.expressions.config import Config
from models.expressions.features import seen
from models.expressions.networks import EMBEDDING, EMOTIONS, parted

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact

ROWS_AT_ONCE = 1024


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probabilities (T, 7) and embedding (T, 512): means over the views of the face; emotion (T,) indices."""
    patches = features["patch"]
    parts = [_judged(artefact, patches[i : i + ROWS_AT_ONCE]) for i in range(0, len(patches), ROWS_AT_ONCE)]
    empty = {
        "probabilities": np.zeros((0, len(EMOTIONS)), np.float32),
        "embedding": np.zeros((0, EMBEDDING), np.float32),
    }
    outputs = {name: np.concatenate([rows, *(part[name] for part in parts)]) for name, rows in empty.items()}
    return {**outputs, "emotion": outputs["probabilities"].argmax(axis=1)}


def _judged(artefact: Artefact, patches: Array) -> Arrays:
    """Some faces at a time are made real numbers: a long film's would fill the memory."""
    views = artefact.facts.get("views", 1)
    each = [parted(artefact.run_rows(view[..., None])) for view in seen(patches, views)]
    return {name: np.asarray(np.mean([one[name] for one in each], axis=0)) for name in each[0]}


def baseline(examples: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """The most frequent emotion on every face."""
    most = np.bincount(joined(examples, "emotion", of="targets")).argmax()
    return lambda features: {"emotion": np.full(len(features["time_s"]), most)}
