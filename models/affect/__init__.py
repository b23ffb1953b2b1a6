"""The emotional line of a film, or any other labelled line over time, by a memory network that learns by acting.

After Zhang, Zhao & Qian, Enlarging the Long-time Dependencies via RL-based Memory Network in Movie Affective Analysis
(ACM MM 2022). The film is a sequence of clips; a policy decides at each clip what a memory forgets and takes in; the
line is read from the memory. What to remember is learned by reinforcement: no gradient runs through the film.

    models:
      affect: {labels: affect}
      affect: {labels: affect, config: {learner: ridge}}                            # what it must beat
      importance: {model: affect, labels: importance, config: {targets: [importance]}}     # any other line

The tables: tasks/affect.py for valence and arousal, tasks/lines.py for any.

Reading order: `config`, `features` (what a clip shows, and its labels), `films` (films as learners take them),
`network` (the memory network, its reward and its critic), `agent` (how it learns by acting), `baselines` (what it is
compared with), `fitting` (what trains them all), `predict`, `scores`.
"""

from __future__ import annotations

from cinelake.spec.model import Late, Model
from models.affect import features, predict
from models.affect.config import LABELS, Config
from models.affect.labelling import LABELLING

MODEL = Model(
    name="affect",
    version=1,
    config=Config,
    labels=LABELS,
    reads=features.reads,
    features=features.features,
    targets=features.targets,
    train=Late("models.affect.fitting:train"),
    predict=predict.predict,
    score_film=Late("models.affect.scores:score_film"),
    summarise=Late("models.affect.scores:summarise"),
    support=Late("models.affect.scores:support"),
    answers=Late("models.affect.scores:answers"),
    baseline=Late("models.affect.scores:baseline"),
    blocked=Late("models.affect.scores:blocked"),
    without=Late("models.affect.scores:without"),
    cross_fits=True,
    learners={name: {"learner": name} for name in ("ridge", "lstm", "memory_tbptt", "memory")},
    metric="pcc",
    least=-1.0,
    figures=Late("models.affect.scores:figures"),
    space={
        "clip_s": {"choice": [1.0, 2.0, 4.0]},
        "components": {"int": [8, 48]},
        "smooth_s": {"uniform": [0.0, 6.0]},
    },
    labelling=LABELLING,
    measures={
        "pcc": "mean over targets of Pearson's correlation over all films' clips",
        "ccc": "mean over targets of Lin's concordance correlation",
        "mse": "mean over targets of the mean square error",
        "rank": "mean over targets of Spearman's correlation within a film",
    },
    about="Predicts valence and arousal, or any labelled line, over time from sound, pictures, motion and faces, by "
    "ridge regression, an LSTM, or a memory network that learns by truncated backpropagation or whose policy learns "
    "by reinforcement (after Zhang, Zhao & Qian, ACM MM 2022; the critic with hindsight is ours). It hears and sees "
    "surfaces: what the story means to people who follow it, it does not know. Lines are those of the labels' "
    "annotators and their way of asking.",
)
