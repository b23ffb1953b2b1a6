"""How well funny moments are found in drawn films that the agent never saw: F1 of steps of one second.

  python -m benchmarks.funny                       24 films to learn from, 12 others to be scored on
  python -m benchmarks.funny --folder DIR          keeps films and lake in DIR for the next time
  python -m benchmarks.funny --repeat 5            with five seeds

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

from benchmarks._drawn_funny import read_watched
from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import VALIDATION, learn_and_score
from benchmarks._funny_learners import LEARNERS, learner, score_last_side
from benchmarks.figures import Figure, Report, run, say
from cinelake.learning.split import place
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from models.funny import MODEL
from models.funny.config import Config
from models.funny.features import learn_scaling


def measure(given: argparse.Namespace) -> Report:
    """Train and score, once for each seed."""
    lake, config = make_lake(given.folder), Config()
    sides = {side: read_watched(given.folder, side, lake, config) for side in SIDES}
    outcomes, seconds = [], []
    for seed in range(given.repeat):
        began, folder = time.perf_counter(), Path(given.folder) / f"funny_{seed}"
        outcomes.append(learn_and_score(MODEL, config, sides["train"], sides["test"], folder, seed))
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
        *(Figure(f"F1, {name}", [result["f1"] for result in each]) for name, each in others.items()),
        *(Figure(f"auc, {name}", [result["auc"] for result in each]) for name, each in others.items()),
        Figure("training and judging", seconds, "s"),
    ]
    return Report("funny", figures, [f"drawn films, seeds {SIDES['train'][1]} and {SIDES['test'][1]}: 24 and 12"])


def beside(
    name: str, config: Config, train: Sequence[Example], test: Sequence[Example], given: argparse.Namespace
) -> list[Scores]:
    """A plain learner on the agent's embeddings and films, seed by seed."""
    ordered = sorted(train, key=lambda example: place(example.group))
    sides = (ordered[VALIDATION:], ordered[:VALIDATION], list(test))
    scaling, folder = learn_scaling(sides[0], config), Path(given.folder) / "beside"
    return [
        MODEL.summarise(score_last_side(learner(name, sides, scaling, config, folder, seed), sides))
        for seed in range(given.repeat)
    ]


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, repeat=1))
