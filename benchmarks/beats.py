"""How well beat events are detected on drawn films that the model never saw: the mean F of the categories that occur.

  python -m benchmarks.beats                       24 films to learn from, 12 others to be scored on
  python -m benchmarks.beats --folder DIR          keeps films and lake in DIR for the next time
  python -m benchmarks.beats --repeat 3            with three seeds
  python -m benchmarks.beats --each                also the confusion matrix

Shots marked difficult and those without a beat count nowhere. Beside it stand the trivial predictor (categories
drawn as often as they are), a linear SVM on the same features, and the shots' own labels before the sliding window.
The interval is a bootstrap over films (95 %).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import learn_and_score, read_side
from benchmarks.figures import Figure, Report, run, say
from models.beats import MODEL
from models.beats.config import Config

CONFIG: dict[str, Any] = {
    "categories": {
        "pursuit": {"subcategories": ["car pursuit", "bike pursuit", "horse pursuit", "men pursuit"]},
        "battle preparation": {},
        "battle": {
            "subcategories": ["physical war", "war destruction", "bomb explosion", "fire attack", "arrows' war"]
        },
        "romance": {"people": ["good"]},
        "despair good": {
            "subcategories": ["despair by expressions", "despair in jail"],
            "first": "despair",
            "people": ["good"],
        },
        "joy bad": {"first": "joy", "people": ["bad"]},
        "good argue good": {"first": "argument", "people": ["good"]},
        "good argue bad": {"first": "argument", "people": ["good", "bad"]},
        "bad argue bad": {"first": "argument", "people": ["bad"]},
        "victory good": {"first": "victory", "people": ["good"]},
        "victory bad": {"first": "victory", "people": ["bad"]},
    },
    "use": ["place", "faces", "motion", "sound"],
}
"""As it stands in a manifest under `models: {beats: {config: …}}`."""


def measure(given: argparse.Namespace) -> Report:
    """Train and score, once for each seed."""
    lake, config = make_lake(given.folder), Config.model_validate(CONFIG)
    sides = {side: read_side(given.folder, side, lake, MODEL, config, "beats") for side in SIDES}
    outcomes, seconds = [], []
    for seed in range(given.repeat):
        began, folder = time.perf_counter(), Path(given.folder) / f"beats_{seed}"
        outcomes.append(learn_and_score(MODEL, config, sides["train"], sides["test"], folder, seed))
        seconds.append(time.perf_counter() - began)
        say(f"seed {seed}: mean F {outcomes[-1].interval}, over the baseline {outcomes[-1].gain}")
    if given.each:
        _say_each(outcomes[0], config)
    names = ("mean_precision", "mean_recall", "accuracy", "categories_that_occur", "shots_mean_f")
    figures = [
        Figure("mean F", [o.scores["mean_f"] for o in outcomes], at_least=0.85),
        Figure("mean F, lower bound", [o.interval.low for o in outcomes]),
        Figure("mean F, upper bound", [o.interval.high for o in outcomes]),
        Figure("trivial baseline, mean F", [o.baseline["mean_f"] for o in outcomes]),
        Figure("gain over it, lower bound", [o.gain.low for o in outcomes]),
        Figure("linear SVM, mean F", [o.scores["svm_mean_f"] for o in outcomes]),
        *(Figure(name, [o.scores[name] for o in outcomes]) for name in names),
        Figure("training and judging", seconds, "s"),
    ]
    return Report("beats", figures, [f"drawn films, seeds {SIDES['train'][1]} and {SIDES['test'][1]}: 24 and 12"])


def _say_each(outcome: Any, config: Config) -> None:
    """Rows: what it is; columns: what was predicted, in the same order."""
    counts = np.sum([judgement["events"] for judgement in outcome.film_scores], axis=0)
    for name, row in zip(config.ordered, counts, strict=True):
        f = outcome.scores.get(f"f_{name}")
        say(f"  {name:<20}" + "".join(f"{count:4d}" for count in row) + ("" if f is None else f"   F {f:.2f}"))


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, ("--each", {"action": "store_true", "help": "the matrix"}), repeat=1))
