"""Table `affect`: the film's line of valence and arousal, once a second, by a trained model of kind `affect`.

In the manifest:

    affect: {}                                    # by affect@champion
    affect: {hz: 2}                               # twice a second

The model says one value a clip, in one pass over the film; between the middles of clips the line is straight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable
from cinelake.spec.contract import Column, Contract
from cinelake.spec.model import Artefact
from cinelake.spec.task import Field, Film, Params, TableReader, task
from models.affect.config import WIDE
from tasks.shared.line_moments import line_moments

AFFECT = Contract(
    table="affect",
    doc="How the film feels over time, at regular moments from 0 to its end.",
    columns=[
        Column("time_s", pa.float64(), "The moment, in seconds.", at_least=0),
        Column("valence", pa.float32(), "How pleasant.", False, -1, 1),
        Column("arousal", pa.float32(), "How exciting.", False, -1, 1),
    ],
    key=["time_s"],
)


class AffectParams(Params):
    """How fine the line is."""

    hz: float = Field(1.0, gt=0, le=25)
    """Moments a second."""


@task(writes=AFFECT, reads=[], params=AffectParams, version=1, revision=2, applies="affect")
class DrawAffect:
    """The model's line at regular moments."""

    def __init__(self, params: AffectParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact
        self.facts: dict[str, str] = {}

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a moment; none for a film of which the model would see and hear nothing. Raises `ModelUnusable` for
        other lines."""
        targets = self._artefact.config.targets
        if not set(WIDE) <= set(targets):
            raise ModelUnusable(
                f"the model predicts {', '.join(targets)}; table affect needs valence and arousal: "
                "table lines takes any (`task: lines`)"
            )
        found = line_moments(self._artefact, tables, self._params.hz)
        self.facts = found.facts
        if len(found.times_s):
            within = {name: np.asarray(np.clip(found.lines[name], -1, 1), np.float32) for name in WIDE}
            yield AFFECT.batch(self._film.movie_id, time_s=found.times_s, **within)
