"""Patches of faces as they lie in table `faces`, and which of them labels speak of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.task import TableReader
from models.expressions.config import Config
from models.expressions.networks import EMOTIONS, SIDE

TURNS_DEG = {1: (0.0,), 3: (0.0, 6.0, -6.0)}
"""How a face is turned in each view, by the number of views."""


def reads(_config: Config) -> list[str]:
    """Patches come from `faces`."""
    return ["faces"]


def features(tables: Mapping[str, TableReader], _config: Config) -> Arrays:
    """time_s, frame, face, is_main (T,) and patch (T, 48, 48) uint8: one step per face, by frame and face."""
    names = ["time_s", "frame", "face", "is_main"]
    columns: dict[str, list[Array]] = {name: [] for name in names}
    patches: list[Array] = [np.zeros((0, SIDE, SIDE), np.uint8)]
    for batch in tables["faces"].batches([*names, "patch"]):
        for name, parts in columns.items():
            parts.append(batch[name].to_numpy(zero_copy_only=False))
        patches.append(batch["patch"].flatten().to_numpy().reshape(-1, SIDE, SIDE))
    empty = {"time_s": np.zeros(0), "is_main": np.zeros(0, bool)}
    rows = {n: np.concatenate(parts) if parts else empty.get(n, np.zeros(0, int)) for n, parts in columns.items()}
    return {**rows, "patch": np.concatenate(patches)}


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """emotion (T,), indices into `EMOTIONS`, and known (T,): the faces that a label speaks of."""
    count = len(features["time_s"])
    emotion, known = np.zeros(count, int), np.zeros(count, bool)
    if count and len(labels):
        times, picture = np.unique(features["time_s"], return_inverse=True)
        rows = _rows_of_faces(picture, features)
        label_s = labels["time_s"].to_numpy()
        nearest = np.searchsorted((times[1:] + times[:-1]) / 2, label_s)
        near = np.abs(times[nearest] - label_s) <= config.reach_s
        faces, names = labels["face"].to_pylist(), labels["emotion"].to_pylist()
        for label in np.flatnonzero(near):
            row = rows.get((int(nearest[label]), faces[label]))
            if row is not None:
                emotion[row], known[row] = EMOTIONS.index(names[label]), True
    return {"emotion": emotion, "known": known}


def _rows_of_faces(picture: Array, features: Arrays) -> dict[tuple[int, int | None], int]:
    """(picture, face), and (picture, None) for its main face → row."""
    numbers, is_main = features["face"].tolist(), features["is_main"].tolist()
    rows: dict[tuple[int, int | None], int] = {}
    for row, number in enumerate(picture.tolist()):
        rows[number, numbers[row]] = row
        if is_main[row]:
            rows[number, None] = row
    return rows


def seen(patches: Array, views: int) -> Iterator[Array]:
    """The patches (T, 48, 48) as they are judged: they and their mirror images, turned as `TURNS_DEG[views]` says.

    Turned after they were mirrored, so that a face and its mirror image are seen in the very same views.
    """
    import cv2

    middle = ((SIDE - 1) / 2, (SIDE - 1) / 2)
    for turn_deg in TURNS_DEG[views]:
        matrices = np.tile(cv2.getRotationMatrix2D(middle, turn_deg, 1.0), (len(patches), 1, 1))
        for way in (patches, patches[:, :, ::-1]):
            yield moved(way, matrices) if turn_deg and len(patches) else way


def moved(patches: Array, matrices: Array) -> Array:
    """Each patch by an affine map of its own, (T, 2, 3); beyond its edge it goes on as its mirror image."""
    import cv2

    pairs, size = zip(patches, matrices, strict=True), (SIDE, SIDE)
    return np.stack([cv2.warpAffine(patch, matrix, size, borderMode=cv2.BORDER_REFLECT) for patch, matrix in pairs])
