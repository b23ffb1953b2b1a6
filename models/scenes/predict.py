"""From a film's features to the probability that a scene begins at each of its shots."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.scenes.config import IN_ROWS
from models.scenes.features import network_inputs


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T,) that a scene begins at the shot; 0 for the first. Raises `ModelUnusable` on other features.

    Shots from 0.5 on are as many as the calibrated probabilities add up to: films of another kind have more scenes or
    fewer, and a threshold of other films' would cut too seldom.
    """
    x = network_inputs(features, artefact.arrays, artefact.config)
    if not len(x):
        return {"probability": np.zeros(0, np.float32)}
    raw = (artefact.run_rows(x) if artefact.config.network in IN_ROWS else artefact.run(x[None])).reshape(-1)
    threshold = artefact.facts["threshold"]
    if "slope" in artefact.facts:
        threshold = threshold_for_count(raw, artefact.facts["slope"], artefact.facts["offset"])
    probability = calibrated(raw, threshold)
    probability[0] = 0.0
    return {"probability": probability}


def threshold_for_count(raw: Array, slope: float, offset: float) -> float:
    """The network's probability above which there are as many shots as boundaries are expected in the film.

    raw: (T,), the first of which is none. slope, offset: Platt's scaling of its log-odds (Platt, 1999), after which
    probabilities add up to what is expected. Halfway between the last that is one and the first that is not.
    """
    inside = np.clip(raw[1:].astype(np.float64), 1e-7, 1 - 1e-7)
    expected = (1 / (1 + np.exp(-slope * np.log(inside / (1 - inside)) - offset))).sum()
    ranked = np.concatenate([[1 - 1e-7], np.sort(inside)[::-1], [1e-7]])
    count = min(round(float(expected)), len(inside))
    return float((ranked[count] + ranked[count + 1]) / 2)


def calibrated(probability: Array, threshold: float) -> Array:
    """Probabilities with their odds divided by the threshold's: the threshold becomes 0.5, the order stays."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    odds = inside / (1 - inside) * (1 - threshold) / threshold
    return np.asarray(odds / (1 + odds), np.float32)
