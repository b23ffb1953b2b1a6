"""What a trained model predicts: from a film's clips to its line."""

from __future__ import annotations

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.affect.features import scaled_clips
from models.affect.network import follow, numpy_ops


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """line (T, targets) in the labels' unit, smoothed and calibrated; written (T, slots), how much each memory slot is
    written."""
    config, learned = artefact.config, artefact.arrays
    clips = scaled_clips(features, learned, config.use)
    written = np.zeros((len(clips), config.memory.slots), np.float32)
    predicted = np.zeros((len(clips), len(config.targets)))
    if len(clips) and config.learner in ("lstm", "transformer"):
        predicted = artefact.run(clips.reshape(1, len(clips), -1))[0]
    elif len(clips) and config.learner.startswith("memory"):
        passes = [follow(weights, clips, config.learner == "memory_clips") for weights in members_of(learned)]
        each = [numpy_ops().softmax(y) if config.classes else y for y, _ in passes]
        predicted, written = np.mean(each, axis=0), passes[0][1]
    if "coefficients" in learned:
        predicted = predicted + ridge_line(learned, clips)
    line = smoothed(predicted, config.smooth_s / config.clip_s) * learned.get("slope", 1.0)
    line = line * learned["reach"] + learned["middle"]
    return {"line": line.astype(np.float32), "written": written.astype(np.float32)}


def members_of(arrays: Arrays) -> list[Arrays]:
    """The weights of each memory network among a model's arrays."""
    names = sorted({name.split("/")[0] for name in arrays if "/" in name})
    return [{n.split("/")[1]: a for n, a in arrays.items() if n.startswith(f"{member}/")} for member in names]


def ridge_line(fitted: Arrays, clips: Array) -> Array:
    """(T, targets) the regression's prediction for clips (T, K, F)."""
    rows = clips.reshape(len(clips), clips.shape[1] * clips.shape[2])
    return np.asarray(rows @ fitted["coefficients"] + fitted["intercepts"])


def smoothed(line: Array, deviation: float) -> Array:
    """The line (T, targets) after a Gaussian filter, its ends repeated; deviation in clips, 0: unchanged."""
    if deviation == 0 or not len(line):
        return line
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(line, deviation, axis=0, mode="nearest"))
