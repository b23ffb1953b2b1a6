"""From a film's features of shots to what a network of `scenes` is given, and what is learned for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Example
from models.scenes.similarity import boundary_features, fit_whitening

if TYPE_CHECKING:
    from models.scenes import Config

FAR = 4.0
"""Inputs count as at most this many standard deviations from the mean of the training part."""


def learn_inputs(examples: Sequence[Example], config: Config, seed: int) -> Arrays:
    """What turns features into inputs: sizes of the kinds, whitening for `similarity`, mean and standard deviation."""
    sizes = {kind: max(e.features[kind].shape[1] for e in examples) for kind in config.use}
    learned: Arrays = {"sizes": np.array([sizes[kind] for kind in config.use])}
    if config.network == "similarity":
        for kind in config.use:
            whitening = fit_whitening([_sized(e.features[kind], sizes[kind], kind) for e in examples], seed)
            learned |= {f"{kind}_{name}": values for name, values in whitening.items()}
    return learned | _moments(_unscaled(e.features, learned, config) for e in examples)


def _moments(inputs: Iterable[Array]) -> Arrays:
    """Mean and deviation of each number over all shots; one film's inputs are in memory at a time."""
    count, total, squares = 0, np.zeros(()), np.zeros(())
    for x in inputs:
        count += len(x)
        total = total + x.sum(axis=0, dtype=np.float64)
        squares = squares + np.square(x, dtype=np.float64).sum(axis=0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    deviation[deviation < 1e-6] = 1.0
    return {"mean": mean.astype(np.float32), "deviation": deviation.astype(np.float32)}


def network_inputs(features: Arrays, learned: Arrays, config: Config) -> Array:
    """(T, n) standardised inputs. Raises `ModelUnusable` when a kind's vectors have another size than in training."""
    x = (_unscaled(features, learned, config) - learned["mean"]) / learned["deviation"]
    return np.clip(x, -FAR, FAR, out=x)


def _unscaled(features: Arrays, learned: Arrays, config: Config) -> Array:
    sizes = dict(zip(config.use, learned["sizes"].tolist(), strict=True))
    kinds = {kind: _sized(features[kind], size, kind) for kind, size in sizes.items()}
    if config.network != "similarity":
        return np.concatenate(list(kinds.values()), axis=1, dtype=np.float32)
    whitening = {kind: {name: learned[f"{kind}_{name}"] for name in ("mean", "components")} for kind in kinds}
    return boundary_features(kinds, whitening, features["start_frame"], features["end_frame"])


def _sized(vectors: Array, size: int, kind: str) -> Array:
    """The vectors; where a film has nothing of the kind at all, zeros of the size that other films have."""
    if vectors.shape[1] == size:
        return vectors
    if not vectors.any():
        return np.zeros((len(vectors), size), np.float32)
    raise ModelUnusable(
        f"scenes: vectors of {kind!r} have {vectors.shape[1]} numbers, in training they had {size}: they come from "
        "another backbone. Train again, or make shot_features with the same one"
    )


def check_examples(examples: Sequence[Example]) -> None:
    """Raise `CannotTrain` unless there are boundaries and shots that are none."""
    found = [e.targets["boundary"][e.targets["known"]] for e in examples]
    known = np.concatenate([*found, np.zeros(0, bool)])
    if not known.any() or known.all():
        what = "no shot at which a scene begins" if not known.any() else "only shots at which a scene begins"
        raise CannotTrain(
            f"scenes: the {len(examples)} films to learn from have {len(known)} labelled shots and {what}: check that "
            "the labels' times fit the films"
        )


def step_weights(examples: Sequence[Example], balance: float) -> list[Array]:
    """(T,) per film: 0 where unknown, 1 where no scene begins, (negatives / positives)^balance where one does."""
    positive = sum(int((e.targets["boundary"] & e.targets["known"]).sum()) for e in examples)
    negative = sum(int(e.targets["known"].sum()) for e in examples) - positive
    heavy = (negative / max(positive, 1)) ** balance
    return [np.where(e.targets["boundary"], heavy, 1.0) * e.targets["known"] for e in examples]


def padded_batch(parts: Sequence[tuple[Array, Array, Array]]) -> tuple[Any, ...]:
    """Films (T, n), (T,), (T,) of several lengths as (films, longest, n), (films, longest, 1), (films, longest)."""
    longest = max(len(x) for x, _, _ in parts)
    x = np.zeros((len(parts), longest, parts[0][0].shape[1]), np.float32)
    y, weight = np.zeros((len(parts), longest, 1), np.float32), np.zeros((len(parts), longest), np.float32)
    for film, (inputs, boundary, heavy) in enumerate(parts):
        x[film, : len(inputs)], y[film, : len(inputs), 0], weight[film, : len(inputs)] = inputs, boundary, heavy
    return x, y, weight
