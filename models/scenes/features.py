"""From a film's tables to features and targets of its shots, and to what a network of `scenes` is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable, did_you_mean
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.task import TableReader
from models.scenes.config import Config
from models.scenes.similarity import boundary_features, fit_whitening
from models.shots.inputs import matrix

TIMES = {"shot": "shot", "time_s": "start_s", "end_s": "end_s", "start_frame": "start_frame", "end_frame": "end_frame"}
"""Names of the features of a shot, and the columns of `shot_features` that hold them."""
FAR = 4.0
"""Inputs count as at most this many standard deviations from the mean of the training part."""


def reads(_config: Config) -> list[str]:
    """Features of shots hold all that is needed."""
    return ["shot_features"]


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """shot, time_s, end_s, start_frame, end_frame (T,), and (T, d) for each kind in use.

    Raises `ModelUnusable` when the table has no column of a kind.
    """
    table = tables["shot_features"].read()
    for kind in config.use:
        if kind not in table.schema.names or not pa.types.is_fixed_size_list(table.schema.field(kind).type):
            vectors = [field.name for field in table.schema if pa.types.is_fixed_size_list(field.type)]
            raise ModelUnusable(f"scenes: shot_features has no vectors {kind!r}{did_you_mean(kind, vectors)}")
    times = {name: table[column].combine_chunks().to_numpy() for name, column in TIMES.items()}
    return times | {kind: matrix(table[kind]) for kind in config.use}


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """boundary (T,) whether a scene begins at the shot, known (T,): shots inside a labelled scene, never the first.

    A scene that is given by time begins at the shot whose start is nearest to its own; labelled shots count as ours.
    Where a row says that no scene `begins`, none does in its span.
    """
    starts_s, count = features["time_s"], len(features["time_s"])
    boundary, known = np.zeros(count, bool), np.zeros(count, bool)
    for row in labels.to_pylist() if count else []:
        if row["start_s"] is not None:
            first = int(np.abs(starts_s - row["start_s"]).argmin())
            middles = (starts_s + features["end_s"]) / 2
            known |= (middles >= row["start_s"]) & (middles < row["end_s"])
        else:
            numbers, start = features["shot"], row["start_shot"] or 0
            first = int(np.abs(numbers - start).argmin())
            known |= (numbers >= start) & (numbers < (row["end_shot"] or numbers[-1] + 1))
        if row.get("begins") is not False:
            boundary[first] = known[first] = True
    boundary[:1] = known[:1] = False
    return {"boundary": boundary, "known": known}


def learn_inputs(examples: Sequence[Example], config: Config, seed: int) -> Arrays:
    """What turns features into inputs: sizes of the kinds, whitening, mean and standard deviation of the inputs."""
    sizes = {kind: max(e.features[kind].shape[1] for e in examples) for kind in config.use}
    learned: Arrays = {"sizes": np.array([sizes[kind] for kind in config.use])}
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
    if f"{config.use[0]}_components" not in learned:  # a sequence network of the first releases: vectors as they are
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
