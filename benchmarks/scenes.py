"""How well scenes are found in drawn films that were never learned from, beside chance.

  python -m benchmarks.scenes                       24 films to learn from, 12 others to be scored on
  python -m benchmarks.scenes --folder DIR          keeps films and lake in DIR for the next time
  python -m benchmarks.scenes --network wavenet     another network than the default
  python -m benchmarks.scenes --repeat 3            with three seeds

Shots are detected, not given: a labelled scene counts at the detected shot nearest to it. Four of the 24 films choose
the threshold before they are learned from too. The interval is a bootstrap over films (95 %).
"""

from __future__ import annotations

import argparse
import time

from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import TrainingOutcome, learn_and_score, read_side
from benchmarks.figures import Figure, Report, run, say
from models.scenes import MODEL
from models.scenes.config import Config


def measure(given: argparse.Namespace) -> Report:
    """Train and score, once for each seed."""
    lake, config = make_lake(given.folder), Config(network=given.network)
    sides = {side: read_side(given.folder, side, lake, MODEL, config, "scenes") for side in SIDES}
    outcomes, seconds = [], []
    for seed in range(given.repeat):
        began = time.perf_counter()
        folder = given.folder / f"scenes_{given.network}_{seed}"
        outcomes.append(learn_and_score(MODEL, config, sides["train"], sides["test"], folder, seed))
        seconds.append(time.perf_counter() - began)
        say(f"seed {seed}: mAP {outcomes[-1].interval}, over chance {outcomes[-1].gain}")
    boundaries = sum(int(film_scores["true"]) for film_scores in outcomes[0].film_scores)
    material = [f"{len(sides['test'])} films with {boundaries} boundaries between scenes; network {given.network}"]
    return Report("scenes", [*_figures(outcomes), Figure("training and judging", seconds, "s")], material)


def _figures(outcomes: list[TrainingOutcome]) -> list[Figure]:
    figures = [
        Figure("mAP", [o.scores["map"] for o in outcomes], at_least=0.9),
        Figure("mAP, lower bound", [o.interval.low for o in outcomes]),
        Figure("mAP, upper bound", [o.interval.high for o in outcomes]),
        Figure("chance, mAP", [o.baseline["map"] for o in outcomes]),
        Figure("gain over it, lower bound", [o.gain.low for o in outcomes]),
    ]
    for name in ("ap", "miou", "f1", "recall_3s"):
        figures.append(Figure(name, [o.scores[name] for o in outcomes]))
        figures.append(Figure(f"chance or no boundary, {name}", [o.baseline[name] for o in outcomes]))
    return figures


if __name__ == "__main__":
    networks = ["similarity", "bilstm", "wavenet", "logistic"]
    option = ("--network", {"default": "similarity", "choices": networks, "help": "the network (default: %(default)s)"})
    raise SystemExit(run(__doc__ or "", measure, option, repeat=1))
