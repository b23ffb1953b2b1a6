"""How people are learned: the gallery by name, then the tracks that are nobody of it in groups, by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array
from cinelake.spec.model import Example, Trained
from models.identities.config import Config
from models.identities.features import track, track_means
from models.identities.people import People, assign, gallery_of, groups_of, inherit, nobody
from models.identities.predict import APPLIED

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact
    from cinelake.spec.training import Training


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Centroids of the gallery, and of groups of the faces that are nobody of it.

    Nothing stops early, so `stop` is learned from too. What tables are made with is learned from the held-out films as
    well (`training.examples`), and keeps to what people said of single faces: see `predict.applied`.
    Raises `CannotTrain` when no face is known, or nobody recurs.
    """
    examples = [example for example in (*learn, *stop) if len(example)]
    people = _learned(examples, config, people_of(training.champion, ""))
    arrays: dict[str, Array] = {"centroids": people.centroids}
    facts: dict[str, Any] = {"people": list(people.names)}
    everything = [example for example in training.examples if len(example)]
    if everything:
        applied = _learned(everything, config, people_of(training.champion, APPLIED))
        said = joined(everything, "said", of="targets")  # the others of their tracks follow them: see `predict.applied`
        names = joined(everything, "character", of="targets")[said]
        arrays |= {f"{APPLIED}centroids": applied.centroids, "pins": joined(everything, "embedding")[said]}
        facts |= {f"{APPLIED}people": list(applied.names), "pinned": [str(name) for name in names]}
        facts["films"] = _films(everything, applied, config)
    return Trained(arrays=arrays, facts=facts)


def _learned(examples: Sequence[Example], config: Config, before: People | None) -> People:
    """The gallery, and the numbered people of these films. before: whom the champion knows."""
    if not any(example.targets["known"].any() for example in examples):
        raise CannotTrain("no picture shows a face that counts: photos of single, frontal faces serve best")
    gallery = gallery_of(*_named(examples), config.likeness)
    vectors, faces = unnamed_tracks(examples, gallery, config)
    centroids = groups_of(vectors, config.likeness, config.at_least, faces)
    if before is None or before.centroids.shape[1] != vectors.shape[1]:
        before = nobody(vectors.shape[1])
    named = {
        n for n, who in zip(before.names, assign(before.centroids, gallery, config.likeness)[0], strict=True) if who
    }
    people = gallery + inherit(centroids, before, config.likeness, named | set(gallery.names))
    if not people.names:
        raise CannotTrain(f"nobody has a name, and nobody has {config.at_least} faces that are alike: see `at_least`")
    return people


def _named(examples: Sequence[Example]) -> tuple[Array, Array]:
    """Vectors (n, d) of the faces that people named, and their names (n,)."""
    names = joined(examples, "character", of="targets")
    return joined(examples, "embedding")[names != ""], names[names != ""]


def _films(examples: Sequence[Example], people: People, config: Config) -> dict[str, int]:
    """Person → in how many films they are."""
    films: dict[str, set[str]] = {}
    for example in examples:
        means = track_means(example.features["embedding"], track(example.features, config.likeness))
        for name in {*assign(means, people, config.likeness)[0].tolist()} - {""}:
            films.setdefault(name, set()).add(example.movie_id)
    return {name: len(found) for name, found in sorted(films.items())}


def unnamed_tracks(examples: Sequence[Example], gallery: People, config: Config) -> tuple[Array, Array]:
    """Mean vectors (n, d) of the tracks that are nobody of the gallery, and the faces of each (n,)."""
    means, faces = [], []
    for example in examples:
        tracks = track(example.features, config.likeness)
        vectors = track_means(example.features["embedding"], tracks)
        labelled = np.isin(np.arange(len(vectors)), tracks[example.targets["character"] != ""])
        strange = (assign(vectors, gallery, config.likeness)[0] == "") & ~labelled
        means.append(vectors[strange])
        faces.append(np.bincount(tracks, minlength=len(vectors))[strange])
    return np.concatenate(means), np.concatenate(faces)


def people_of(champion: Artefact | None, which: str) -> People | None:
    """The people that an earlier version knows, those it is scored by or those it is applied with; None without one."""
    if champion is None:
        return None
    which = which if f"{which}centroids" in champion.arrays else ""
    return People(tuple(champion.facts[f"{which}people"]), champion.arrays[f"{which}centroids"])
