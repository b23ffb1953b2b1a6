"""Which person a face is, by its embedding.

    cinelake labels import gallery --model identities        # gallery/NAME/*.jpg: reference photos
    cinelake labels import films.csv --model identities      # movie_id,time_s,person: a person left empty, or a name
    cinelake train identities                                # without any labels: from the faces of all films

Photos are looked at by the manifest's own `faces`, as if they were films, so that gallery and films are described by
one recogniser. A film with any row (its person may stay empty) lends its faces: those that are nobody of the gallery
are grouped into `person_1`, `person_2` …, the same across films; who else is on a photo is not. Faces that are too
small, dark or blurred found nobody and decide nothing (`least_sharpness` and others), and two faces of one picture are
two persons. A new version takes over the numbers of the present
champion (`Training.champion`): centroids are matched one to one, and a number is never given to somebody else. What
numbers are worth in films without names is judged by what faces say of each other, see `scores`.

Reading order: config, features, people, fitting, predict, scores.
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.identities import features, predict
from models.identities.config import LABELS, Config

MODEL = Model(
    name="identities",
    version=3,
    config=Config,
    labels=LABELS,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.identities.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.identities.scores:score_film"),
    summarise=Late("models.identities.scores:summarise_people"),
    support=Late("models.characters.scores:support"),
    answers=Late("models.identities.scores:answers"),
    baseline=predict.baseline,
    metric="f1",
    least_classes=0,
    singles=True,
    measures={
        "f1": "mean over persons of F1 over faces; all unnamed people count as one",
        "accuracy": "share of named faces whose person is right",
        "recognised": "share of faces of films without names that are somebody",
        "apart": "of pairs of faces in one picture, both somebody, share that are two persons, each face by itself",
        "together": "of faces that follow each other in a track, share that are one person, each face by itself",
        "f1_unnamed": "harmonic mean of recognised and (apart + together − 1), which is 0 for answers at random",
    },
    about="Persons as centroids of face embeddings: those of the gallery by name, other people of the films by "
    "number, taken over from version to version. A face is followed through its shot and the best faces of the "
    "track decide; two faces of one picture are two persons. It is as good as the recogniser: profiles, masks, small "
    "and dark faces stay strangers, and recognisers are known to err more often for groups of people that their "
    "training showed less.",
)
