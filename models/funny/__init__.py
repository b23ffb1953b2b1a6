"""Funny moments, by an agent that decides step by step whether a film is funny, after the publication "A Deep
Reinforcement Learning Framework for Identifying Funny Scenes in Movies" (Q-learning of Mnih et al., Nature 2015).

The state is the step's embedding e(t) and the affective vector a(t): the agent's actions so far, or, where a label is
known, the label. Where the publication leaves a choice open ours is marked as such; see
`models/funny/environment.py` for G, H and α, and `python -m benchmarks.funny_ablations` for what each is worth.

That it needs few labels, as the publication claims, is not shown: a logistic regression on the same inputs orders the
steps as well or better at every share of the labels from 1 % on (`python -m benchmarks.sparse_labels`, two draws).
Nor is it where labels come late, one number a scene: ridge on these numbers orders utterances about as well as learners
that act, and in the end better (`python -m benchmarks.scene_rewards`, five seeds, linear learners).
`learner: auto` compares the two on your films.

Reading order: `config`, `steps` (what a film is cut into), `features` (what is seen of a step), `environment` (scenes,
state and reward), `agent` (the Q-network, its memory, playing and learning), `fitting`, `predict`, `scores`.

    models:
      funny: {labels: funny}
      funny: {labels: funny, config: {use: [sound, laughter, expressions]}}
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.funny import features, predict
from models.funny.config import LABELS, Config
from models.funny.labelling import LABELLING

MODEL = Model(
    name="funny",
    version=1,
    config=Config,
    labels=LABELS,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.funny.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.funny.scores:score_film"),
    summarise=Late("models.funny.scores:summarise"),
    answers=Late("models.funny.scores:answers"),
    baseline=Late("models.funny.scores:baseline"),
    metric="f1",
    figures=Late("models.funny.scores:figures"),
    continues=True,
    cross_fits=True,
    learners={"logistic": {"learner": "logistic"}, "mlp": {"learner": "mlp"}, "agent": {"learner": "agent"}},
    space={"context": [1, 2, 4], "gamma": [0.0, 0.7, 0.99], "dropout": [0.0, 0.3, 0.5]},
    labelling=LABELLING,
    measures={
        "f1": "harmonic mean of precision and recall of funny steps",
        "precision": "share of steps said to be funny that are",
        "recall": "share of funny steps that are said to be",
        "accuracy": "share of steps that are right",
        "auc": "area under the ROC curve of the margin",
        "ap": "average precision of the margin's order",
        "share_funny": "share of labelled steps that are funny",
        "steps": "how many steps are labelled",
    },
    about="Funny moments, found by logistic regression, a small network, or a Q-learning agent that says of each "
    "step of a scene whether it is funny and hears only where a label is known whether it was right. It learns what "
    "laughter sounds like where audiences laugh, and when people wait for it; jokes that nobody laughs at it does not "
    "understand.",
)
