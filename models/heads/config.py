"""How a head is built and fitted, what it learns from, and how thresholds change its answers: all without a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cinelake.spec.arrays import Array

HeadName = Literal["seed", "linear", "mlp"]
MIN_PROBABILITY = 1e-7


@dataclass(frozen=True)
class Head:
    """How a head is built and fitted; see `models.tags.config.Config` for the fields."""

    name: HeadName
    multi_label: bool
    dropout: float
    hidden: int
    l2: float
    learning_rate: float
    epochs: int
    patience: int | None
    batch_size: int
    balance: bool


@dataclass(frozen=True)
class LabelledRows:
    """Rows to learn from: x (rows, d), y (rows, tags), 0…1."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.x)


def shifted(probabilities: Array, thresholds: Array) -> Array:
    """Probabilities whose log-odds are shifted so that each tag's threshold becomes 0.5."""
    for_it, against = probabilities * (1 - thresholds), (1 - probabilities) * thresholds
    return np.asarray(for_it / np.maximum(for_it + against, MIN_PROBABILITY), np.float32)
