"""Who is in each frame, learned from moments that people labelled.

    models:
      characters: {labels: characters, config: {}}             # frames and embeddings, whatever is better
      characters: {learner: auto, inputs: {embeddings: embeddings_tiles}}    # the head that is best on your labels
      tutorial: {model: characters, labels: characters, config: {head: seed}}

Labels are moments: `time_s, character`, several rows a moment where several are there, `nobody` where there is none.
Reading order: config, features, labels, heads, fitting, counts (how many at once), predict, scores.
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.characters import features, labels, predict
from models.characters.config import LABELS, SPACE, Config, alone, vocabularies
from models.characters.labelling import LABELLING

MODEL = Model(
    name="characters",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    alone=alone,
    reads=features.reads,
    features=features.features,
    targets=labels.targets,
    train=Late("models.characters.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.characters.scores:score_film"),
    summarise=Late("models.characters.scores:summarise_films"),
    support=Late("models.characters.scores:support"),
    answers=Late("models.characters.scores:answers"),
    baseline=predict.baseline,
    simple={
        "who is there most often": Late("models.characters.simple:by_majority"),
        "histogram with logistic regression": Late("models.characters.simple:by_histogram"),
        "nearest labelled moment": Late("models.characters.simple:by_nearest"),
    },
    metric="f1",
    space=SPACE,
    labelling=LABELLING,
    learners={name: {"head": name} for name in ("linear", "seed", "regions", "both")},
    measures={
        "f1": "mean over characters of F1 over frames",
        "accuracy": "share of frames in which exactly those who are there are predicted",
        "screen_time_error_median": "median over characters of films of |predicted − true| / true seconds",
        "screen_time_error_worst": "the largest of these errors",
    },
    about="Which characters are in each frame, learned from labelled moments (after the screen-time tutorial: a "
    "head on frozen embeddings, class weights, the checkpoint of the least validation loss). With five "
    "films and more a small convolutional network looks at the pictures themselves and finds figures of a "
    "few pixels. It knows the characters by their looks in the films it has seen: other clothes, drawing "
    "styles or lighting need labels of their own; frames in which a character is hidden behind others, or "
    "a few pixels in the dark, are missed.",
)
