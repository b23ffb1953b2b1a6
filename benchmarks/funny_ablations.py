"""What each choice that the publication leaves open is worth to the funny agent: one changed at a time, the rest kept.

  python -m benchmarks.funny_ablations --folder DIR               12 drawn films after learning from 24 others
  python -m benchmarks.funny_ablations --folder DIR --real DATA   utterances of FRIENDS, a fifth of the episodes apart
  python -m benchmarks.funny_ablations --only "γ = 0" --repeat 5  some of them, with five seeds

F1 at the threshold that is best on the validation films, and AUC, of films never seen; the validation films are not
learned from. α, G and H are explained in `models/funny/environment.py`. DIR keeps what was measured, cell by cell, and
an interrupted run is resumed. The drawn films are easy (AUC near 1), so that differences there are mostly chance,
which `--repeat` shows; FRIENDS tells more.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._friends import friends_config
from benchmarks._funny_learners import Sides, agent_alone, score_last_side
from benchmarks._kept import code_of, kept_for
from benchmarks.figures import Figure, Report, run
from benchmarks.sparse_labels import drawn_sides, friends_sides
from cinelake.spec.example import Example
from cinelake.spec.model import Scores
from models.funny import MODEL
from models.funny.config import Config
from models.funny.features import learn_scaling

PUBLISHED = {
    "both_actions": False, "vote_weight": 1.0, "show_labels": 1.0, "dropout": 0.0, "double": False, "context": 0,
    "gamma": 0.99, "remember_unlabelled": True,
}  # fmt: skip
BLIND = "without the embedding"
ABLATIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    BLIND: {},
    "without the affective vector": {"alpha": 1e-9, "vote_weight": 0.0},
    "α = 0.1": {"alpha": 0.1},
    "α = 1: the last action": {"alpha": 1.0},
    "G: labels always shown": {"show_labels": 1.0},
    "G: labels never shown": {"show_labels": 0.0},
    "H: no vote in the reward": {"vote_weight": 0.0},
    "H: the vote alone": {"vote_weight": 1.0},
    "H: rare class worth more": {"balance": 1.0},
    "unlabelled steps remembered": {"remember_unlabelled": True},
    "only the action taken": {"both_actions": False},
    "only the action taken, 4 steps": {"both_actions": False, "n_step": 4},
    "DQN, not double": {"double": False},
    "γ = 0": {"gamma": 0.0},
    "γ = 0.99": {"gamma": 0.99},
    "no dropout": {"dropout": 0.0},
    "no steps around": {"context": 0},
    "cross-entropy beside": {"supervision": 1.0},
    "as published, as far as it says": PUBLISHED,
}


def measure(given: argparse.Namespace) -> Report:
    """Every choice, once for each seed."""
    base = friends_config() if given.real else Config()
    cells = kept_for(given.folder, f"ablations_{'friends' if given.real else 'drawn'}", base, code_of("funny"))
    folder = given.folder / "ablation"
    results: dict[str, list[Scores]] = {}
    sides = friends_sides(given.real) if given.real else drawn_sides(given.folder, base)
    for seed in range(given.repeat):
        for name in given.only:
            config = base.model_copy(update=ABLATIONS[name])
            one = partial(trained, blinded(sides, config) if name == BLIND else sides, config, folder, seed)
            results.setdefault(name, []).append(cells.value(f"{name}, seed {seed}", one))
    figures = [Figure(f"{score}: {name}", [s[score] for s in each]) for name, each in results.items()
               for score in ("f1", "auc")]  # fmt: skip
    return Report("funny_ablations", figures, [f"{given.repeat} seeds; least and most are over these"])


def trained(sides: Sides, config: Config, folder: Path, seed: int) -> Scores:
    """Scores of an agent that has learned from the first side, on the third."""
    scaling = learn_scaling(sides[0], config)
    return MODEL.summarise(score_last_side(agent_alone(sides, scaling, config, folder, seed), sides))


def blinded(sides: Sides, config: Config) -> Sides:
    """Films of which nothing is seen but how many steps they have."""

    def blind(example: Example) -> Example:
        nothing = {kind: np.zeros_like(example.features[kind]) for kind in config.use}
        return replace(example, features={**example.features, **nothing})

    learn, stop, score = ([blind(example) for example in side] for side in sides)
    return learn, stop, score


if __name__ == "__main__":
    real = {"type": Path, "help": "folder with features/friends_utterances.parquet, or the file; default: drawn films"}
    only = {"nargs": "+", "choices": list(ABLATIONS), "default": list(ABLATIONS), "metavar": "NAME",
            "help": "choices to be changed (default: all)"}  # fmt: skip
    raise SystemExit(run(__doc__ or "", measure, ("--real", real), ("--only", only), repeat=1))
