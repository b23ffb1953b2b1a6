"""Who each face is: the person whose centroid is nearest to the mean of the face's track."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Arrays
from cinelake.spec.model import Example
from models.identities.config import Config
from models.identities.features import track, track_means
from models.identities.people import People, assign

if TYPE_CHECKING:
    from cinelake.spec.artefact import Artefact


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """character (T,) the person of each face ('' for strangers), likeness (T,) cosine, track (T,).

    A track is one person: its mean vector decides. Raises `ModelUnusable` for vectors of another recogniser's size.
    """
    people = People(tuple(artefact.facts["people"]), artefact.arrays["centroids"])
    expected, received = people.centroids.shape[1], features["embedding"].shape[1]
    if len(features["time_s"]) and expected != received:
        raise ModelUnusable(
            f"the gallery's faces have vectors of {expected} numbers, this film's of {received}: they come from two "
            "recognisers; train again on the faces of the present one"
        )
    tracks = track(features, artefact.config.likeness)
    names, alike = assign(track_means(features["embedding"], tracks), people, artefact.config.likeness)
    return {"character": names[tracks], "likeness": alike[tracks], "track": tracks}


def baseline(learn: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Every face is the person with the most photos; the same unnamed person where there are none."""
    names = joined(learn, "character", of="targets")
    people, count = np.unique(names[names != ""], return_counts=True)
    most: Any = people[count.argmax()] if len(people) else "person_1"
    return lambda features: {"character": np.full(len(features["time_s"]), most)}
