"""Who each face is: the person whose centroid is nearest to the best faces of its track; nobody twice in a picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from models.characters.labels import cast_of, joined_names
from models.identities.config import Config
from models.identities.features import apart, track, track_vectors
from models.identities.people import People, assign

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact


APPLIED = "applied_"
"""Before the names of what is learned from the held-out films too: tables are made with it, nothing is scored by it."""
SAME = 0.999
"""Cosine from which two vectors are of the very same face: what people said of it holds."""
PAIRS_AT_ONCE = 1 << 24
"""A film's faces are compared with the pins, those that people named in all films, in so many pairs: 64 MB."""


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """character (T,) the person of each face ('' for strangers), likeness (T,) cosine, track (T,), and alone (T,).

    alone: whom a face that counts would be taken for by itself, whoever stands beside it and whatever else is in its
    track: what tells whether people are mixed up.
    A track is one person: its best faces decide, and nobody is twice in one picture. Faces that are too small, dark or
    blurred to count are strangers where their whole track is. Raises `ModelUnusable` for vectors of another
    recogniser's size.
    """
    tracks = track(features, artefact.config.likeness)
    people = known_people(artefact, "")
    found = _assigned(artefact, people, features, tracks)
    clear = features["embedding"] * features["counts"][:, None]
    return {**found, "alone": assign(clear, people, artefact.config.likeness)[0]}


def applied(artefact: Artefact, features: Arrays) -> Arrays:
    """As `predict`, with the people of all films, the held-out ones too, and as people said of single faces.

    A face that was named has that name, and with it its track; a track of faces with several names is parted. Versions
    that were trained before say what `predict` says.
    """
    tracks, embedding = track(features, artefact.config.likeness), features["embedding"]
    pins, names = artefact.arrays.get("pins"), np.array(artefact.facts.get("pinned", []), dtype=np.str_)
    there = pins is not None and len(pins) and len(tracks)
    said = pinned_tracks(embedding, tracks, pins) if pins is not None and there else {}
    given = {number: set(names[which].tolist()) for number, which in said.items()}
    found = _assigned(artefact, known_people(artefact), features, tracks, given)
    who, likeness = found["character"].astype(object), found["likeness"].copy()
    for number, which in said.items():
        rows = np.flatnonzero(tracks == number)
        alike = embedding[rows] @ artefact.arrays["pins"][which].T
        who[rows], likeness[rows] = names[which[alike.argmax(axis=1)]], alike.max(axis=1)
    return {**found, "character": who.astype(np.str_), "likeness": likeness}


def pinned_tracks(embedding: Array, tracks: Array, pins: Array) -> dict[int, Array]:
    """Track → the pins (numbers of them, ascending) that are faces of it, where there are any.

    embedding (T, d), tracks (T,), pins (n, d). At most about `PAIRS_AT_ONCE` cosines are in memory.
    """
    found: dict[int, set[int]] = {}
    at_once = max(1, PAIRS_AT_ONCE // len(pins))
    for first in range(0, len(embedding), at_once):
        here = tracks[first : first + at_once]
        same = embedding[first : first + at_once] @ pins.T >= SAME
        for number in np.unique(here[same.any(axis=1)]):
            found.setdefault(int(number), set()).update(np.flatnonzero(same[here == number].any(axis=0)).tolist())
    return {number: np.array(sorted(said)) for number, said in found.items()}


def known_people(artefact: Artefact, which: str = APPLIED) -> People:
    """The people of a version: those that tables are made with, or, `which` empty, those that it is scored by."""
    which = which if f"{which}centroids" in artefact.arrays else ""
    return People(tuple(artefact.facts[f"{which}people"]), artefact.arrays[f"{which}centroids"])


def _assigned(
    artefact: Artefact,
    people: People,
    features: Arrays,
    tracks: Array,
    said: Mapping[int, Collection[str]] = MappingProxyType({}),
) -> Arrays:
    """said: track → the names that people gave it."""
    expected, received = people.centroids.shape[1], features["embedding"].shape[1]
    if len(features["time_s"]) and expected != received:
        raise ModelUnusable(
            f"the gallery's faces have vectors of {expected} numbers, this film's of {received}: they come from two "
            "recognisers; train again on the faces of the present one"
        )
    vectors, beside = track_vectors(features, tracks), apart(features, tracks)
    names, alike = assign(vectors, people, artefact.config.likeness, beside, said)
    return {"character": names[tracks], "likeness": alike[tracks], "track": tracks}


def baseline(learn: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Everybody of the photos on every face, the constant with the best F1; one unnamed person without photos."""
    everybody = joined_names(cast_of(joined(learn, "character", of="targets"))) or "person_1"
    return lambda features: {"character": np.full(len(features["time_s"]), everybody)}
