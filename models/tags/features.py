"""From a film's tables to the inputs of its shots, and from its labels to the tags of its shots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.shots.inputs import ShotInput, shot_inputs, tables_of
from models.shots.labels import covered_shots
from models.tags.config import Config

PICTURES_TOGETHER = 16
"""So many pictures go through a backbone at once."""


def settle(config: Config, has: Callable[[str], bool]) -> Config:
    """What is looked at, where the configuration leaves it open, by the tables that are there."""
    if config.use is not None or config.fine_tune is not None:
        return config
    if not has("shot_features"):
        return config.model_copy(update={"use": ("picture",)})
    others: tuple[ShotInput, ...] = ("sound", "faces")
    use = ("place", "motion", *(kind for kind in others if has(kind)))
    return config.model_copy(update={"use": use})


def reads(config: Config) -> list[str]:
    """The tables of the inputs in use."""
    if config.fine_tune is not None:
        return ["shots", "frames"]
    return tables_of(config.kinds, config.min_entropy)


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row per shot: see `models.shots.inputs.shot_inputs`; with `fine_tune` its middle picture, as `pixels`."""
    if config.fine_tune is not None:
        shots = shot_inputs(tables, (), config.min_entropy)
        return shots | {"pixels": middle_pictures(tables["frames"], shots["shot"], config.fine_tune.side)}
    return shot_inputs(tables, config.kinds, config.min_entropy)


def middle_pictures(frames: TableReader, shots: Array, side: int) -> Array:
    """(T, side, side, 3) RGB bytes of the shots' middle pictures; black where a shot has none."""
    import cv2

    pixels = np.zeros((len(shots), side, side, 3), np.uint8)
    rows = {int(shot): row for row, shot in enumerate(shots)}
    for batch in frames.batches(["shot", "is_middle", "jpeg"]):
        for frame in batch.to_pylist():
            if frame["is_middle"] and frame["shot"] in rows:
                picture: Any = cv2.imdecode(np.frombuffer(frame["jpeg"], np.uint8), cv2.IMREAD_COLOR)
                small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
                pixels[rows[frame["shot"]]] = small[..., ::-1]
    return pixels


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """tags (T, vocabulary) 0 or 1, and known (T,): the kept shots of a labelled film.

    A label of the whole film (a clip in a folder) is one of each of its shots. With `absence: unknown`, and where a
    shot has one tag, only shots with a label are known; an empty tag says that none fits. Raises `ModelUnusable` for
    tags that the vocabulary lacks.
    """
    places = {tag: place for place, tag in enumerate(config.vocabulary)}
    if unknown := sorted(set(labels["tag"].drop_null().to_pylist()) - places.keys()):
        raise ModelUnusable(f"the labels have tags that its vocabulary lacks: {', '.join(unknown[:8])}")
    covered = covered_shots(labels, features)
    tags = np.zeros((len(features["time_s"]), len(places)), np.float32)
    for shots, tag in zip(covered, labels["tag"].to_pylist(), strict=True):
        if tag is not None:
            tags[shots, places[tag]] = 1
    known = features["kept"].copy()
    if not config.multi_label:
        known &= tags.any(axis=1)
    elif config.absence == "unknown":
        known &= covered.any(axis=0)
    return {"tags": tags, "known": known & bool(len(labels))}
