"""From a film's features to the probability that a scene begins at each of its shots."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.scenes.features import network_inputs


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T,) that a scene begins at the shot; 0 for the first. Raises `ModelUnusable` on other features."""
    x = network_inputs(features, artefact.arrays, artefact.config)
    if not len(x):
        return {"probability": np.zeros(0, np.float32)}
    raw = artefact.run_rows(x) if artefact.config.network == "similarity" else artefact.run(x[None])
    probability = calibrated(raw.reshape(-1), artefact.facts["threshold"])
    probability[0] = 0.0
    return {"probability": probability}


def calibrated(probability: Array, threshold: float) -> Array:
    """Probabilities with their odds divided by the threshold's: the threshold becomes 0.5, the order stays."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    odds = inside / (1 - inside) * (1 - threshold) / threshold
    return np.asarray(odds / (1 + odds), np.float32)
