"""Table `shot_features`: what each shot shows, who is in it, how it moves and how it sounds: one vector of each kind.

The four kinds are those of Rao et al., "A Local-to-Global Approach to Multi-modal Movie Scene Segmentation" (CVPR
2020): place, cast, action, audio. In the manifest:

    shot_features: {}                                              # all four, of the tables with these names
    shot_features: {use: [place, action]}                          # without faces and sound
    shot_features: {inputs: {embeddings: embeddings_place}}        # places by another backbone

Films that exist as features only are imported into the same table: the vectors' sizes are free. A kind that is left
out has vectors of one zero.

Reading order: pooling, kinds, and the task below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import field_validator

from cinelake.spec.contract import Column, Contract, Rule, vector
from cinelake.spec.task import Film, Params, TableReader, task
from tasks.shot_features.kinds import KINDS, FeatureKind, pooled

TABLES = {"place": "embeddings", "cast": "faces", "audio": "sound"}
SHOTS_TOGETHER = 512

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

    use: tuple[FeatureKind, ...] = KINDS
    """Kinds that are pooled, of place (reads embeddings), cast (faces), action (shots) and audio (sound)."""
    faces: Literal["all", "main"] = "all"
    """Which faces make up the cast: all, or of each picture the one nearest to its centre."""

    @field_validator("use")
    @classmethod
    def _some_and_each_once(cls, use: tuple[FeatureKind, ...]) -> tuple[FeatureKind, ...]:
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
            columns = pooled(shots, tables, self._params.use, main_only=self._params.faces == "main")
            for start in range(0, len(shots), SHOTS_TOGETHER):
                part = {name: values[start : start + SHOTS_TOGETHER] for name, values in columns.items()}
                yield SHOT_FEATURES.batch(self._film.movie_id, **part)
