"""Table `actor_appearances`: when each person is to be seen, by their faces, as the model `identities` knows them.

    actor_appearances: {}                                  # model: identities@champion
    actor_appearances: {min_s: 0.5, bridge_s: 2}           # who turns away for two seconds is still there

It has the columns of `appearances`; `screen_time: {source: actor_appearances}` sums it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.task import Film, Resources, TableReader, task
from models.identities import MODEL
from models.identities.predict import applied
from tasks.shared.appearance_spans import Sightings, SpanParams, appearances_contract, as_batch, spans_of, who_is_seen

ACTOR_APPEARANCES = appearances_contract(
    "actor_appearances",
    "Stretches of time in which a person's face is to be seen, each within one shot.",
    "The person: a name of the gallery, or `person_1` … for others who recur.",
)


class ActorAppearancesParams(SpanParams):
    """How faces become appearances."""


@task(
    writes=ACTOR_APPEARANCES,
    reads=["shots", "frames"],
    params=ActorAppearancesParams,
    version=2,
    resources=Resources(memory_gb=1.0),
    applies="identities",
    roles=[who_is_seen("persons", "actor_appearances")],
)
class FindActors:
    """Spans of time in which a known person's face is to be seen; strangers are left out."""

    def __init__(self, params: ActorAppearancesParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The appearances, by person and time."""
        features = MODEL.features(tables, self._artefact.config)
        found = applied(self._artefact, features)
        pictures_s = tables["frames"].read(["time_s"])["time_s"].to_numpy()
        seen = sightings(features, found, pictures_s)
        shots = tables["shots"].read(["start_s", "end_s"])
        spans = spans_of(seen, shots["start_s"].to_numpy(), shots["end_s"].to_numpy(), self._params)
        if spans:
            yield as_batch(ACTOR_APPEARANCES, self._film.movie_id, spans)


def sightings(features: Arrays, found: Arrays, pictures_s: Array) -> Sightings:
    """Who is in which picture. pictures_s: when `frames` were taken; faces sampled apart have their own times."""
    times = np.unique(features["time_s"])
    grid = np.asarray(pictures_s, np.float64) if np.isin(times, pictures_s).all() else times
    cast = sorted({str(name) for name in found["character"] if name})
    present = np.zeros((len(grid), len(cast)), bool)
    confidence = np.zeros((len(grid), len(cast)))
    for at, name, likeness in zip(features["time_s"], found["character"], found["likeness"], strict=True):
        if name:
            row, column = int(np.searchsorted(grid, at)), cast.index(str(name))
            present[row, column] = True
            confidence[row, column] = max(confidence[row, column], likeness)
    return Sightings(cast, grid, present, confidence)
