"""Expressions of faces: which of seven emotions a face shows, and the vector of 512 numbers that it is read from.

It looks at the 48 × 48 grey patches of table `faces`. `network: seed` is the reference: 64-64, 128-128 and 256 filters,
each pooled and normalised, and a dense layer of 512. The default, `recogniser`, begins from a network that tells people
apart (dlib's, whose weights come inside a package) and learns from a few hundred faces what others need thousands for.
`light` begins from nothing: residual blocks from half the size on, the last of separable convolutions. A face is judged
in three views (`views`), each mirrored too. What to expect of a training: `benchmarks/fer2013.py`.

    models:
      expressions: {labels: expressions}                                    # recogniser, 20 epochs
      expressions: {labels: expressions, config: {network: light}}          # 24 and 16 epochs

Reading order: networks, pretrained, config, features, fitting, predict, scores.
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.expressions import features, predict
from models.expressions.config import LABELS, SPACE, Config, vocabularies
from models.expressions.labelling import LABELLING

MODEL = Model(
    name="expressions",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.expressions.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.expressions.scores:score_film"),
    summarise=Late("models.expressions.scores:summarise"),
    support=Late("models.expressions.scores:support"),
    answers=Late("models.expressions.scores:answers"),
    baseline=predict.baseline,
    simple={
        "histogram with logistic regression": Late("models.expressions.simple:by_histogram"),
        "nearest labelled moment": Late("models.expressions.simple:by_nearest"),
    },
    metric="accuracy",
    figures=Late("models.expressions.scores:figures"),
    space=SPACE,
    labelling=LABELLING,
    measures={
        "accuracy": "share of faces whose emotion is right",
        "balanced_accuracy": "mean over emotions that occur of their recall",
        "macro_f1": "mean over emotions that occur of F1",
    },
    about="Which of seven emotions a face shows, from a grey patch of 48 × 48, by a network that begins from a face "
    "recogniser or from nothing (the funny-scene agent's, and a lighter one). Trained on FER2013 it tells about two "
    "faces of three as its labellers did, who agree with one another hardly more often; fear is taken for sadness and "
    "surprise, disgust is rare there. An expression is not a feeling, and actors show what the scene asks for. Faces "
    "from the side, drawn faces and other lights than in the labels need labels of their own.",
)
