"""From a film's features to the probability that a scene begins at each of its shots."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.scenes.config import IN_ROWS
from models.scenes.features import network_inputs


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T,) that a scene begins at the shot, 0 for the first; unmoved (T,): calibrated, before its threshold
    was moved to 0.5. Raises `ModelUnusable` on other features.

    Shots from 0.5 on are as many as the calibrated probabilities add up to: films of another kind have more scenes or
    fewer, and a threshold of other films' would cut too seldom.
    """
    if not len(features["time_s"]):
        return {"probability": np.zeros(0, np.float32), "unmoved": np.zeros(0, np.float32)}
    x = network_inputs(features, artefact.arrays, artefact.config)
    raw = (artefact.run_rows(x) if artefact.config.network in IN_ROWS else artefact.run(x[None])).reshape(-1)
    raw[0] = 0.0
    facts, unmoved = artefact.facts, raw
    threshold = facts["threshold"]
    if "slope" in facts:
        unmoved = scaled(raw, facts, log_length(features))
        unmoved[0] = 0.0
        threshold = threshold_for_count(raw, float(unmoved.sum()))
    probability = moved(raw, threshold)
    probability[0] = 0.0
    return {"probability": probability, "unmoved": unmoved.astype(np.float32)}


def log_length(features: Arrays) -> float:
    """The log of the mean length of a film's shots, in seconds."""
    return float(np.log(max(float((features["end_s"] - features["time_s"]).mean()), 1e-3)))


def log_odds(probability: Array) -> Array:
    """(T,) log-odds of probabilities, finite for 0 and 1 too."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(inside / (1 - inside)))


def scaled(raw: Array, facts: Mapping[str, float], length: float) -> Array:
    """(T,) probabilities that add up to what is expected: Platt's scaling of log-odds (Platt, 1999) by the facts of
    `models.scenes.fitting.calibration`. length: `log_length` of the film; beyond those learned from it counts as the
    nearest of them. Versions of earlier releases know no pace.
    """
    logit = facts["slope"] * log_odds(raw) + facts["offset"]
    if "pace" in facts:
        logit += facts["pace"] * (float(np.clip(length, facts["shortest"], facts["longest"])) - facts["usual"])
    return np.asarray(1 / (1 + np.exp(-logit)))


def threshold_for_count(raw: Array, expected: float) -> float:
    """The network's probability above which there are as many shots as boundaries are expected in the film.

    raw: (T,), the first of which is none. Halfway between the last that is one and the first that is not.
    """
    inside = np.clip(raw[1:].astype(np.float64), 1e-7, 1 - 1e-7)
    ranked = np.concatenate([[1 - 1e-7], np.sort(inside)[::-1], [1e-7]])
    count = min(round(expected), len(inside))
    return float((ranked[count] + ranked[count + 1]) / 2)


def moved(probability: Array, threshold: float) -> Array:
    """Probabilities with their odds divided by the threshold's: the threshold becomes 0.5, the order stays."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    odds = inside / (1 - inside) * (1 - threshold) / threshold
    return np.asarray(odds / (1 + odds), np.float32)
