"""From a film's shots to their tags, and from tags of shots to tags of the film."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.heads.config import shifted
from models.shots.scaling import shot_vectors
from models.tags.features import PICTURES_TOGETHER
from models.tags.kernel import kernel_predicted


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T, tags), each tag's threshold moved to 0.5, and unmoved (T, tags), as the head says; shots that
    were not kept have zeros."""
    config, kept = artefact.config, features["kept"]
    probability, unmoved = (np.zeros((len(kept), len(config.vocabulary)), np.float32) for _ in range(2))
    if kept.any():
        unmoved[kept] = _raw(artefact, features, kept)
        probability[kept] = shifted(unmoved[kept], artefact.arrays["thresholds"])
    return {"probability": probability, "unmoved": unmoved}


def _raw(artefact: Artefact, features: Arrays, kept: Array) -> Array:
    """(kept shots, tags) what the head says, no threshold moved."""
    config = artefact.config
    if config.fine_tune is not None:
        return artefact.run_rows(features["pixels"][kept], PICTURES_TOGETHER)
    x = shot_vectors(features, artefact.arrays, config.kinds, config.context)
    kernel = config.as_kernel(artefact.arrays)
    return kernel_predicted(kernel, artefact.arrays, x[kept]) if kernel else artefact.run_rows(x[kept])


def as_kept(features: Arrays, probability: Array) -> Arrays:
    """The prediction of these probabilities (T, tags): shots that were not kept have zeros."""
    return {"probability": np.where(features["kept"][:, None], probability, 0).astype(np.float32)}


def tag_weights(probabilities: Array, carried: Array) -> Array:
    """(tags,) W_i = (n_i / N) Σ_j P_ij.

    probabilities: (N, tags) of the N kept frames (the middle pictures whose entropy suffices); carried: (N, tags)
    bool, whether a frame carries a tag: its probability is at or above the threshold. n_i: how many do. The sum is
    over all kept frames, as the paper writes it; where only carried tags are stored, over those.
    """
    kept = len(probabilities)
    if not kept:
        return np.zeros(probabilities.shape[1])
    return np.asarray(carried.sum(axis=0) / kept * probabilities.sum(axis=0), np.float64)


def relevance(weights: Array) -> Array:
    """(tags,) R_i = (W_i − W_min) / (W_max − W_min), 0 … 1; where all weights are equal, each is as relevant: 1."""
    if not len(weights):
        return np.zeros(0)
    least, most = float(np.min(weights)), float(np.max(weights))
    if most <= least:
        return np.ones(len(weights))
    return np.asarray((weights - least) / (most - least), np.float64)
