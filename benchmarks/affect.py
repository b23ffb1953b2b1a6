"""How well valence and arousal of drawn films are told that were never learned from, beside all simple methods.

  python -m benchmarks.affect                              24 films to learn from, 12 others to be scored on; five seeds
  python -m benchmarks.affect --folder DIR                 keeps films and lake in DIR for the next time
  python -m benchmarks.affect --learners memory ridge      some of them
  python -m benchmarks.affect --ablation modalities        one modality at a time, and all
  python -m benchmarks.affect --ablation slots             memories of 1 … 20 slots
  python -m benchmarks.affect --ablation linear            without the ridge regression that carries the first line

Four of the 24 films say when to stop. Every learner but `mean` and `ridge` learns what a ridge regression of other
films leaves to learn, and is added to it; `--ablation linear` takes that away. Intervals are a bootstrap over films
(95 %) of the first seed. Learners that know no chance (mean, ridge) are taught once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import Outcome, learn_and_judge, read_side
from benchmarks.figures import Figure, Report, run, say
from models.affect import MODEL, WIDE, Config

LEARNERS = ["mean", "ridge", "memory_clips", "lstm", "transformer", "memory_tbptt", "memory"]
MEASURES = ("pcc", "ccc", "mse")
ABLATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "modalities": {
        **{kind: {"use": [kind]} for kind in ("sound", "place", "motion", "faces")},
        "all": {},
    },
    "slots": {f"{slots} slots": {"memory": {"slots": slots}} for slots in (1, 2, 5, 10, 20)},
    "linear": {name: {"learner": name, "linear": False} for name in LEARNERS if name not in ("mean", "ridge")},
}


def measure(given: argparse.Namespace) -> Report:
    """Every learner (or every setting of an ablation) on every seed."""
    lake = make_lake(given.folder)
    settings: Mapping[str, Mapping[str, Any]] = ABLATIONS.get(
        given.ablation, {n: {"learner": n} for n in given.learners}
    )
    figures: list[Figure] = []
    for name, changes in settings.items():
        config = Config.model_validate(changes)
        sides = {side: read_side(given.folder, side, lake, MODEL, config, "affect") for side in SIDES}
        certain, outcomes = config.learner in ("mean", "ridge"), []
        for seed in range(1 if certain else given.repeat):
            began, folder = time.perf_counter(), given.folder / f"affect_{name.replace(' ', '_')}_{seed}"
            outcomes.append(learn_and_judge(MODEL, config, sides["train"], sides["test"], folder, seed))
            say(f"{name}, seed {seed}: PCC {outcomes[-1].interval}, {time.perf_counter() - began:.0f} s")
        figures += _figures(name, outcomes, given.ablation)
    return Report("affect", figures, [f"{len(sides['test'])} films scored, {len(sides['train'])} learned from"])


def _figures(name: str, outcomes: list[Outcome], ablation: str | None) -> list[Figure]:
    promised = 0.8 if name == "memory" and ablation is None else None
    figures = []
    for target in WIDE:
        for measure_name in MEASURES:
            values = [o.scores[f"{measure_name}_{target}"] for o in outcomes]
            wanted = promised if measure_name == "pcc" else None
            figures.append(Figure(f"{name}: {measure_name} {target}", values, at_least=wanted))
    figures.append(Figure(f"{name}: pcc, lower bound", [outcomes[0].interval.low]))
    figures.append(Figure(f"{name}: pcc, upper bound", [outcomes[0].interval.high]))
    return figures


if __name__ == "__main__":
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            ("--learners", {"nargs": "+", "default": LEARNERS, "choices": LEARNERS, "help": "which are measured"}),
            ("--ablation", {"choices": list(ABLATIONS), "help": "measure the memory network's settings instead"}),
        )
    )
