"""Table `persons`: who is in a film, face by face through each shot, as the model `identities` knows people.

    persons: {}                                            # model: identities@champion
    persons: {model: identities@3}

A row is a track: one face through consecutive pictures of a shot. `cinelake report` makes its page of people of it, and
`SELECT person, any_value(name), sum(faces), count(DISTINCT movie_id) FROM persons GROUP BY person` sums it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, Params, Resources, TableReader, task
from models.identities import MODEL
from models.identities.features import track_vectors
from models.identities.people import NUMBERED
from models.identities.predict import applied, known_people

PERSONS = Contract(
    table="persons",
    doc="Who is in the film: a row for each face that is followed through a shot.",
    columns=[
        Column("track", pa.int32(), "Number of the track: one face through pictures of a shot.", at_least=0),
        Column("person", pa.string(), "The same in all films: a name, or `person_3`; null: a stranger.", nullable=True),
        Column("name", pa.string(), "The name that people gave; null where nobody did.", nullable=True),
        Column("shot", pa.int32(), "The shot; null where faces are sampled apart.", nullable=True, at_least=0),
        Column("start_s", pa.float64(), "When the first of its pictures is shown.", at_least=0),
        Column("end_s", pa.float64(), "When the last one is shown: equal for a single picture.", at_least=0),
        Column("faces", pa.int32(), "In how many pictures it is.", at_least=1),
        Column("films", pa.int32(), "How many films the model met the person in; null: unknown.", True, 0),
        Column("likeness", pa.float32(), "Mean cosine to the faces of the nearest person known, a stranger's too; "
               "null: none is known, or no face of the track is sharp and bright enough to tell.", True, -1.001, 1.001),
        Column("other", pa.string(), "The next nearest person.", nullable=True),
        Column("other_likeness", pa.float32(), "Mean cosine to the faces of that one.", True, -1.001, 1.001),
        Column("frame", pa.int64(), "The picture in which the face is largest.", at_least=0),
        Column("time_s", pa.float64(), "When that one is shown.", at_least=0),
        Column("x", pa.float32(), "Left edge of the face there, as a fraction of the width.", at_least=0, at_most=1),
        Column("y", pa.float32(), "Upper edge, as a fraction of the height.", at_least=0, at_most=1),
        Column("width", pa.float32(), "Width of the box, as a fraction of the picture's.", at_least=0, at_most=1),
        Column("height", pa.float32(), "Height of the box, as a fraction of the picture's.", at_least=0, at_most=1),
    ],
    key=["track"],
)  # fmt: skip


class PersonsParams(Params):
    """Nothing is set here: how alike one person's faces are, the model's configuration says."""


@task(
    writes=PERSONS,
    reads=[],
    params=PersonsParams,
    version=3,
    resources=Resources(memory_gb=1.0),
    applies="identities",
)
class FindPersons:
    """The person of each track of faces, and whom else it looks like."""

    def __init__(self, params: PersonsParams, film: Film, artefact: Artefact):
        self._film, self._artefact = film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a track; a track whose faces people gave several names is a row for each of them."""
        features = MODEL.features(tables, self._artefact.config)
        if not len(features["time_s"]):
            return
        found = applied(self._artefact, features)
        tracks = _parted(found["track"], found["character"])
        columns = _columns(features, found, tracks, self._artefact)
        yield PERSONS.batch(self._film.movie_id, **columns)


def _parted(tracks: Array, names: Array) -> Array:
    """(T,) numbers of tracks, in order of their first face, each of one person."""
    numbers: dict[tuple[int, str], int] = {}
    return np.array([numbers.setdefault((int(t), str(n)), len(numbers)) for t, n in zip(tracks, names, strict=True)])


def _columns(features: Arrays, found: Arrays, tracks: Array, artefact: Artefact) -> dict[str, object]:
    rows = [np.flatnonzero(tracks == number) for number in range(int(tracks.max()) + 1)]
    area = features["box"][:, 2] * features["box"][:, 3]
    best = np.array([of[area[of].argmax()] for of in rows])
    names = [str(found["character"][of[0]]) for of in rows]
    films: Mapping[str, int] = artefact.facts.get("films", {})
    likeness, other, other_likeness = _nearest(track_vectors(features, tracks), names, artefact)
    shots = [int(features["shot"][of[0]]) for of in rows]
    box = features["box"][best].astype(np.float32)
    return {
        "track": range(len(rows)),
        "person": [name or None for name in names],
        "name": [None if NUMBERED.fullmatch(name) else name or None for name in names],
        "shot": pa.array([shot if shot >= 0 else None for shot in shots], pa.int32()),
        "start_s": [features["time_s"][of].min() for of in rows],
        "end_s": [features["time_s"][of].max() for of in rows],
        "faces": [len(of) for of in rows],
        "films": pa.array([films.get(name) for name in names], pa.int32()),
        "likeness": pa.array(likeness, pa.float32()),
        "other": pa.array(other, pa.string()),
        "other_likeness": pa.array(other_likeness, pa.float32()),
        "frame": features["frame"][best],
        "time_s": features["time_s"][best],
        "x": box[:, 0],
        "y": box[:, 1],
        "width": box[:, 2],
        "height": box[:, 3],
    }


def _nearest(
    means: Array, names: list[str], artefact: Artefact
) -> tuple[list[float | None], list[str | None], list[float | None]]:
    """Of each track: mean cosine to its person's faces (a stranger's: the nearest's), the next nearest, and that one's.

    All are None where no face of the track counts.
    """
    people = known_people(artefact)
    alike = means @ people.centroids.T
    likeness: list[float | None] = []
    other: list[str | None] = []
    other_likeness: list[float | None] = []
    for name, mean, cosines in zip(names, means, alike, strict=True):
        best: dict[str, float] = {}
        for person, value in zip(people.names, cosines, strict=True) if mean.any() else ():
            best[person] = max(best.get(person, -1.0), float(value))
        ranked = sorted(best, key=lambda person: -best[person])
        mine = name or (ranked[0] if ranked else "")
        likeness.append(best.get(mine))
        next_one = next((person for person in ranked if person != name), None)
        other.append(next_one)
        other_likeness.append(best[next_one] if next_one else None)
    return likeness, other, other_likeness
