"""How people are learned: the gallery by name, then the tracks that are nobody of it in groups, by number.

Photos name people and found nobody: who else is on them is no person of the films. A group of tracks gets a number
where it stands apart from the faces that a recogniser puts together because they are dark or blurred: those do not
count, and of a group that is hardly better it is looked whether they, and whoever stands beside it, are like it too.
Groups that are looks of one person have one number (`joined_looks`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.spec.model import Trained
from models.identities.config import Config
from models.identities.features import apart, track, track_means, track_vectors, unit
from models.identities.people import (
    NUMBERED,
    People,
    assign,
    centroids_of,
    gallery_of,
    grouped,
    inherit,
    joined_looks,
    nobody,
)
from models.identities.predict import APPLIED, known_people

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact
    from cinelake.spec.training import Training


MEANS_OF_FACES_THAT_COUNT = 3
"""The model's version from which on nobody is founded by dark and blurred faces (2), and a centroid is a mean (3)."""
CLEAR = 2.0
"""A group needs no comparison whose faces are so many times as sharp and as rich in contrast as faces that count."""
FEW_OTHERS, ALIKE_SHARE = 3, 1 / 3
"""A group does not stand apart where of so many others, or more, a larger share is like it. Of other people's dark and
blurred faces 5 to 13 % are like a clear face, 39 to 99 % like one another (`python -m benchmarks.degraded_faces`)."""


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Centroids of the gallery, and of groups of the faces that are nobody of it.

    Nothing stops early, so `stop` is learned from too. What tables are made with is learned from the held-out films as
    well (`training.examples`), and keeps to what people said of single faces: see `predict.applied`.
    Raises `CannotTrain` when no face is known, or nobody recurs.
    """
    examples = [example for example in (*learn, *stop) if len(example)]
    people, last = _learned(examples, config, training.champion, "")
    arrays: dict[str, Array] = {"centroids": people.centroids}
    facts: dict[str, Any] = {"people": list(people.names), "last_number": last}
    everything = [example for example in training.examples if len(example)]
    if everything:
        applied, last = _learned(everything, config, training.champion, APPLIED)
        # those too that do not count; the others of their tracks follow them: see `predict.applied`
        pins = [example.features["embedding"][example.targets["said"]] for example in everything]
        names = np.concatenate([example.targets["character"][example.targets["said"]] for example in everything])
        arrays |= {f"{APPLIED}centroids": applied.centroids, "pins": np.concatenate(pins)}
        facts |= {f"{APPLIED}people": list(applied.names), "pinned": [str(name) for name in names]}
        facts |= {"films": _films(everything, applied, config), f"{APPLIED}last_number": last}
    return Trained(arrays=arrays, facts=facts)


def _learned(examples: Sequence[Example], config: Config, champion: Artefact | None, which: str) -> tuple[People, int]:
    """The gallery and the numbered people of these films, and the greatest number ever given.

    champion: whom it knows keeps the number; those of a version that knew people otherwise are forgotten where they are
    not met again, and their numbers stay theirs.
    """
    if not any(example.targets["known"].any() for example in examples):
        raise CannotTrain("no picture shows a face that counts: photos of single, frontal faces serve best")
    gallery = gallery_of(*_named(examples), config.likeness)
    strangers = unnamed_tracks(examples, gallery, config)
    centroids = strangers.people(config)
    before = known_people(champion, which) if champion else None
    last = champion.facts.get(f"{which}last_number", 0) if champion else 0
    if before is None or before.centroids.shape[1] != centroids.shape[1]:
        before = nobody(centroids.shape[1])
    named = {
        n
        for n, who in zip(before.names, assign(unit(before.centroids), gallery, config.likeness)[0], strict=True)
        if who
    }
    numbered = inherit(centroids, before, config.likeness, named | set(gallery.names), last)
    last = max([last, *(int(match[1]) for name in numbered.names if (match := NUMBERED.fullmatch(name)))])
    if champion and champion.code < MEANS_OF_FACES_THAT_COUNT:
        numbered = numbered.only(range(len(centroids)))
    people = gallery + numbered
    if not people.names:
        raise CannotTrain(
            f"nobody has a name, and nobody has {config.at_least} faces that are alike and count: see `at_least`, "
            "`least_sharpness` and `least_contrast`"
        )
    return people, last


def _named(examples: Sequence[Example]) -> tuple[Array, Array]:
    """Vectors (n, d) of the faces that people named and that count, and their names (n,)."""
    names = joined(examples, "character", of="targets")
    chosen = (names != "") & joined(examples, "counts")
    return joined(examples, "embedding")[chosen], names[chosen]


def _films(examples: Sequence[Example], people: People, config: Config) -> dict[str, int]:
    """Person → in how many films they are; photos are none."""
    films: dict[str, set[str]] = {}
    for example in examples:
        if example.in_time:
            tracks = track(example.features, config.likeness)
            means, beside = track_vectors(example.features, tracks), apart(example.features, tracks)
            for name in {*assign(means, people, config.likeness, beside)[0].tolist()} - {""}:
                films.setdefault(name, set()).add(example.movie_id)
    return {name: len(found) for name, found in sorted(films.items())}


@dataclass(frozen=True)
class Strangers:
    """The tracks of all films that are nobody of the gallery.

    vectors (n, d): by which each is recognised, or, where none of its faces counts, their mean. faces (n,): how many
    count; clear (n,): how many are far above the bounds. apart: rows that are seen beside each other.
    """

    vectors: Array
    faces: Array
    clear: Array
    apart: dict[int, set[int]]

    def people(self, config: Config) -> Array:
        """(k, d) centroids of the groups that get a number, the largest first."""
        rows = np.flatnonzero(self.faces)
        beside = self._beside([np.array([row]) for row in rows])
        groups = grouped(self.vectors[rows], config.likeness, config.at_least, self.faces[rows], beside)
        poor = self.vectors[self.faces == 0]
        looks = [rows[group] for group in groups if self._stands_apart(rows[group], poor, config)]
        joined = joined_looks(centroids_of(self.vectors, looks, self.faces), config.likeness, self._beside(looks))
        people = [np.sort(np.concatenate([looks[at] for at in person])) for person in joined]
        people.sort(key=lambda person: -self.faces[person].sum())
        return centroids_of(self.vectors, people, self.faces)

    def _beside(self, groups: Sequence[Array]) -> dict[int, set[int]]:
        """Group → the groups that have a row which is seen beside one of its own."""
        place = {int(row): at for at, group in enumerate(groups) for row in group}
        found: dict[int, set[int]] = {}
        for row, others in self.apart.items():
            if row in place:
                found.setdefault(place[row], set()).update(place[other] for other in others if other in place)
        return found

    def _stands_apart(self, group: Array, poor: Array, config: Config) -> bool:
        """Whether a group is one person: clearly seen, or unlike the faces that do not count and those beside it.

        poor: vectors of the tracks of which no face counts.
        """
        if self.clear[group].sum() >= config.at_least:
            return True
        beside = set().union(*(self.apart.get(row, ()) for row in group.tolist())) - set(group.tolist())
        others = self.vectors[[row for row in sorted(beside) if self.faces[row]]]
        count = len(poor) + len(others)
        if count < FEW_OTHERS:
            return True
        middle = unit(centroids_of(self.vectors, [group], self.faces)[0])
        alike = sum(int((vectors @ middle >= config.likeness).sum()) for vectors in (poor, others))
        return alike / count <= ALIKE_SHARE


def unnamed_tracks(examples: Sequence[Example], gallery: People, config: Config) -> Strangers:
    """The tracks of films that are nobody of the gallery; those of photos are left out."""
    size = gallery.centroids.shape[1]
    vectors, faces, clear = [np.zeros((0, size))], [np.zeros(0, int)], [np.zeros(0, int)]
    beside: dict[int, set[int]] = {}
    first = 0
    for example in examples:
        if not example.in_time:
            continue
        features, tracks = example.features, track(example.features, config.likeness)
        known, found = apart(features, tracks), track_vectors(features, tracks)
        labelled = np.isin(np.arange(len(found)), tracks[example.targets["character"] != ""])
        strange = np.flatnonzero((assign(found, gallery, config.likeness, known)[0] == "") & ~labelled)
        counting = np.bincount(tracks, features["counts"], len(found)).astype(int)
        far_above = (
            features["counts"]
            & (features["sharpness"] >= CLEAR * config.least_sharpness)
            & (features["contrast"] >= CLEAR * config.least_contrast)
        )
        means = np.where(counting[:, None] > 0, found, track_means(features["embedding"], tracks))
        vectors.append(means[strange])
        faces.append(counting[strange])
        clear.append(np.bincount(tracks, far_above, len(found)).astype(int)[strange])
        row = {int(number): first + at for at, number in enumerate(strange)}
        beside |= {row[one]: {row[n] for n in others if n in row} for one, others in known.items() if one in row}
        first += len(strange)
    return Strangers(np.concatenate(vectors), np.concatenate(faces), np.concatenate(clear), beside)
