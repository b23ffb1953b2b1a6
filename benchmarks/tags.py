"""How well tags of shots are predicted on drawn films that the model never saw: macro-F1 over the tags that occur.

  python -m benchmarks.tags                        24 films to learn from, 12 others to be scored on
  python -m benchmarks.tags --folder DIR           keeps films and lake in DIR for the next time
  python -m benchmarks.tags --repeat 3             with three seeds
  python -m benchmarks.tags --each                 also precision, recall and F1 of each tag

The configuration is the default one, as `cinelake train tags` has it where the manifest makes shot_features, sound and
faces; only the vocabulary is that of the drawn films. Beside it stand the trivial predictor (every tag
everywhere), a network in place of the kernel (one hidden layer), and the default head on the middle picture's embedding
alone, as the paper has it. MAP and MAR compare each film's tags with those its labels hold. The interval is a bootstrap
over films (95 %).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import learn_and_score, read_side
from benchmarks.figures import Figure, Report, run, say
from models.tags import MODEL
from models.tags.config import Config

MLP: dict[str, Any] = {"head": "mlp", "hidden": 512, "l2": 1e-3, "learning_rate": 5e-4, "epochs": 60, "patience": None}
"""A network in place of the kernel, as it stands in a manifest under `models: {tags: {config: …}}`."""


def default_config(**given: Any) -> Config:
    """The defaults with the drawn films' vocabulary, where every table is present."""
    return MODEL.settle(Config(vocabulary=tuple(drawn_vocabulary()), **given), lambda table: True)


def drawn_vocabulary() -> list[str]:
    """All tags that drawn films can have."""
    from examples.kinds import ACTION_TAGS, KINDS, PLACE_TAGS

    tags = {tag for kind in KINDS.values() for tag in kind.tags} | {
        tag for tags in ACTION_TAGS.values() for tag in tags
    }
    return sorted(tags | set(PLACE_TAGS.values()) | {"dialogue", "night", "rain"})


def measure(given: argparse.Namespace) -> Report:
    """Train and score, once for each seed."""
    lake = make_lake(given.folder)
    config, network, alone = default_config(), default_config(**MLP), default_config(use=("picture",), context=0)
    sides = {side: read_side(given.folder, side, lake, MODEL, config, "tags") for side in SIDES}
    plain = {side: read_side(given.folder, side, lake, MODEL, alone, "tags") for side in SIDES}
    outcomes, networks, pictures, seconds = [], [], [], []
    for seed in range(given.repeat):
        began, folder = time.perf_counter(), Path(given.folder) / f"tags_{seed}"
        outcomes.append(learn_and_score(MODEL, config, sides["train"], sides["test"], folder, seed))
        seconds.append(time.perf_counter() - began)
        networks.append(learn_and_score(MODEL, network, sides["train"], sides["test"], folder / "network", seed))
        pictures.append(learn_and_score(MODEL, alone, plain["train"], plain["test"], folder / "picture", seed))
        say(f"seed {seed}: macro-F1 {outcomes[-1].interval}, over the baseline {outcomes[-1].gain}")
    if given.each:
        _say_each(outcomes[0])
    names = (
        "macro_precision",
        "macro_recall",
        "micro_f1",
        "film_precision",
        "film_recall",
        "film_f1",
        "tags_that_occur",
    )
    figures = [
        Figure("macro-F1", [o.scores["macro_f1"] for o in outcomes], at_least=0.85),
        Figure("macro-F1, lower bound", [o.interval.low for o in outcomes]),
        Figure("macro-F1, upper bound", [o.interval.high for o in outcomes]),
        Figure("trivial baseline, macro-F1", [o.baseline["macro_f1"] for o in outcomes]),
        Figure("trivial baseline, film_f1", [o.baseline["film_f1"] for o in outcomes]),
        Figure("gain over it, lower bound", [o.gain.low for o in outcomes]),
        Figure("a network (mlp), macro-F1", [o.scores["macro_f1"] for o in networks]),
        Figure("the middle picture alone, macro-F1", [o.scores["macro_f1"] for o in pictures]),
        *(Figure(name, [o.scores[name] for o in outcomes]) for name in names),
        Figure("training and judging", seconds, "s"),
    ]
    return Report("tags", figures, [f"drawn films, seeds {SIDES['train'][1]} and {SIDES['test'][1]}: 24 and 12"])


def _say_each(outcome: Any) -> None:
    from models.tags.scores import tag_f1

    for tag, (precision, recall, f1) in zip(drawn_vocabulary(), tag_f1(outcome.film_scores), strict=True):
        if f"f1_{tag}" in outcome.scores:
            say(f"  {tag:<16} precision {precision:.2f}  recall {recall:.2f}  F1 {f1:.2f}")


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, ("--each", {"action": "store_true", "help": "each tag"}), repeat=1))
