"""Table `lines`: any line over time that people labelled, once a second, by a trained model of kind `affect`.

Music's mood, the importance of shots, suspense: what is told is a label table (`time_s, name, value`), not code. The
model is named in the section `models`, and the table made under a name of its own:

    models:
      importance: {model: affect, config: {targets: [importance]}}
    tasks:
      importance: {task: lines, model: importance@champion}

Valence and arousal have the table `affect`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Field, Film, Params, TableReader, task
from tasks.shared.line_moments import line_moments

LINES = Contract(
    table="lines",
    doc="Labelled quantities over time, at regular moments from 0 to the film's end.",
    columns=[
        Column("line", pa.string(), "Which quantity, as the labels name it."),
        Column("time_s", pa.float64(), "The moment, in seconds.", at_least=0),
        Column("value", pa.float32(), "What the model says, in the labels' unit."),
    ],
    key=["line", "time_s"],
)


class LinesParams(Params):
    """How fine the lines are."""

    hz: float = Field(1.0, gt=0, le=25)
    """Moments a second."""


@task(writes=LINES, reads=[], params=LinesParams, version=1, applies="affect")
class DrawLines:
    """The model's lines at regular moments."""

    def __init__(self, params: LinesParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact
        self.facts: dict[str, str] = {}

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a line and moment, lines by name; none for a film of which the model would see and hear nothing."""
        found = line_moments(self._artefact, tables, self._params.hz)
        self.facts = found.facts
        for name in sorted(found.lines):
            said, names = np.asarray(found.lines[name], np.float32), [name] * len(found.times_s)
            yield LINES.batch(self._film.movie_id, line=names, time_s=found.times_s, value=said)
