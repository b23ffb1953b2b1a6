"""How few labels the funny agent needs: AUC and F1 with 1, 5, 10, 25, 50 and 100 % of them, beside plain learners.

  python -m benchmarks.sparse_labels                       drawn films: 24 to learn from, 12 others to be scored on
  python -m benchmarks.sparse_labels --real DIR            utterances of FRIENDS, a fifth of the episodes apart
  python -m benchmarks.sparse_labels --repeat 5            with five draws of the labels that are visible
  python -m benchmarks.sparse_labels --figure curve.png    draws the curves
  python -m benchmarks.sparse_labels --folder DIR          keeps films and what was measured; goes on after a kill

Labels are made invisible in stretches of eight steps, on the films that decide when to stop and set the threshold, too.
The others learn from the very labels that the agent is shown: logistic regression; an MLP, which is the Q-network's
layers trained by cross-entropy; an LSTM in both directions. The scaling of the inputs, which needs no label, is
that of all films. Bars in the figure, and least and most in the table, are over the draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks._drawn_funny import read_watched, some_labels
from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import VALIDATION
from benchmarks._friends import friends_config, read_episodes
from benchmarks._funny_learners import LEARNERS, Sides, learner, score_last_side
from benchmarks._kept import code_of, kept_for
from benchmarks.figures import Figure, Report, run
from cinelake.learning.split import place
from cinelake.spec.arrays import Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from models.funny import MODEL
from models.funny.config import Config
from models.funny.features import learn_scaling

SCENES = 600
"""Scenes that the agent plays each time: with few labels more only teach it these by heart."""
SHARES = (0.01, 0.05, 0.10, 0.25, 0.50, 1.00)


def measure(given: argparse.Namespace) -> Report:
    """All learners at all shares, once for each draw."""
    config = friends_config(scenes=SCENES) if given.real else Config(scenes=SCENES)
    sides = friends_sides(given.real) if given.real else drawn_sides(given.folder, config)
    scaling = learn_scaling([*sides[0], *sides[1]], config)
    cells = kept_for(given.folder, f"sparse_{'friends' if given.real else 'drawn'}", config, code_of("funny"))
    results: dict[tuple[str, float], list[Scores]] = {}
    for seed in range(given.repeat):
        for share in given.shares:
            visible = (some_labels(sides[0], share, seed), some_labels(sides[1], share, seed + 1000), sides[2])
            for name in LEARNERS:
                measure_one = partial(_measured, name, visible, scaling, config, given.folder / f"sparse_{name}", seed)
                results.setdefault((name, share), []).append(
                    cells.value(f"{share:.0%}, {name}, draw {seed}", measure_one)
                )
    if given.figure:
        draw(results, given.shares, given.figure, "FRIENDS, other episodes" if given.real else "Drawn films never seen")
    figures = [
        Figure(f"{metric} with {share:.0%}: {name}", [scores[metric] for scores in results[name, share]])
        for metric in ("auc", "f1") for share in given.shares for name in LEARNERS
    ]  # fmt: skip
    steps = [int(sum(e.targets["known"].sum() for e in side)) for side in sides]
    return Report("sparse_labels", figures, [f"labelled steps to learn from, stop by, be scored on: {steps}"])


def _measured(name: str, visible: Sides, scaling: Arrays, config: Config, folder: Path, seed: int) -> Scores:
    return MODEL.summarise(score_last_side(learner(name, visible, scaling, config, folder, seed), visible))


def drawn_sides(folder: Path, config: Config) -> Sides:
    """Drawn films to learn from, to stop by, to be scored on."""
    lake = make_lake(folder)
    train, test = (read_watched(folder, side, lake, config) for side in SIDES)
    ordered = sorted(train, key=lambda example: place(example.group))
    return ordered[VALIDATION:], ordered[:VALIDATION], test


def friends_sides(real: Path) -> Sides:
    """Episodes of FRIENDS: three of five to learn from, one to stop by, one to be scored on."""
    episodes = read_episodes(real)
    by_fold: list[list[Example]] = [[e for i, e in enumerate(episodes) if i % 5 == fold] for fold in range(5)]
    return [e for fold in by_fold[:3] for e in fold], by_fold[3], by_fold[4]


def draw(results: dict[tuple[str, float], list[Scores]], shares: Sequence[float], file: Path, title: str) -> None:
    """The curves as a picture: medians over the draws, bars from least to most."""
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(9, 3.6), layout="constrained")
    for metric, axes in zip(("auc", "f1"), picture.subplots(1, 2), strict=True):
        for name in LEARNERS:
            values = np.array([[scores[metric] for scores in results[name, share]] for share in shares])
            middle = np.median(values, axis=1)
            bars = np.abs(np.stack([values.min(axis=1), values.max(axis=1)]) - middle)
            axes.errorbar([100 * share for share in shares], middle, yerr=bars, label=name, marker="o", capsize=3)
        axes.set(xscale="log", xlabel="% of the labels visible", ylabel=metric.upper(), title=title)
    picture.axes[0].legend()
    picture.savefig(file, dpi=120)


if __name__ == "__main__":
    real = {"type": Path, "help": "folder with features/friends_utterances.parquet, or the file; default: drawn films"}
    shares = {"type": float, "nargs": "+", "default": SHARES, "help": "shares of the labels (default: %(default)s)"}
    figure = {"type": Path, "help": "where the curves are drawn (PNG)"}
    raise SystemExit(
        run(__doc__ or "", measure, ("--real", real), ("--shares", shares), ("--figure", figure), repeat=3)
    )
