"""Table `scenes`: the film's shots cut into scenes by a trained model.

In the manifest:

    scenes: {}                                    # by scenes@champion
    scenes: {model: scenes@3}                     # by a version of it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract, Rule
from cinelake.spec.task import Film, NoParams, TableReader, task
from models.scenes.features import features
from models.scenes.predict import predict

SCENES = Contract(
    table="scenes",
    doc="The film's scenes: runs of shots that belong together. They tile the film.",
    columns=[
        Column("scene", pa.int32(), "Number of the scene, from 0.", at_least=0),
        Column("start_shot", pa.int32(), "First shot.", at_least=0),
        Column("end_shot", pa.int32(), "Shot after the last: the next scene's first.", at_least=1),
        Column("start_s", pa.float64(), "When the first shot begins, in seconds."),
        Column("end_s", pa.float64(), "When the last shot ends (exclusive)."),
        Column("score", pa.float32(), "Probability that a scene begins here (1 for the first).", False, 0, 1),
    ],
    key=["scene"],
    rules=[
        Rule("must end after it starts", "end_shot", lambda b: pc.less_equal(b["end_shot"], b["start_shot"])),
        Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"])),
    ],
)


@task(writes=SCENES, reads=[], params=NoParams, version=1, applies="scenes")
class CutIntoScenes:
    """Cut the shots where the model says that a scene begins."""

    def __init__(self, params: NoParams, film: Film, artefact: Artefact):
        self._film, self._artefact = film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per scene."""
        shots = features(tables, self._artefact.config)
        if not len(shots["shot"]):
            return
        probability = predict(self._artefact, shots)["probability"]
        starts = np.append(0, 1 + np.flatnonzero(probability[1:] >= self._artefact.config.threshold))
        ends = np.append(starts[1:], len(probability))
        yield SCENES.batch(
            self._film.movie_id,
            scene=np.arange(len(starts)),
            start_shot=shots["shot"][starts],
            end_shot=shots["shot"][ends - 1] + 1,
            start_s=shots["time_s"][starts],
            end_s=shots["end_s"][ends - 1],
            score=np.append(1.0, probability[starts[1:]]),
        )
