"""Table `funny`: which parts of the film are funny, by a trained model of kind `funny`.

In the manifest:

    funny: {}                                     # by funny@champion
    funny: {merge: steps}                         # spans as fine as the model's steps, instead of whole shots
    funny: {only_funny: true}                     # leave out what is not funny
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract, Rule
from cinelake.spec.task import Film, Params, TableReader, task
from models.funny.features import features
from models.funny.predict import merge_shots, merge_steps, predict

FUNNY = Contract(
    table="funny",
    doc="Spans of the film that are funny, and those that are not, one after another. Where the model sees and hears "
    "nothing there is no span.",
    columns=[
        Column("start_s", pa.float64(), "When the span begins, in seconds."),
        Column("end_s", pa.float64(), "When it ends (exclusive)."),
        Column("q_funny", pa.float32(), "What it is worth to say funny here: the mean Q-value of the span's steps."),
        Column("q_not_funny", pa.float32(), "What it is worth to say not funny."),
        Column("is_funny", pa.bool_(), "Whether it is funny: whether q_funny is the greater one."),
    ],
    key=["start_s"],
    rules=[Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"]))],
)


class FunnyParams(Params):
    """How fine the spans are, and which are kept."""

    merge: Literal["shots", "steps"] = "shots"
    """shots: a shot is funny or not as a whole, and neighbours of one kind are one span; steps: as the model has it."""
    only_funny: bool = False
    """Whether spans that are not funny are left out."""


@task(writes=FUNNY, reads=[], params=FunnyParams, version=1, applies="funny")
class FindFunny:
    """Steps to spans, by the greater of their two Q-values."""

    def __init__(self, params: FunnyParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per span. Raises `ModelUnusable` for a film of which the model sees and hears nothing at all."""
        steps = features(tables, self._artefact.config)
        if not steps["seen"].any():
            kinds = ", ".join(self._artefact.config.use)
            raise ModelUnusable(
                f"the model looks at {kinds}, and the film has nothing of it: nothing can be said of it"
            )
        spans = self._merged(tables["shots"], steps, predict(self._artefact, steps)["q"])
        if self._params.only_funny:
            spans = {name: values[spans["is_funny"]] for name, values in spans.items()}
        if len(spans["is_funny"]):
            yield FUNNY.batch(self._film.movie_id, **spans)

    def _merged(self, shots: TableReader, steps: Arrays, q: Array) -> Arrays:
        """Spans of shots, or of steps where that is wanted or the film has no picture."""
        table = shots.read(["start_s", "end_s"])
        if self._params.merge == "steps" or not len(table):
            return merge_steps(steps["time_s"], steps["end_s"], q, steps["seen"])
        return merge_shots(steps, q, table["start_s"].to_numpy(), table["end_s"].to_numpy())
