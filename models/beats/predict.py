"""From shots to categories in two stages, and from shots to beat events by a sliding window of three.

After Ejaz et al., "Deep Learning based Beat Event Detection in Action Movie Franchises" (ICMV 2017). Categories that
look alike share a class of the first stage; whose faces are seen in the whole event distinguishes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from models.beats.config import Config
from models.shots.scaling import shot_vectors

STRANGER = 0.04
"""The share of faces that belong to nobody whom the category names: extras, and false detections."""
REACH = 8
"""So many shots before and after may belong to the same event."""


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T, categories), category (T,) after the sliding window, svm (T,) the linear SVM's category."""
    config, arrays = artefact.config, artefact.arrays
    x = shot_vectors(features, arrays, config.use, config.context)
    if not len(x):
        return {
            "probability": np.zeros((0, len(config.categories))),
            "category": np.zeros(0, int),
            "svm": np.zeros(0, int),
        }
    firsts = _merged(artefact.run_rows(x), arrays["leaves"], config)
    probability = _split(firsts, features, arrays, config)
    return {
        "probability": probability.astype(np.float32),
        "category": windowed(probability.argmax(axis=1)),
        "svm": _by_svm(x, arrays),
    }


def _by_svm(x: Array, arrays: Arrays) -> Array:
    if "svm_classes" not in arrays:
        return np.zeros(len(x), np.int64)
    margins = x @ arrays["svm_coefficients"].T + arrays["svm_intercepts"]
    chosen = margins.argmax(axis=1) if margins.shape[1] > 1 else (margins[:, 0] > 0).astype(int)
    return np.asarray(arrays["svm_classes"][chosen])


def _merged(probabilities: Array, leaves: Array, config: Config) -> Array:
    """(T, firsts): probabilities of sub-categories added up."""
    firsts = config.firsts
    merged = np.zeros((len(probabilities), len(firsts)))
    for column, leaf in enumerate(leaves):
        merged[:, firsts.index(config.leaves[leaf][0])] += probabilities[:, column]
    return merged


def _split(firsts: Array, features: Arrays, arrays: Arrays, config: Config) -> Array:
    """(T, categories): each first class shared out among its categories, by priors and the faces of the event."""
    categories = list(config.ordered.values())
    evidence = np.tile(np.log(arrays["category_counts"] + 0.5), (len(firsts), 1))
    per_shot = np.zeros_like(evidence)
    if "side_classes" in arrays:
        sides = side_probabilities(features["face_vectors"], arrays, len(config.sides))
        compositions = np.stack([composition(category.people or config.sides, config.sides) for category in categories])
        per_shot = face_evidence(sides, features["face_seen"], compositions)
    of = [category.first or name for name, category in config.ordered.items()]
    result = np.zeros_like(evidence)
    for number, first in enumerate(config.firsts):
        members = [i for i, name in enumerate(of) if name == first]
        event = belonging(firsts[:, number])
        weights = event / np.maximum(np.diag(event), 1e-6)[:, None]
        result[:, members] = firsts[:, [number]] * softmax(evidence[:, members] + weights @ per_shot[:, members])
    return result


def side_probabilities(vectors: Array, learned: Arrays, sides: int) -> Array:
    """(…, sides) how likely a face (…, d) is one of each side."""
    logits = vectors @ learned["side_coefficients"].T + learned["side_intercepts"]
    probabilities = np.zeros((*vectors.shape[:-1], sides))
    probabilities[..., learned["side_classes"]] = softmax(logits)
    return probabilities


def belonging(probabilities: Array, reach: int = REACH) -> Array:
    """(T, T) how far shot s belongs to the same event as shot t: the least probability of the class on the way.

    probabilities: (T,) of the class that the event is of.
    """
    count = len(probabilities)
    weights = np.diag(probabilities.astype(np.float64))
    for apart in range(1, min(reach, count - 1) + 1):
        here = np.arange(count - apart)
        least = np.minimum(weights[here, here + apart - 1], probabilities[here + apart])
        weights[here, here + apart] = weights[here + apart, here] = least
    return weights


def face_evidence(sides: Array, seen: Array, compositions: Array) -> Array:
    """(T, categories) log-likelihood of each shot's faces if the event were of each category, mean over its faces.

    sides: (T, faces, sides) probabilities; seen: (T, faces); compositions: (categories, sides), shares of faces.
    """
    mixed = (1 - STRANGER) * compositions + STRANGER / compositions.shape[1]
    each = np.log(np.maximum(sides @ mixed.T, 1e-6)) * seen[..., None]
    return np.asarray(each.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)[:, None])


def composition(people: Sequence[str], sides: Sequence[str]) -> Array:
    """(sides,) shares of faces by side: the named ones in equal parts."""
    return np.array([1.0 if side in people else 0.0 for side in sides]) / max(1, len(set(people)))


def softmax(values: Array) -> Array:
    """Softmax over the last axis."""
    odds = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def windowed(labels: Sequence[int] | Array) -> Array:
    """(T,) each shot's label by the window of it and its two neighbours (of which the ends have one).

    All different: the shot keeps its own. Otherwise: the label that most of the window has; of two that differ, as at
    the ends, the shot keeps its own.
    """
    own = [int(label) for label in labels]
    decided = list(own)
    for shot in range(1, len(own) - 1):
        before, after = own[shot - 1], own[shot + 1]
        decided[shot] = before if before == after else own[shot]
    return np.array(decided, np.int64)


@dataclass(frozen=True)
class BeatEvent:
    """Shots `start` … `end` (exclusive) of one label, and how sure it is: the mean of its shots' probabilities."""

    start: int
    end: int
    label: int
    confidence: float


def find_events(probabilities: Array) -> list[BeatEvent]:
    """Events of a film, one after another, of (T, categories) probabilities of its shots.

    Each shot's label is the most probable; the window decides; an event is extended while the label stays.
    """
    if not len(probabilities):
        return []
    labels = windowed(probabilities.argmax(axis=1))
    starts = np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1])
    ends = np.concatenate([starts[1:], [len(labels)]])
    return [
        BeatEvent(int(start), int(end), int(labels[start]), float(probabilities[start:end, labels[start]].mean()))
        for start, end in zip(starts, ends, strict=True)
    ]
