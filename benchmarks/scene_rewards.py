"""Whether learning by acting pays where labels come late, online, and as one number a scene: on utterances of FRIENDS.

  python -m benchmarks.scene_rewards --real DIR               five seeds
  python -m benchmarks.scene_rewards --real DIR --repeat 1    one

Scenes of eight utterances pass by once. Of each a learner says which are funny, and then hears how many it got right,
never which. Three fifths of the episodes pass, one says which rate or penalty is best for each learner after the last
scene, one is scored (AUC), all with the first seed's split and other orders of the scenes for other seeds.

    policy gradient    REINFORCE with a running mean as baseline, on a logistic policy
    return             acts by the greater of two linear values of an utterance, each learned from what the scene gave
    regression         ridge on the same numbers: with actions known, how many are right is linear in the labels
    every label        logistic regression that is told the label of each utterance: how far one can get

The first two are what an agent has of a scene's reward: that of all its steps together. All act at random in one step
of five. Linear ones, so that nothing but the kind of feedback differs; the model's own network is not trained here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks._friends import friends_config, read_episodes
from benchmarks.figures import Figure, Report, run, say
from cinelake.learning.metrics import roc_auc
from cinelake.spec.arrays import Array
from models.funny.features import embeddings, learn_scaling

SCENE = 8
AFTER = (25, 100, 400)
"""Scenes after which learners are scored, beside the last one."""
EXPLORED = 0.2
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
PENALTIES = (10.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
Scenes = Sequence[tuple[Array, Array]]
"""Inputs (8, D) and whether each is funny (8,)."""


def read_parts(real: Path) -> tuple[Scenes, tuple[Array, Array], tuple[Array, Array]]:
    """The scenes that pass; inputs and truth of the episodes that choose, and of those that are scored."""
    config, episodes = friends_config(), read_episodes(real)
    scaling = learn_scaling(episodes, config)
    x = [np.column_stack([embeddings(e.features, scaling, config), np.ones(len(e))]) for e in episodes]
    y = [e.targets["funny"].astype(float) for e in episodes]
    scenes = [
        (x[n][at : at + SCENE], y[n][at : at + SCENE])
        for n in range(len(x)) if n % 5 < 3
        for at in range(0, len(x[n]) - SCENE + 1, SCENE)
    ]  # fmt: skip
    held, scored = (
        (np.concatenate([x[n] for n in range(part, len(x), 5)]), np.concatenate([y[n] for n in range(part, len(x), 5)]))
        for part in (3, 4)
    )
    return scenes, held, scored


def acted(wanted: Array, rng: np.random.Generator) -> Array:
    """What is said of each utterance: what is wanted, and at random in one of five."""
    return np.where(rng.random(len(wanted)) < EXPLORED, rng.integers(0, 2, len(wanted)), wanted)


def by_policy(scenes: Scenes, rate: float, seed: int) -> list[Array]:
    """Coefficients after each scene."""
    rng, weights, usual, found = np.random.default_rng(seed), np.zeros(scenes[0][0].shape[1]), 0.5, list[Array]()
    for x, y in scenes:
        probability = (1 - EXPLORED) / (1 + np.exp(-x @ weights)) + EXPLORED / 2
        said = (rng.random(len(x)) < probability).astype(float)
        reward = float((said == y).mean())
        weights = weights + rate * len(x) * (reward - usual) * (said - probability) @ x
        usual += 0.05 * (reward - usual)
        found.append(weights)
    return found


def by_return(scenes: Scenes, rate: float, seed: int) -> list[Array]:
    """Coefficients of the greater value less those of the other after each scene."""
    rng, values, found = np.random.default_rng(seed), np.zeros((2, scenes[0][0].shape[1])), list[Array]()
    values[:, -1] = 0.5
    for x, y in scenes:
        said = acted((x @ values[1] > x @ values[0]).astype(int), rng)
        reward = float((said == y).mean())
        for action in (0, 1):
            own = x[said == action]
            values[action] += rate * (reward - own @ values[action]) @ own / len(x)
        found.append(values[1] - values[0])
    return found


def by_regression(scenes: Scenes, penalty: float, seed: int) -> list[Array]:
    """Coefficients of ridge on sums over scenes, after each."""
    rng, width = np.random.default_rng(seed), scenes[0][0].shape[1]
    products, targets, weights, found = penalty * np.eye(width), np.zeros(width), np.zeros(width), list[Array]()
    for x, y in scenes:
        said = acted((x @ weights > 0.5).astype(int), rng)
        signed = (2 * said - 1) @ x
        told = (said == y).sum() - (1 - said).sum()  # Σ (2 said − 1) y: right ones less those that were denied
        products, targets = products + np.outer(signed, signed), targets + told * signed
        weights = np.linalg.solve(products, targets)
        found.append(weights)
    return found


def by_every_label(scenes: Scenes, penalty: float, _seed: int) -> list[Array]:
    """Coefficients of a logistic regression on all labels so far, where it is scored; else those before."""
    from sklearn.linear_model import LogisticRegression

    found = [np.zeros(scenes[0][0].shape[1])]
    for number in range(1, len(scenes) + 1):
        if number in (*AFTER, len(scenes)):
            x, y = (np.concatenate([scene[part] for scene in scenes[:number]]) for part in (0, 1))
            fitted = LogisticRegression(C=1 / penalty, fit_intercept=False, max_iter=500).fit(x, y)
            found.append(fitted.coef_[0])
        else:
            found.append(found[-1])
    return found[1:]


LEARNERS: dict[str, tuple[Callable[[Scenes, float, int], list[Array]], Sequence[float]]] = {
    "policy gradient": (by_policy, RATES),
    "return": (by_return, RATES),
    "regression": (by_regression, PENALTIES),
    "every label": (by_every_label, PENALTIES),
}


def auc(part: tuple[Array, Array], weights: Array) -> float:
    """How well utterances are ordered by these coefficients."""
    return roc_auc(part[1] > 0, part[0] @ weights)


def measure(given: argparse.Namespace) -> Report:
    """AUC of every learner after so many scenes, once for each order of them."""
    scenes, held, scored = read_parts(given.real)
    orders = [np.random.default_rng(seed).permutation(len(scenes)) for seed in range(given.repeat)]
    passing = [[scenes[place] for place in order] for order in orders]
    figures = []
    for name, (learn, settings) in LEARNERS.items():
        runs = {setting: [learn(own, setting, seed) for seed, own in enumerate(passing)] for setting in settings}
        held_auc = [np.mean([auc(held, found[-1]) for found in runs[setting]]) for setting in settings]
        best = settings[int(np.argmax(held_auc))]
        say(f"{name}: {best:g} of {', '.join(f'{setting:g}' for setting in settings)}")
        for count in (*AFTER, len(scenes)):
            values = [auc(scored, found[count - 1]) for found in runs[best]]
            figures.append(Figure(f"AUC after {count} scenes: {name}", values))
    material = f"{len(scenes)} scenes of {SCENE}; {len(scored[1])} utterances are scored"
    return Report("scene_rewards", figures, [material])


if __name__ == "__main__":
    real = {"type": Path, "required": True, "help": "folder with features/friends_utterances.parquet, or the file"}
    raise SystemExit(run(__doc__ or "", measure, ("--real", real)))
