"""How well funny moments are found in drawn films that the agent never saw: F1 of steps of one second.

  python -m benchmarks.funny                       24 films to learn from, 12 others to be scored on
  python -m benchmarks.funny --folder DIR          keeps films and lake in DIR for the next time
  python -m benchmarks.funny --repeat 5            with five seeds
  python -m benchmarks.funny --ablate              what each choice of ours is worth, one changed at a time

The agent sees what the table `sound` has: log-mel bands, and how they pulse. Beside it stand the answer that looks at
nothing (everything is funny), and logistic regression, an MLP of the same layers and an LSTM on the same embeddings and
films, at the threshold that is best by F1 on the same four films. The interval is a bootstrap over films (95 %).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_funny import read_watched
from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import VALIDATION, learn_and_judge
from benchmarks._funny_learners import LEARNERS, judged, learner
from benchmarks.figures import Figure, Report, run, say
from cinelake.learning.split import place
from cinelake.model import Example, Scores
from models._funny_scenes import learn_scaling
from models.funny import MODEL, Config

ABLATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "only the action taken": {"both_actions": False},
    "only the action taken, 4 steps": {"both_actions": False, "n_step": 4},
    "no vote in the reward": {"vote_weight": 0.0},
    "the vote alone": {"vote_weight": 1.0},
    "labels always shown": {"show_labels": 1.0},
    "labels never shown": {"show_labels": 0.0},
    "α = 1: the last action": {"alpha": 1.0},
    "γ = 0": {"gamma": 0.0},
    "γ = 0.99": {"gamma": 0.99},
    "no dropout": {"dropout": 0.0},
    "DQN, not double": {"double": False},
    "cross-entropy beside": {"supervision": 1.0},
    "rare class worth more": {"balance": 1.0},
    "no steps around": {"context": 0},
    "as published, as far as it says": {
        "both_actions": False, "vote_weight": 1.0, "show_labels": 1.0, "dropout": 0.0, "double": False, "context": 0,
        "gamma": 0.99, "remember_unlabelled": True,
    },
}  # fmt: skip


def measure(given: argparse.Namespace) -> Report:
    """Train and judge, once for each seed."""
    lake, config = make_lake(given.folder), Config()
    sides = {side: read_watched(given.folder, side, lake, config) for side in SIDES}
    outcomes, seconds = [], []
    for seed in range(given.repeat):
        began, folder = time.perf_counter(), Path(given.folder) / f"funny_{seed}"
        outcomes.append(learn_and_judge(MODEL, config, sides["train"], sides["test"], folder, seed))
        seconds.append(time.perf_counter() - began)
        say(f"seed {seed}: F1 {outcomes[-1].interval}, over the baseline {outcomes[-1].gain}")
    others = {name: beside(name, config, sides["train"], sides["test"], given) for name in LEARNERS[1:]}
    figures = [
        Figure("F1", [o.scores["f1"] for o in outcomes], at_least=0.85),
        Figure("F1, lower bound", [o.interval.low for o in outcomes]),
        Figure("F1, upper bound", [o.interval.high for o in outcomes]),
        *(Figure(name, [o.scores[name] for o in outcomes]) for name in ("precision", "recall", "auc", "share_funny")),
        Figure("F1, everything is funny", [o.baseline["f1"] for o in outcomes]),
        Figure("gain over it, lower bound", [o.gain.low for o in outcomes]),
        *(Figure(f"F1, {name}", [found["f1"] for found in each]) for name, each in others.items()),
        *(Figure(f"auc, {name}", [found["auc"] for found in each]) for name, each in others.items()),
        Figure("training and judging", seconds, "s"),
    ]
    if given.ablate:
        figures += ablate(given, sides["train"], sides["test"])
    return Report("funny", figures, [f"drawn films, seeds {SIDES['train'][1]} and {SIDES['test'][1]}: 24 and 12"])


def beside(
    name: str, config: Config, train: Sequence[Example], test: Sequence[Example], given: argparse.Namespace
) -> list[Scores]:
    """A plain learner on the agent's embeddings and films, seed by seed."""
    ordered = sorted(train, key=lambda example: place(example.group))
    sides = (ordered[VALIDATION:], ordered[:VALIDATION], list(test))
    scaling, folder = learn_scaling(sides[0], config), Path(given.folder) / "beside"
    return [
        MODEL.summarise(judged(learner(name, sides, scaling, config, folder, seed), sides))
        for seed in range(given.repeat)
    ]


def ablate(given: argparse.Namespace, train: Sequence[Example], test: Sequence[Example]) -> list[Figure]:
    """AUC and F1 with one choice changed at a time, seed by seed; the validation films are not learned from."""
    figures = []
    for name, change in ABLATIONS.items():
        config = Config().model_copy(update={**change, "refit": False})
        folders = [Path(given.folder) / f"funny_ablation_{seed}" for seed in range(given.repeat)]
        found = [learn_and_judge(MODEL, config, train, test, f, seed).scores for seed, f in enumerate(folders)]
        figures += [Figure(f"{score}: {name}", [scores[score] for scores in found]) for score in ("f1", "auc")]
        say(f"{name}: F1 {np.median([s['f1'] for s in found]):.3f}, AUC {np.median([s['auc'] for s in found]):.3f}")
    return figures


if __name__ == "__main__":
    sys.exit(
        run(__doc__ or "", measure, ("--ablate", {"action": "store_true", "help": "change one at a time"}), repeat=1)
    )
