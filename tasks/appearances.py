"""Table `appearances`: when each character is to be seen, as the model `characters` finds them.

    appearances: {}                                        # model: characters@champion
    appearances: {model: characters@3, min_s: 0.5}

What actors' faces say goes into `actor_appearances`, which has the same columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from cinelake.spec.artefact import Artefact
from cinelake.spec.task import Film, Resources, TableReader, task
from models.characters import MODEL
from models.characters.predict import is_there
from tasks.shared.appearance_spans import Sightings, SpanParams, appearances_contract, as_batch, spans_of, who_is_seen

APPEARANCES = appearances_contract(
    "appearances",
    "Stretches of time in which a character is to be seen, each within one shot.",
    "The character, as the labels name it.",
)


class AppearancesParams(SpanParams):
    """How frames become appearances."""


@task(
    writes=APPEARANCES,
    reads=["shots"],
    params=AppearancesParams,
    version=1,
    resources=Resources(memory_gb=2.0),
    applies="characters",
    roles=[who_is_seen("characters", "appearances")],
)
class FindAppearances:
    """Spans of time in which a character is to be seen; smoothing never crosses a cut."""

    def __init__(self, params: AppearancesParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The appearances, by character and time."""
        features = MODEL.features(tables, self._artefact.config)
        probability = MODEL.predict(self._artefact, features)["probability"]
        facts = self._artefact.facts
        present = is_there(probability, bool(facts["exclusive"]), self._artefact.config.threshold)
        seen = Sightings(facts["characters"], features["time_s"], present, probability)
        shots = tables["shots"].read(["start_s", "end_s"])
        spans = spans_of(seen, shots["start_s"].to_numpy(), shots["end_s"].to_numpy(), self._params)
        if spans:
            yield as_batch(APPEARANCES, self._film.movie_id, spans)
