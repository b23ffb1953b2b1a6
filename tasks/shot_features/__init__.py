"""Table `shot_features`: what each shot shows, who is in it, how it moves and how it sounds: one vector of each kind.

The four kinds are those of Rao et al., "A Local-to-Global Approach to Multi-modal Movie Scene Segmentation" (CVPR
2020): place, cast, action, audio. In the manifest:

    shot_features: {}                                              # all four, of the tables with these names
    shot_features: {use: [place, action]}                          # without faces and sound
    shot_features: {inputs: {embeddings: embeddings_place}}        # places by another backbone

Films that exist as features only are imported into the same table: the vectors' sizes are free. A kind that is left
out has vectors of one zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from cinelake.spec.contract import Column, Contract, Rule, vector
from cinelake.spec.task import Film, Params, TableReader, task
from tasks.faces import PATCH_SIDE
from tasks.shot_features.pooling import Pool
from tasks.sound import FRAMES, MELS

Kind = Literal["place", "cast", "action", "audio"]
KINDS: tuple[Kind, ...] = ("place", "cast", "action", "audio")
TABLES = {"place": "embeddings", "cast": "faces", "audio": "sound"}
DCT_SIDE = 12
"""A face without an embedding is described by this many frequencies each way."""
SHOTS_TOGETHER = 512

Floats = npt.NDArray[np.float32]

SHOT_FEATURES = Contract(
    table="shot_features",
    doc="One row per shot with a vector for its place, its cast, its action and its sound.",
    columns=[
        Column("shot", pa.int32(), "Number of the shot, from 0.", at_least=0),
        Column("start_s", pa.float64(), "When it begins, in seconds; of an imported film without times its number."),
        Column("end_s", pa.float64(), "When it ends (exclusive)."),
        Column("start_frame", pa.int64(), "First frame.", at_least=0),
        Column("end_frame", pa.int64(), "Frame after the last.", at_least=1),
        Column("place", vector(), "Mean of the pictures' embeddings; a shot without a picture has its neighbour's."),
        Column(
            "cast", vector(), "Mean of the embeddings, else of cosine-transform descriptors, of its faces; or zeros."
        ),
        Column("has_face", pa.bool_(), "Whether a face was found in the shot."),
        Column("action", vector(), "Histogram of its motion, as in `shots`."),
        Column("audio", vector(), "Mean and standard deviation of 64 log-mel bands over the shot; or zeros."),
        Column("has_sound", pa.bool_(), "Whether there is sound during the shot."),
    ],
    key=["shot"],
    rules=[
        Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"])),
    ],
)


class ShotFeaturesParams(Params):
    """Which kinds of features are pooled."""

    use: tuple[Kind, ...] = KINDS
    """Kinds that are pooled, of place (reads embeddings), cast (faces), action (shots) and audio (sound)."""
    faces: Literal["all", "main"] = "all"
    """Which faces make up the cast: all, or of each picture the one nearest to its centre."""

    @field_validator("use")
    @classmethod
    def _some_and_each_once(cls, use: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if not use or len(set(use)) < len(use):
            raise ValueError(f"'use' needs at least one of {', '.join(KINDS)}, each once. Received: {list(use)}")
        return tuple(kind for kind in KINDS if kind in use)


@task(
    writes=SHOT_FEATURES,
    reads=lambda params: ["shots", *(TABLES[kind] for kind in params.use if kind in TABLES)],
    params=ShotFeaturesParams,
    version=1,
)
class PoolOverShots:
    """Pool the embeddings, faces, motion and sound of each shot."""

    def __init__(self, params: ShotFeaturesParams, film: Film):
        self._params, self._film = params, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per shot."""
        shots = tables["shots"].read(["shot", "start_s", "end_s", "start_frame", "end_frame", "motion"])
        if len(shots):
            columns = pooled(shots, tables, self._params)
            for start in range(0, len(shots), SHOTS_TOGETHER):
                part = {name: values[start : start + SHOTS_TOGETHER] for name, values in columns.items()}
                yield SHOT_FEATURES.batch(self._film.movie_id, **part)


def pooled(
    shots: pa.Table, tables: Mapping[str, TableReader], params: ShotFeaturesParams
) -> dict[str, npt.NDArray[Any]]:
    """The columns of the table, one row per shot; at least one shot."""
    columns = {name: shots[name].to_numpy() for name in ("shot", "start_s", "end_s", "start_frame", "end_frame")}
    nothing, never = np.zeros((len(shots), 1), np.float32), np.zeros(len(shots), bool)
    columns |= dict.fromkeys(KINDS, nothing) | {"has_face": never, "has_sound": never}
    starts, end_s = columns["start_s"], float(columns["end_s"][-1])
    if "place" in params.use:
        middles = (starts + columns["end_s"]) / 2
        columns["place"] = _pictures(tables["embeddings"], Pool(starts, end_s)).mean_or_nearest(middles)
    if "cast" in params.use:
        faces = _faces(tables["faces"], Pool(starts, end_s), main_only=params.faces == "main")
        columns |= {"cast": faces.mean(), "has_face": faces.filled}
    if "action" in params.use:
        columns["action"] = _matrix(shots["motion"].combine_chunks())
    if "audio" in params.use:
        sound = _sound(tables["sound"], Pool(starts, end_s))
        columns |= {"audio": np.hstack([sound.mean(), sound.deviation()]), "has_sound": sound.filled}
    return columns


def _pictures(embeddings: TableReader, pool: Pool) -> Pool:
    for batch in embeddings.batches(["time_s", "embedding"]):
        if len(batch):
            pool.add(batch["time_s"].to_numpy(), _matrix(batch["embedding"]))
    return pool


def _faces(faces: TableReader, pool: Pool, main_only: bool) -> Pool:
    for batch in faces.batches(["time_s", "is_main", "patch", "embedding"]):
        if main_only:
            batch = batch.filter(batch["is_main"])
        if len(batch):
            nameless = batch["embedding"].flatten().null_count > 0
            vectors = describe_patches(_matrix(batch["patch"])) if nameless else _matrix(batch["embedding"])
            pool.add(batch["time_s"].to_numpy(), vectors)
    return pool


def describe_patches(patches: npt.NDArray[Any]) -> Floats:
    """(n, 2304) grey bytes → (n, 143) vectors of length 1: low frequencies of the cosine transform, without the mean.

    The low-frequency DCT is a compact description of faces (Hafed and Levine, "Face Recognition Using the Discrete
    Cosine Transform", IJCV 2001).
    """
    from scipy.fft import dctn

    pictures = patches.reshape(-1, PATCH_SIDE, PATCH_SIDE).astype(np.float32)
    low = dctn(pictures, axes=(1, 2), norm="ortho")[:, :DCT_SIDE, :DCT_SIDE].reshape(len(pictures), -1)[:, 1:]
    lengths = np.linalg.norm(low, axis=1, keepdims=True)
    return np.asarray(low / np.maximum(lengths, 1e-6), np.float32)


def _sound(sound: TableReader, pool: Pool) -> Pool:
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
