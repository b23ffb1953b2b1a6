"""Who is in each frame: the heads' probabilities mixed, smoothed within shots, and weighed by how many are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.characters.config import Config
from models.characters.counts import weighted_by_size
from models.characters.heads import Objective, blend, linear_logits, probabilities, standardised
from models.characters.labels import as_strings, cast_of, joined_names
from models.characters.seconds import moved_by

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact

ROWS_AT_ONCE = 64


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T, C), columns as `artefact.facts["characters"]`, smoothed within shots; unmoved (T, C): before
    offsets moved it; character (T,) strings.

    Raises `ModelUnusable` for embeddings of another size than the model has learned from.
    """
    cast, exclusive = artefact.facts["characters"], bool(artefact.facts["exclusive"])
    objective = Objective(exclusive, artefact.arrays["positive"], np.ones(len(cast) + 1))
    shares = {name: share for name, share in artefact.facts["shares"].items() if share}
    predicted = [probabilities(_logits(name, artefact, features), objective) for name in shares]
    probability = blend(predicted, list(shares.values())) if len(features["time_s"]) else np.zeros((0, len(cast)))
    probability = in_context(probability, features, artefact.config, artefact.arrays)
    unmoved = probability
    if "offsets" in artefact.arrays:
        probability = moved_by(probability, artefact.arrays["offsets"], exclusive)
    present = is_there(probability, exclusive, artefact.config.threshold)
    return {"probability": probability, "unmoved": unmoved, "character": as_strings(present, cast)}


def in_context(probability: Array, features: Arrays, config: Config, arrays: Arrays) -> Array:
    """(T, C) of one film, smoothed within its shots, and weighted by how many are there where `sizes` are known."""
    probability = smooth(probability, features["time_s"], features["shot"], config.smoothing_s)
    return weighted_by_size(probability, arrays["sizes"]) if "sizes" in arrays else probability


def _logits(head: str, artefact: Artefact, features: Arrays) -> Array:
    """(T, C) of one head."""
    if head == "linear":
        return linear_logits(_vectors(artefact, features), artefact.arrays)
    if head == "seed":
        return artefact.run_rows(_vectors(artefact, features))
    pictures = features["picture"]  # few at a time become real numbers: a long film's would fill the memory
    parts = [
        artefact.run_rows(pictures[i : i + ROWS_AT_ONCE], ROWS_AT_ONCE) for i in range(0, len(pictures), ROWS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, len(artefact.facts["characters"])))


def _vectors(artefact: Artefact, features: Arrays) -> Array:
    expected, received = len(artefact.arrays["mean"]), features["embedding"].shape[1]
    if expected != received:
        raise ModelUnusable(
            f"the model has learned from embeddings of {expected} numbers, these have {received}: they come from "
            "another backbone; train again, or name the right table under the model's `inputs`"
        )
    return standardised(features["embedding"], artefact.arrays)


def is_there(probability: Array, exclusive: bool, threshold: float) -> Array:
    """(T, C) mask: from the threshold on, or the likeliest of the characters and nobody."""
    if not exclusive:
        return probability >= threshold
    full = np.column_stack([1 - probability.sum(axis=1), probability])
    return np.asarray(np.arange(1, full.shape[1]) == full.argmax(axis=1)[:, None])


def smooth(values: Array, time_s: Array, shot: Array, window_s: float) -> Array:
    """The mean over a centred window of `window_s` seconds within each row's shot: nobody is carried over a cut.

    values: (T, C); time_s: (T,) in order; shot: (T,) numbers of shots, −1 where it is missing: such rows stay as they
    are. A window of 0 changes nothing.
    """
    smoothed = np.array(values, np.float64)
    edges = np.flatnonzero(np.diff(shot)) + 1
    for start, end in pairwise([0, *edges.tolist(), len(shot)] if len(shot) else [0]):
        if shot[start] >= 0:
            smoothed[start:end] = _windowed_mean(smoothed[start:end], time_s[start:end], window_s / 2 + 1e-6)
    return smoothed


def _windowed_mean(values: Array, time_s: Array, reach_s: float) -> Array:
    first = np.searchsorted(time_s, time_s - reach_s, side="left")
    last = np.searchsorted(time_s, time_s + reach_s, side="right")
    summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return (summed[last] - summed[first]) / (last - first)[:, None]


def baseline(learn: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Everybody in every frame: the constant prediction with the best F1."""
    everybody = joined_names(cast_of(joined(learn, "character", of="targets")))
    return lambda features: {"character": np.full(len(features["time_s"]), everybody)}
