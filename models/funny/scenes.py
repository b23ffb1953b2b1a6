"""From films to what the agent plays: scaled embeddings, and scenes of so many steps each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Example
from models.funny.agent import Scenes

if TYPE_CHECKING:
    from models.funny import Config

LEAST_DEVIATION = 1e-3
FARTHEST = 5.0
"""Scaled numbers are kept within so many deviations: one strange step should not speak the loudest."""


def learn_scaling(examples: Sequence[Example], config: Config) -> Arrays:
    """Centre (d,), axes (d, c) and scale (c,) of each kind of input, over all steps of the examples.

    A kind of more than `components` numbers is turned to its first principal components (the labels are not asked).
    """
    scaling: Arrays = {}
    for kind in config.use:
        rows = joined(examples, kind, known=False).astype(np.float64)
        centre, axes = rows.mean(axis=0), np.eye(rows.shape[1])
        if rows.shape[1] > config.components:
            values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
            axes = vectors[:, np.argsort(-values)[: config.components]]
        scale = ((rows - centre) @ axes).std(axis=0)
        parts = {"centre": centre, "axes": axes, "scale": np.where(scale < LEAST_DEVIATION, 1.0, scale)}
        scaling |= {f"{kind}_{name}": values.astype(np.float32) for name, values in parts.items()}
    return scaling


def embeddings(features: Arrays, scaling: Arrays, config: Config) -> Array:
    """(T, D) e(t): all kinds scaled, side by side, with those of `context` steps before and after.

    Beyond a film's (or a conversation's) end there is nothing: zeros, which is the mean. Raises `ModelUnusable` on
    features of another size than those that were learned from.
    """
    parts = [_scaled(features[kind], scaling, kind) for kind in config.use]
    own = np.concatenate(parts, axis=1).astype(np.float32)
    pieces = features.get("piece", np.zeros(len(own), int))
    return np.concatenate([_shifted(own, pieces, by) for by in range(-config.context, config.context + 1)], axis=1)


def _scaled(rows: Array, scaling: Arrays, kind: str) -> Array:
    centre = scaling[f"{kind}_centre"]
    if rows.shape[1] != len(centre):
        raise ModelUnusable(f"funny: {kind} has {rows.shape[1]} numbers a step, the model learned from {len(centre)}")
    turned = (rows - centre) @ scaling[f"{kind}_axes"] / scaling[f"{kind}_scale"]
    return np.asarray(np.clip(turned, -FARTHEST, FARTHEST))


def _shifted(rows: Array, pieces: Array, by: int) -> Array:
    """Each step's neighbour `by` steps later, zeros where that is of another piece."""
    moved = np.zeros_like(rows)
    there = np.arange(max(0, -by), min(len(rows), len(rows) - by))
    there = there[pieces[there] == pieces[there + by]]
    moved[there] = rows[there + by]
    return moved


def cut_scenes(pieces: Array, length: int) -> Array:
    """(N, length) each scene's steps; T behind its end. A piece is cut into scenes of at most `length` steps."""
    count = len(pieces)
    starts = np.append(0, 1 + np.flatnonzero(pieces[1:] != pieces[:-1])) if count else np.zeros(0, int)
    ends = np.append(starts[1:], count)[: len(starts)]
    begins = [begin for start, end in zip(starts, ends, strict=True) for begin in range(start, end, length)]
    stops = [end for start, end in zip(starts, ends, strict=True) for _ in range(start, end, length)]
    steps = np.array(begins, int)[:, None] + np.arange(length)[None]
    return np.where(steps < np.array(stops, int)[:, None], steps, count)


def pieces_of(features: Arrays) -> Array:
    """(T,) which steps hang together: the whole film where nothing else is said."""
    return features.get("piece", np.zeros(len(features["time_s"]), int))


def make_scenes(examples: Sequence[Example], scaling: Arrays, config: Config) -> Scenes:
    """The examples as one row of scenes. The rarer class is worth more as far as `balance` says."""
    x = np.concatenate([embeddings(example.features, scaling, config) for example in examples])
    label = joined(examples, "funny", of="targets", known=False).astype(np.float32)
    known = joined(examples, "known", of="targets", known=False)
    rows, before = [], 0
    for example in examples:
        own = cut_scenes(pieces_of(example.features), config.scene_steps)
        rows.append(np.where(own < len(example), own + before, len(x)))
        before += len(example)
    worth = known * class_worth(label, known, config.balance)
    nothing = np.zeros((1, x.shape[1]), np.float32)
    return Scenes(np.concatenate([x, nothing]), np.append(label, 0.0), np.append(worth, 0.0), np.concatenate(rows))


def class_worth(label: Array, known: Array, balance: float) -> Array:
    """(T,) what an answer is worth: 1 at balance 0; at 1 both classes are worth the same together, the mean is 1."""
    rate = min(max(float(label[known].mean()), 1e-6), 1 - 1e-6) if known.any() else 0.5
    even = np.where(label > 0.5, 0.5 / rate, 0.5 / (1 - rate))
    return np.asarray((1 - balance) + balance * even, np.float32)
