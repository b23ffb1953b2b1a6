"""How well valence and arousal of drawn films never learned from are predicted, beside all simple methods.

  python -m benchmarks.affect --folder DIR                 24 films to learn from, 12 others to be scored on; five seeds
  python -m benchmarks.affect --learners memory ridge      some of the learners
  python -m benchmarks.affect --ablation modalities        one modality at a time, all but one, and all
  python -m benchmarks.affect --ablation slots             memories of 1 … 20 slots
  python -m benchmarks.affect --ablation linear            without the ridge regression that carries the first line

DIR keeps films, lake and what each learner predicted with each seed: an interrupted command is resumed by the same
command, and with other options it adds to the table. `--told` prints what is kept there and measures nothing.

Four of the 24 films say when to stop. Every learner but `mean` and `ridge` learns what a ridge regression of other
films leaves to learn, and is added to it; `--ablation linear` takes that away. Learners that know no chance (mean,
ridge) are taught once. Ablations of modalities and slots train one network instead of three, to be quicker. Intervals
(95 %) are a bootstrap over films of the seeds' mean; so are those of differences, in every draw on the same films.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_lake import SIDES, make_lake
from benchmarks._drawn_shots import learn_and_score, read_side
from benchmarks._kept import Kept, code_of
from benchmarks.figures import Figure, Report, run
from cinelake.learning.gate import Interval, draws
from cinelake.spec.arrays import Array
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores
from models.affect import MODEL
from models.affect.config import WIDE, Config
from models.affect.scores import concordance, pearson, summarise

LEARNERS = ["mean", "ridge", "memory_clips", "lstm", "transformer", "memory_tbptt", "memory"]
MEASURES: dict[str, Callable[[Array, Array], float]] = {
    "pcc": pearson,
    "ccc": concordance,
    "mse": lambda predicted, line: float(np.square(predicted - line).mean()),
}
KINDS = ("sound", "place", "motion", "faces")
Settings = Mapping[str, Mapping[str, Any]]
ABLATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "modalities": {
        "all": {"members": 1},
        **{f"{kind} alone": {"members": 1, "use": [kind]} for kind in KINDS},
        **{f"without {kind}": {"members": 1, "use": [k for k in KINDS if k != kind]} for kind in KINDS},
    },
    "slots": {f"{slots} slots": {"members": 1, "memory": {"slots": slots}} for slots in (10, 1, 2, 5, 20)},
    "linear": {name: {"learner": name, "linear": False} for name in LEARNERS if name not in ("mean", "ridge")},
}
REFERENCE = {"modalities": "all", "slots": "10 slots"}
"""What the settings of an ablation are compared with; learners are with `ridge`."""


def measure(given: argparse.Namespace) -> Report:
    """Every learner (or every setting of an ablation) on every seed."""
    cells = Kept(given.folder / "affect.json", code_of("affect"))
    settings: Settings = ABLATIONS.get(given.ablation, {name: {"learner": name} for name in given.learners})
    read = cache(partial(_read, given.folder))
    results = {
        name: _film_scores(cells, Config.model_validate(changes), given, read) for name, changes in settings.items()
    }
    results = {name: seeds for name, seeds in results.items() if seeds}
    reference = REFERENCE.get(given.ablation, "ridge")
    figures = [figure for name, seeds in results.items() for figure in _figures(name, seeds, given.ablation)]
    return Report(
        "affect",
        figures,
        [f"{SIDES['test'][0]} films scored, {SIDES['train'][0]} learned from", *_intervals(results, reference)],
    )


def _read(folder: Path) -> dict[str, list[Example]]:
    lake = make_lake(folder)
    return {side: read_side(folder, side, lake, MODEL, Config(), "affect") for side in SIDES}


def _film_scores(
    cells: Kept, config: Config, given: argparse.Namespace, read: Callable[[], Any]
) -> list[list[FilmScores]]:
    """What each film contributes to the scores, with each seed."""
    settings = json.dumps(config.model_dump(mode="json", exclude_defaults=True))
    certain = config.learner in ("mean", "ridge")
    names = {seed: f"{settings}, seed {seed}" for seed in range(1 if certain else given.repeat)}
    requested = {seed: name for seed, name in names.items() if name in cells or not given.told}
    kept = [cells.value(name, partial(_learned, config, given.folder, seed, read)) for seed, name in requested.items()]
    return [[{name: np.array(line) for name, line in film.items()} for film in films] for films in kept]


def _learned(config: Config, folder: Path, seed: int, read: Callable[[], Any]) -> list[dict[str, list[float]]]:
    sides = read()
    outcome = learn_and_score(MODEL, config, sides["train"], sides["test"], folder / "affect_training", seed)
    return [{name: np.round(line, 5).tolist() for name, line in film.items()} for film in outcome.film_scores]


def _figures(name: str, seeds: Sequence[Sequence[FilmScores]], ablation: str | None) -> list[Figure]:
    promised = {"pcc": 0.8} if name == "memory" and ablation is None else {}
    scores = [summarise(films) for films in seeds]
    return [
        Figure(f"{name}: {of} {target}", [of_seed[f"{of}_{target}"] for of_seed in scores], at_least=promised.get(of))
        for target in WIDE for of in MEASURES
    ]  # fmt: skip


# --- intervals


def _intervals(results: Mapping[str, Sequence[Sequence[FilmScores]]], reference: str) -> list[str]:
    """A sentence for each name and target: the measures with their intervals over films, and the difference of PCC."""
    drawn, rows = {name: scores_of_draws(seeds) for name, seeds in results.items()}, []
    for name, scores in drawn.items():
        for target in WIDE:
            parts = [f"{of.upper()} {_interval(scores[f'{of}_{target}'])}" for of in MEASURES]
            if reference in results and reference != name:
                gain = scores[f"pcc_{target}"] - drawn[reference][f"pcc_{target}"]
                parts.append(f"PCC − {reference} {_interval(gain)}")
            rows.append(f"{name}, {target}, seeds {len(results[name])}: " + ", ".join(parts))
    return rows


def scores_of_draws(seeds: Sequence[Sequence[FilmScores]]) -> dict[str, Array]:
    """Measure and target → the mean over the seeds, of all films and then of each draw of films."""
    films = len(seeds[0])
    rows, intervals = [np.arange(films), *draws(films, 0)], {}
    for target in WIDE:
        for of, measure in MEASURES.items():
            each = [[_measured(judged, row, target, measure) for judged in seeds] for row in rows]
            intervals[f"{of}_{target}"] = np.mean(each, axis=1)
    return intervals


def _measured(
    film_scores: Sequence[FilmScores], films: Array, target: str, measure: Callable[[Array, Array], float]
) -> float:
    line, predicted = (
        np.concatenate([film_scores[film][f"{side}_{target}"] for film in films]) for side in ("true", "said")
    )
    return measure(predicted, line)


def _interval(scores: Array) -> Interval:
    low, high = np.percentile(scores[1:], [2.5, 97.5])
    return Interval(float(scores[0]), float(low), float(high))


if __name__ == "__main__":
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            ("--learners", {"nargs": "+", "default": LEARNERS, "choices": LEARNERS, "help": "which are measured"}),
            ("--ablation", {"choices": list(ABLATIONS), "help": "measure the memory network's settings instead"}),
            ("--told", {"action": "store_true", "help": "print what is kept in the folder, measure nothing more"}),
        )
    )
