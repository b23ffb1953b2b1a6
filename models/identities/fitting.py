"""How people are learned: the gallery by name, then the tracks that are nobody of it in groups, by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array
from cinelake.spec.model import Example, Trained
from models.identities.config import Config
from models.identities.features import track, track_means
from models.identities.people import People, assign, gallery_of, groups_of, inherit, nobody

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact
    from cinelake.spec.training import Training


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Centroids of the gallery, and of groups of the faces that are nobody of it.

    Nothing stops early, so `stop` is learned from too. Raises `CannotTrain` when no face is known, or nobody recurs.
    """
    examples = [example for example in (*learn, *stop) if len(example)]
    if not any(example.targets["known"].any() for example in examples):
        raise CannotTrain("no picture shows a face that counts: photos of single, frontal faces serve best")
    names = joined(examples, "character", of="targets")
    gallery = gallery_of(joined(examples, "embedding"), names)
    vectors, faces = unnamed_tracks(examples, gallery, config)
    centroids = groups_of(vectors, config.likeness, config.at_least, faces)
    people = gallery + inherit(centroids, people_of(training.champion, vectors), config.likeness)
    if not people.names:
        raise CannotTrain(f"nobody has a name, and nobody has {config.at_least} faces that are alike: see `at_least`")
    untold = sorted({str(name) for name in names if name} - set(gallery.names))
    facts = {"people": list(people.names)} | ({"too small or blurred to be known": untold} if untold else {})
    return Trained(arrays={"centroids": people.centroids}, facts=facts)


def unnamed_tracks(examples: Sequence[Example], gallery: People, config: Config) -> tuple[Array, Array]:
    """Mean vectors (n, d) of the tracks that are nobody of the gallery, and the faces of each (n,)."""
    means, faces = [], []
    for example in examples:
        tracks = track(example.features, config.likeness)
        vectors = track_means(example.features["embedding"], tracks)
        labelled = np.isin(np.arange(len(vectors)), tracks[example.targets["character"] != ""])
        strange = (assign(vectors, gallery, config.likeness)[0] == "") & ~labelled & vectors.any(axis=1)
        means.append(vectors[strange])
        faces.append(np.bincount(tracks, minlength=len(vectors))[strange])
    return np.concatenate(means), np.concatenate(faces)


def people_of(champion: Artefact | None, vectors: Array) -> People:
    """The people that an earlier version knows; nobody without one, or when its vectors are of another size."""
    if champion is None or champion.arrays["centroids"].shape[1] != vectors.shape[1]:
        return nobody(vectors.shape[1])
    return People(tuple(champion.facts["people"]), champion.arrays["centroids"])
