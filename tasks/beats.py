"""Table `beats`: the film's beat events, by a trained model of kind `beats`.

In the manifest:

    beats: {}                                     # by beats@champion
    beats: {min_confidence: 0.6}                  # only events that it is sure of
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import ENUM, Column, Contract, Rule
from cinelake.spec.task import Field, Film, Params, TableReader, task
from models.beats.features import features
from models.beats.predict import find_events, predict

BEATS = Contract(
    table="beats",
    doc="Beat events: runs of shots with a common activity. They tile the film unless a least confidence is asked for.",
    columns=[
        Column("beat", pa.int32(), "Number of the event, from 0.", at_least=0),
        Column("category", ENUM, "What happens, of the model's categories."),
        Column("start_shot", pa.int32(), "First shot.", at_least=0),
        Column("end_shot", pa.int32(), "Shot after the last.", at_least=1),
        Column("start_s", pa.float64(), "When the first shot begins, in seconds."),
        Column("end_s", pa.float64(), "When the last shot ends (exclusive)."),
        Column("confidence", pa.float32(), "Mean probability of the category over its shots.", False, 0, 1),
    ],
    key=["beat"],
    rules=[
        Rule("must end after it starts", "end_shot", lambda b: pc.less_equal(b["end_shot"], b["start_shot"])),
        Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"])),
    ],
)


class BeatsParams(Params):
    """Which events are kept."""

    min_confidence: float = Field(0.0, ge=0, le=1)
    """Events below this confidence are left out; every shot gets a category, also where a film has no beat."""


@task(writes=BEATS, reads=[], params=BeatsParams, version=1, applies="beats")
class FindBeats:
    """Shots to events by a sliding window of three over the model's categories."""

    def __init__(self, params: BeatsParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per event."""
        shots = features(tables, self._artefact.config)
        events = find_events(predict(self._artefact, shots)["probability"])
        events = [event for event in events if event.confidence >= self._params.min_confidence]
        if not events:
            return
        names = list(self._artefact.config.ordered)
        yield BEATS.batch(
            self._film.movie_id,
            beat=range(len(events)),
            category=[names[event.label] for event in events],
            start_shot=[shots["shot"][event.start] for event in events],
            end_shot=[shots["shot"][event.end - 1] + 1 for event in events],
            start_s=[shots["time_s"][event.start] for event in events],
            end_s=[shots["end_s"][event.end - 1] for event in events],
            confidence=[min(1.0, event.confidence) for event in events],
        )
