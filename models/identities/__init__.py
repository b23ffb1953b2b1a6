"""Model `identities`: which person a face is, by its embedding.

    cinelake labels import gallery --model identities        # gallery/NAME/*.jpg: reference photos
    cinelake labels import films.csv --model identities      # movie_id,time_s,person: a person left empty, or a name
    cinelake train identities                                # without any labels: from the faces of all films

Photos are looked at by the manifest's own `faces`, as if they were films, so that gallery and films are described by
one recogniser. A film with any row (its person may stay empty) lends its faces: those that are nobody of the gallery
are grouped into `person_1`, `person_2` …, the same across films. A new version takes over the numbers of the present
champion (`Training.champion`): centroids are matched one to one, and a number is never given to somebody else. What
numbers are worth in films without names is judged by what faces say of each other, see `_identity_scores.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Example, Judgement, Model, Scores, Trained
from cinelake.spec.task import Field, Params, TableReader
from models.identities.faces import faces_of, track, track_means
from models.identities.people import People, assign, gallery_of, groups_of, inherit, nobody
from models.identities.scores import judge_faces, summarise_people

if TYPE_CHECKING:
    from cinelake.spec.model import Artefact
    from cinelake.spec.training import Training


class Config(Params):
    """How alike faces of one person are."""

    vectors: Literal["faces", "embeddings"] = "faces"
    """Where faces' vectors stand: `faces.embedding` (insightface), or a table `embeddings` of `source: faces`."""
    likeness: float = Field(0.4, gt=0, lt=1)
    """Cosine from which two faces are one person; recognisers differ: 0.3 to 0.5 for ArcFace networks."""
    at_least: int = Field(3, ge=1)
    """People outside the gallery get a number when they have so many faces."""
    near_s: float = Field(0.75, gt=0)
    """A label speaks of the picture nearest in time, no farther than this."""


LABELS = LabelContract(
    doc="Whose face is the picture's main one; without a name: a film whose unknown people get numbers.",
    shape="moments",
    columns=(Column("person", pa.string(), "The person's name; empty: somebody.", nullable=True),),
    class_column="person",
)


def reads(config: Config) -> list[str]:
    """`faces`, and `embeddings` where the vectors stand there."""
    return ["faces", "embeddings"] if config.vectors == "embeddings" else ["faces"]


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row a face: time_s, frame, shot, is_main (T,), box (T, 4), embedding (T, d) of length 1."""
    return faces_of(tables, config.vectors)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """character (T,) the person's name, and known (T,): main faces of pictures whose label names one person.

    Where no label of a film has a name, all faces are known, as faces of somebody: '' each.
    """
    who: list[str] = [""] * len(features["time_s"])
    main, moments = np.flatnonzero(features["is_main"]), _moments(labels)
    for at, names in moments.items():
        distance = np.abs(features["time_s"][main] - at)
        if len(names) == 1 and len(main) and distance.min() <= config.near_s:
            who[main[distance.argmin()]] = next(iter(names))
    named = any(moments.values())
    return {
        "character": np.array(who, dtype=np.str_),
        "known": np.array([not named or name != "" for name in who], bool),
    }


def _moments(labels: pa.Table) -> dict[float, set[str]]:
    found: dict[float, set[str]] = {}
    for at, name in zip(labels["time_s"].to_pylist(), labels["person"].to_pylist(), strict=True):
        found.setdefault(at, set()).update([name] if name else [])
    return found


def train(learn: Sequence[Example], stop: Sequence[Example], config: Config, training: Training) -> Trained:
    """Centroids of the gallery, and of groups of the faces that are nobody of it.

    Nothing stops early, so `stop` is learned from too. Raises `CannotTrain` when no face is known, or nobody recurs.
    """
    examples = [example for example in (*learn, *stop) if len(example)]
    if not any(example.targets["known"].any() for example in examples):
        raise CannotTrain("no picture shows a face that counts: photos of single, frontal faces serve best")
    gallery = gallery_of(joined(examples, "embedding"), joined(examples, "character", of="targets"))
    vectors, faces = unnamed_tracks(examples, gallery, config)
    centroids = groups_of(vectors, config.likeness, config.at_least, faces)
    people = gallery + inherit(centroids, people_of(training.champion, vectors), config.likeness)
    if not people.names:
        raise CannotTrain(f"nobody has a name, and nobody has {config.at_least} faces that are alike: see `at_least`")
    return Trained(arrays={"centroids": people.centroids}, facts={"people": list(people.names)})


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


def people_of(champion: Artefact | None, vectors: Array) -> People:
    """The people that an earlier version knows; nobody without one, or when its vectors are of another size."""
    if champion is None or champion.arrays["centroids"].shape[1] != vectors.shape[1]:
        return nobody(vectors.shape[1])
    return People(tuple(champion.facts["people"]), champion.arrays["centroids"])


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """character (T,) the person of each face ('' for strangers), likeness (T,) cosine, track (T,).

    A track is one person: its mean vector decides. Raises `ModelUnusable` for vectors of another recogniser's size.
    """
    people = People(tuple(artefact.facts["people"]), artefact.arrays["centroids"])
    known, given = people.centroids.shape[1], features["embedding"].shape[1]
    if len(features["time_s"]) and known != given:
        raise ModelUnusable(
            f"the gallery's faces have vectors of {known} numbers, this film's of {given}: they come from two "
            "recognisers; train again on the faces of the present one"
        )
    tracks = track(features, artefact.config.likeness)
    names, alike = assign(track_means(features["embedding"], tracks), people, artefact.config.likeness)
    return {"character": names[tracks], "likeness": alike[tracks], "track": tracks}


def judge(features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> Judgement:
    """Counts over the faces with a name; of a film without names over all faces, see `_identity_scores.py`."""
    return judge_faces(features["frame"], targets, prediction)


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """f1: mean over people, all unnamed ones together being one more; see `_identity_scores.py`."""
    return summarise_people(judgements)


def baseline(learn: Sequence[Example], _config: Config) -> Callable[[Arrays], Arrays]:
    """Every face is the person with the most photos; the same unnamed person where there are none."""
    names = joined(learn, "character", of="targets")
    people, count = np.unique(names[names != ""], return_counts=True)
    most: Any = people[count.argmax()] if len(people) else "person_1"
    return lambda features: {"character": np.full(len(features["time_s"]), most)}


ABOUT = (
    "Persons as centroids of face embeddings: those of the gallery by name, other people of the films by number, taken "
    "over from version to version. A face is followed through its shot and the track's mean vector decides. It is as "
    "good as the recogniser: profiles, masks, small and dark faces stay strangers, and recognisers are known to err "
    "more often for groups of people that their training showed less."
)

MODEL = Model(
    name="identities",
    version=1,
    config=Config,
    labels=LABELS,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="f1",
    about=ABOUT,
    least_classes=0,
)
