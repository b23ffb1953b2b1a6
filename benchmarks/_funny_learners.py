"""What the funny agent is held against, all learning from the same visible labels of the same films."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_funny import known_rows
from benchmarks._plain_networks import fit_plain, margins
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores
from cinelake.spec.training import Training
from models.funny.config import Config
from models.funny.environment import make_scenes
from models.funny.features import embeddings
from models.funny.fitting import learn
from models.funny.predict import act
from models.funny.scores import best_threshold

LEARNERS = ("agent", "logistic regression", "MLP", "LSTM")
Margins = Callable[[Example], Array]
Sides = tuple[list[Example], list[Example], list[Example]]
"""To learn from, to stop by, to be scored on."""


@dataclass(frozen=True)
class Learned:
    """What a learner says of a film: `first` has learned from the first side, `last` from the second too."""

    first: Margins
    last: Margins


def learner(name: str, sides: Sides, scaling: Arrays, config: Config, folder: Path, seed: int) -> Learned:
    """A learner that has seen the visible labels of the first two sides."""
    train, validation, _ = sides
    both = [train, [*train, *validation]]
    if name == "agent":
        agents = [learn(make_scenes(e, scaling, config), config, Training(folder, seed, resume=False)) for e in both]
        return Learned(*(partial(_by_agent, agent, scaling, config) for agent in agents))
    if name == "logistic regression":
        return Learned(*(partial(_by_classifier, _logistic(e, scaling, config), scaling, config) for e in both))
    kind: Any = name
    networks = fit_plain(kind, train, validation, scaling, config, folder, seed)
    return Learned(*(partial(_by_network, network, scaling, config) for network in networks))


def agent_alone(sides: Sides, scaling: Arrays, config: Config, folder: Path, seed: int) -> Learned:
    """The agent that has seen the labels of the first side only: half the time."""
    agent = learn(make_scenes(sides[0], scaling, config), config, Training(folder, seed, resume=False))
    predict = partial(_by_agent, agent, scaling, config)
    return Learned(predict, predict)


def _logistic(examples: Sequence[Example], scaling: Arrays, config: Config) -> Any:
    from sklearn.linear_model import LogisticRegression

    vectors = [embeddings(example.features, scaling, config) for example in examples]
    return LogisticRegression(C=0.01, max_iter=500).fit(*known_rows(examples, vectors))


def _by_agent(network: Any, scaling: Arrays, config: Config, example: Example) -> Array:
    x = embeddings(example.features, scaling, config)
    q = act(lambda states: np.asarray(network(states, training=False)), x, example.features, config)
    return np.asarray(q[:, 1] - q[:, 0])


def _by_classifier(fitted: Any, scaling: Arrays, config: Config, example: Example) -> Array:
    return np.asarray(fitted.decision_function(embeddings(example.features, scaling, config)))


def _by_network(network: Any, scaling: Arrays, config: Config, example: Example) -> Array:
    return margins(network, example, scaling, config)


def score_last_side(learned: Learned, sides: Sides) -> list[FilmScores]:
    """Each film's scores of the last side; the threshold by what was known of the second before it was learned from."""
    train, validation, test = sides
    held = [example for example in validation if example.targets["known"].any()] or train
    margin, truth = known_rows(held, [learned.first(example)[:, None] for example in held])
    threshold = best_threshold(truth, margin[:, 0])
    known = [example.targets["known"] for example in test]
    return [
        {"truth": e.targets["funny"][k].astype(bool), "margin": learned.last(e)[k] - threshold}
        for e, k in zip(test, known, strict=True)
    ]
