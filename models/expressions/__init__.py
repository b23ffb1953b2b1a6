"""Expressions of faces: which of seven emotions a face shows, and the vector of 512 numbers that it is read from.

It looks at the 48 × 48 grey patches of table `faces`. `network: seed` is the reference: 64-64, 128-128 and 256 filters,
each pooled and normalised, and a dense layer of 512. The default, `light`, costs a quarter of it: residual blocks from
half the size on, the last of separable convolutions. What to expect of a training: `benchmarks/fer2013.py`.

    models:
      expressions: {labels: expressions}                                    # light, 24 and 16 epochs
      expressions: {labels: expressions, config: {network: seed, epochs: 20, again: 0}}

Reading order: networks, config, features, fitting, predict, scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Arrays
from cinelake.spec.model import Example, Judgement, Model, Scores
from models.expressions import features, fitting, predict, scores
from models.expressions.config import LABELS, SPACE, Config, vocabularies


def judge(_features: Arrays, targets: Arrays, prediction: Arrays, _config: Config) -> Judgement:
    """confusion (7, 7): labelled faces by true and predicted emotion."""
    known = targets["known"]
    return {"confusion": scores.confusion(targets["emotion"][known], prediction["emotion"][known])}


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """accuracy, balanced_accuracy, macro_f1, and recall_EMOTION of those that occur."""
    return scores.scores_of(np.sum([judgement["confusion"] for judgement in judgements], axis=0))


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """Which emotions are taken for which."""
    counts = [judge(e.features, e.targets, p, config)["confusion"] for e, p in zip(examples, predictions, strict=True)]
    return {"confusion": scores.confusion_figure(np.sum(counts, axis=0))}


MODEL = Model(
    name="expressions",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=fitting.train,
    predict=predict.predict,
    judge=judge,
    summarise=summarise,
    baseline=predict.baseline,
    metric="accuracy",
    figures=figures,
    space=SPACE,
    about="Which of seven emotions a face shows (after the funny-scene agent's network, and lighter), from a "
    "grey patch of 48 × 48. Trained on FER2013 it tells about two faces of three as its labellers did, "
    "who agree with one another hardly more often; fear is taken for sadness and surprise, disgust is "
    "rare there. An expression is not a feeling, and actors show what the scene asks for. Faces from the "
    "side, drawn faces and other lights than in the labels need labels of their own.",
)
