"""Beat events: what kind of moment each shot belongs to, after Ejaz et al. (ICMV 2017) and Potapov et al. (2015).

The categories are data: each may have sub-categories, which are trained and then merged, and may share a class of the
first stage with others that look alike (three kinds of argument, two of victory); these are distinguished in a second
stage by the faces of the whole event. A linear SVM on the same features stands beside (`svm_mean_f`).

    models:
      beats: {labels: beats}
      beats: {labels: beats, config: {categories: {fight: {subcategories: [fists, swords]}, calm: {}}}}
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.beats import features, predict
from models.beats.config import LABELS, Config, vocabularies
from models.beats.labelling import LABELLING

MODEL = Model(
    name="beats",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.beats.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.beats.scores:score_film"),
    summarise=Late("models.beats.scores:summarise"),
    support=Late("models.beats.scores:support"),
    answers=Late("models.beats.scores:answers"),
    baseline=Late("models.beats.scores:baseline"),
    simple={
        "logistic regression": Late("models.beats.simple:by_logistic"),
        "nearest labelled moment": Late("models.beats.simple:by_nearest"),
    },
    metric="mean_f",
    figures=Late("models.beats.scores:figures"),
    space={"l2": [1e-4, 1e-3, 1e-2], "hidden": [0, 64, 128, 256], "context": [0, 2, 4, 8]},
    labelling=LABELLING,
    measures={
        "mean_f": "mean over categories that occur of F1 over shots",
        "mean_precision": "mean over categories that occur of precision",
        "mean_recall": "mean over categories that occur of recall",
        "accuracy": "share of shots whose category is right",
        "shots_mean_f": "mean_f without the sliding window",
        "svm_mean_f": "mean_f of a linear SVM on the same features",
        "categories_that_occur": "how many categories any labelled shot has",
    },
    about="Beat events of shots in two stages, after Ejaz et al., Deep Learning based Beat Event Detection in Action "
    "Movie Franchises (ICMV 2017). It gives every shot a category, also where a film has no beat: read the confidence. "
    "Who is good or bad is learned from faces in the training films; with another cast the second stage guesses.",
)
