"""How well the emotional line of a real film is predicted: Forrest Gump (studyforrest), one run left out at a time.

  python -m benchmarks.studyforrest --real                     two ridges, the memory network, others
  python -m benchmarks.studyforrest --real --learners ridge    one of them
  python -m benchmarks.studyforrest --real --folder DIR        goes on where it was cut off, with what DIR keeps

Eighteen numbers a second of brightness, change and loudness; portrayed arousal and valence at 1 Hz, nulls left out. The
model learns from four runs, the one after the left-out run says when to stop; it is scored on the sixth. A PCC is that
of a run, the mean over runs counts; `plain` is a ridge regression on each second by itself, not smoothed. Intervals are
a bootstrap over runs (95 %) of the seeds' mean, and of differences to both ridges. `--told` prints what DIR keeps and
measures nothing. Needs studyforrest_1hz.parquet in the folder of real data (`CINELAKE_REAL_DATA`), which is not part of
this project.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks._kept import Kept, code_of
from benchmarks.figures import Figure, Report, run
from cinelake.errors import UsageError
from cinelake.lake.artefact import write_artefact
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.affect.config import Config
from models.affect.fitting import train
from models.affect.predict import predict, smoothed
from models.affect.scores import pearson

SHOWN = ("brmean", "brlr", "brud", "normdiff")
HEARD = ("rms", "lrdiff")
CLIP = 4
"""Rows, seconds, of a clip; its K steps are its seconds."""
TARGETS = ("arousal", "valence")
CONTEXTS_S = (0, 5, 15)
"""Each second's numbers as they are, and smoothed by Gaussians of these deviations, in seconds."""


def read_runs(path: Path, left_out: int | None = None) -> list[Example]:
    """The runs as films of 4-second clips. left_out: the run that does not say what is usual, since it is judged."""
    if not path.is_file():
        raise UsageError(f"{path} is missing: CINELAKE_REAL_DATA names the folder that has features/{path.name}")
    table = pq.read_table(path)
    names = sorted(set(table["movie_id"].to_pylist()))
    parts = [table.filter(pa.compute.equal(table["movie_id"], name)) for name in names]
    learned = pa.concat_tables(rows for place, rows in enumerate(parts) if place != left_out)
    return [_example(rows, name, learned) for rows, name in zip(parts, names, strict=True)]


def _example(rows: pa.Table, name: str, learned: pa.Table) -> Example:
    count = len(rows) // CLIP
    features: Arrays = {"time_s": np.arange(count) * float(CLIP), "end_s": np.arange(1, count + 1) * float(CLIP)}
    for kind, prefixes in (("motion", SHOWN), ("sound", HEARD)):
        own = [c for c in rows.column_names if c.split("_")[0] in prefixes]
        values, usual = (np.nan_to_num(np.stack([t[c].to_numpy() for c in own], axis=1)) for t in (rows, learned))
        values = _with_context(values, usual)
        features[kind] = values[: count * CLIP].reshape(count, CLIP, -1).astype(np.float32)
        features[f"{kind}_there"] = np.ones((count, CLIP), np.float32)
    values = np.stack([rows[t].to_numpy().astype(float) for t in TARGETS], axis=1)[: count * CLIP].reshape(
        count, CLIP, -1
    )
    is_rated = np.isfinite(values).all(axis=1)
    line = np.where(is_rated, np.nan_to_num(values).mean(axis=1), 0.0)
    return Example(name, name, features, {"line": line, "there": is_rated.astype(float), "known": is_rated.any(axis=1)})


def _with_context(values: Array, usual: Array, contexts_s: Sequence[float] = CONTEXTS_S) -> Array:
    """(T, numbers × contexts): the values, compressed where they are far out, and their surroundings' means.

    usual: (rows, numbers) of the runs that are learned from, whose median and spread count: a run's own would tell
    away how loud it is.
    """
    spread = np.median(abs(usual - np.median(usual, axis=0)), axis=0) + 1e-6
    even = np.arcsinh((values - np.median(usual, axis=0)) / spread)
    return np.hstack([smoothed(even, float(seconds)) for seconds in contexts_s])


def measure(given: argparse.Namespace) -> Report:
    """Each learner, each seed, each run left out."""
    if not given.real:
        raise UsageError("studyforrest is measured on real data only: add --real")
    file = given.real / "features" / "studyforrest_1hz.parquet"
    runs, cells = read_runs(file), Kept(given.folder / "studyforrest.json", code_of("affect"))
    results: dict[str, Array] = {"plain": plain_ridge(file)[None]}
    for name in given.learners:
        seeds = range(1 if name == "ridge" else given.repeat)
        kept = [_of_seed(cells, file, runs, name, given, seed) for seed in seeds]
        if whole := [scores for scores in kept if scores is not None]:
            results[name] = np.stack(whole)  # (seeds, runs, targets)
    return Report("studyforrest", _figures(results), [f"{len(runs)} runs, {sum(map(len, runs))} clips of {CLIP} s"])


def _of_seed(
    cells: Kept, file: Path, runs: Sequence[Example], learner: str, given: argparse.Namespace, seed: int
) -> Array | None:
    """(runs, targets) PCC of each run, by a model that learned from the others; None where only kept results are
    requested, and one is missing."""
    names = [f"{learner}, seed {seed}, {run.movie_id}" for run in runs]
    if given.told and not all(name in cells for name in names):
        return None
    return np.array([
        cells.value(name, partial(_left_out, file, number, learner, given.folder, seed))
        for number, name in enumerate(names)
    ])  # fmt: skip


def plain_ridge(path: Path) -> Array:
    """(runs, targets) PCC of a ridge regression on each second's eighteen numbers by themselves, nothing smoothed."""
    from sklearn.linear_model import RidgeCV

    rows = pq.read_table(path).to_pandas()
    shown = [c for c in rows.columns if c.split("_")[0] in SHOWN + HEARD]
    scores = []
    for name in sorted(rows["movie_id"].unique()):
        learned, test = rows[rows["movie_id"] != name], rows[rows["movie_id"] == name]
        mean, deviation = learned[shown].mean(), learned[shown].std()
        results = []
        for target in TARGETS:
            known, tested = learned[learned[target].notna()], test[test[target].notna()]
            fitted = RidgeCV(np.logspace(0, 5, 11)).fit((known[shown] - mean) / deviation, known[target])
            results.append(pearson(fitted.predict((tested[shown] - mean) / deviation), tested[target].to_numpy()))
        scores.append(results)
    return np.array(scores)


def _left_out(file: Path, number: int, learner: str, folder: Path, seed: int) -> list[float]:
    """PCC of each target in run `number`, by a model that learned from the others."""
    runs = read_runs(file, number)
    config, test, validation = config_for(learner), runs[number], runs[(number + 1) % len(runs)]
    others = [example for example in runs if example not in (test, validation)]
    own = folder / f"{learner}_{seed}_{number}"
    trained = train(others, [validation], config, Training(own / "training", seed, resume=False))
    line = predict(write_artefact(own / "artefact", "affect", config, trained), test.features)["line"]
    return [_pcc(test, line, target) for target in range(len(TARGETS))]


def config_for(learner: str) -> Config:
    """Settings that were chosen on these runs by leaving one out, and kept few."""
    return Config.model_validate(
        {"targets": TARGETS, "use": ("motion", "sound"), "clip_s": CLIP, "steps": CLIP, "components": 64, "smooth_s": 5,
         "learner": learner, "members": 2, "epochs": 30, "patience": 8,
         "memory": {"epochs": 20, "patience": 6, "dropout": 0.5, "films_at_once": 8, "rounds": 4, "kept": 64,
                    "discount": 0.95, "clip_vector": 16, "width": 8, "hidden": 32}}
    )  # fmt: skip


def _pcc(test: Example, line: Array, target: int) -> float:
    is_rated = test.targets["there"][:, target] > 0
    return pearson(line[is_rated, target].astype(float), test.targets["line"][is_rated, target])


def _figures(results: dict[str, Array]) -> list[Figure]:
    figures = []
    for target, name in enumerate(TARGETS):
        for learner, scores in results.items():
            means = scores[:, :, target].mean(axis=1)
            beats = 0.33 if learner == "memory" and name == "arousal" else None
            figures.append(Figure(f"{name}, {learner}: PCC", means.tolist(), at_least=beats))
            figures += _interval_figures(f"{name}, {learner}", scores.mean(axis=0)[:, target])
            for other in ("plain", "ridge"):
                if other in results and learner not in ("plain", other):
                    more = (scores.mean(axis=0) - results[other][0])[:, target]
                    figures += _interval_figures(f"{name}, {learner} − {other}", more)
    return figures


def _interval_figures(name: str, of_runs: Array) -> list[Figure]:
    low, high = interval(of_runs)
    return [Figure(f"{name}: lower bound over runs", [low]), Figure(f"{name}: upper bound", [high])]


def interval(values: Array, rounds: int = 2000) -> tuple[float, float]:
    """95 % of the means of runs drawn with replacement."""
    drawn = np.random.default_rng(0).choice(values, (rounds, len(values))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    data = Path(os.environ.get("CINELAKE_REAL_DATA", "../shared/data"))
    learners = ["ridge", "memory", "memory_tbptt", "lstm"]
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            (
                "--real",
                {"nargs": "?", "type": Path, "const": data, "metavar": "DIR", "help": "the folder of real data"},
            ),
            ("--learners", {"nargs": "+", "choices": learners, "default": learners, "help": "which are measured"}),
            ("--told", {"action": "store_true", "help": "print what is kept in the folder, measure nothing more"}),
            repeat=3,
        )
    )
