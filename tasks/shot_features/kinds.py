"""The four kinds of vectors of a shot, each pooled from the table that it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array, Floats
from cinelake.spec.task import TableReader
from models.shots.inputs import face_vectors
from tasks.shot_features.pooling import ShotPool
from tasks.sound import FRAMES, MELS

FeatureKind = Literal["place", "cast", "action", "audio"]
KINDS: tuple[FeatureKind, ...] = ("place", "cast", "action", "audio")


def pooled(
    shots: pa.Table, tables: Mapping[str, TableReader], use: Sequence[FeatureKind], *, main_only: bool
) -> dict[str, Array]:
    """The columns of the table, one row per shot; at least one shot.

    main_only: whether only the main face of each picture counts for the cast.
    """
    columns = {name: shots[name].to_numpy() for name in ("shot", "start_s", "end_s", "start_frame", "end_frame")}
    nothing, never = np.zeros((len(shots), 1), np.float32), np.zeros(len(shots), bool)
    columns |= dict.fromkeys(KINDS, nothing) | {"has_face": never, "has_sound": never}
    starts, end_s = columns["start_s"], float(columns["end_s"][-1])
    if "place" in use:
        middles = (starts + columns["end_s"]) / 2
        columns["place"] = _pictures(tables["embeddings"], ShotPool(starts, end_s)).mean_or_nearest(middles)
    if "cast" in use:
        faces, seen = _faces(tables["faces"], ShotPool(starts, end_s), ShotPool(starts, end_s), main_only)
        columns |= {"cast": faces.mean(), "has_face": seen}
    if "action" in use:
        columns["action"] = _matrix(shots["motion"].combine_chunks())
    if "audio" in use:
        sound = _sound(tables["sound"], ShotPool(starts, end_s))
        columns |= {"audio": np.hstack([sound.mean(), sound.deviation()]), "has_sound": sound.filled}
    return columns


def _pictures(embeddings: TableReader, pool: ShotPool) -> ShotPool:
    for batch in embeddings.batches(["time_s", "embedding"]):
        if len(batch):
            pool.add(batch["time_s"].to_numpy(), _matrix(batch["embedding"]))
    return pool


def _faces(faces: TableReader, pool: ShotPool, seen: ShotPool, main_only: bool) -> tuple[ShotPool, Array]:
    """The vectors of the faces that have one, and the shots with any face."""
    for batch in faces.batches(["time_s", "is_main", "patch", "embedding"]):
        if main_only:
            batch = batch.filter(batch["is_main"])
        if len(batch):
            times_s = batch["time_s"].to_numpy()
            vectors, told = face_vectors(batch["embedding"], batch["patch"])
            pool.add(times_s[told], vectors[told])
            seen.add(times_s, np.zeros((len(times_s), 1)))
    return pool, seen.filled


def _sound(sound: TableReader, pool: ShotPool) -> ShotPool:
    """Each 10 ms of sound counts for the shot that it is heard in; the padding of the last window does not count."""
    pool.add(np.zeros(0), np.zeros((0, MELS)))
    for batch in sound.batches(["start_s", "end_s", "logmel"]):
        times_s = batch["start_s"].to_numpy()[:, None] + np.arange(FRAMES) / 100
        heard = times_s < batch["end_s"].to_numpy()[:, None]
        pool.add(times_s[heard], _matrix(batch["logmel"]).reshape(len(batch), FRAMES, MELS)[heard])
    return pool


def _matrix(vectors: pa.Array) -> Floats:
    """A column of vectors as (rows, size)."""
    flat = vectors.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(vectors), vectors.type.list_size)
