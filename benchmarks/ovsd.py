"""How well scenes are found in real films: OVSD, cross-validated by film, beside logistic regression and chance.

  python -m benchmarks.ovsd --real DIR              DIR/features/ovsd_shots.parquet
  python -m benchmarks.ovsd --real FILE --folds 5
  python -m benchmarks.ovsd --real FILE --network wavenet

The file has one row per shot: movie_id, shot, start_frame, end_frame (inclusive), vgg19 (512 averaged activations), hsv
(a histogram of 256 colours) and scene_ends_here. The films are those of the Open Video Scene Detection dataset (Rotman,
Porat and Ashour, "Optimal Sequential Grouping for Robust Video Scene Detection Using Multiple Modalities", 2017). Each
film is scored by a network that never saw it; the score is the mean over films of the average precision. The logistic
regression looks at the cosines between the shots before and after the boundary and at their features.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.artefact import write_artefact
from cinelake.learning.gate import bootstrap, compare
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores
from cinelake.spec.training import Training
from models.scenes import MODEL
from models.scenes.config import Config
from models.scenes.networks import BUILDERS

FPS = 25.0
"""The file knows no times: frames stand for them at this rate."""
CONFIG = Config(use=("place", "colour"))


def read_films(file: Path) -> list[Example]:
    """The films of the file as examples: place is the network's activations, colour the histogram's square root."""
    table = pq.read_table(file)
    return [
        _film(table.filter(pc.equal(table["movie_id"], name)), name)
        for name in pc.unique(table["movie_id"]).to_pylist()
    ]


def _film(rows: pa.Table, movie_id: str) -> Example:
    start, end = rows["start_frame"].to_numpy(), rows["end_frame"].to_numpy() + 1
    features: Arrays = {
        "shot": rows["shot"].to_numpy(),
        "time_s": start / FPS,
        "end_s": end / FPS,
        "start_frame": start,
        "end_frame": end,
        "place": np.stack(rows["vgg19"].to_numpy()).astype(np.float32),
        "colour": np.sqrt(np.maximum(np.stack(rows["hsv"].to_numpy()), 0)).astype(np.float32),
    }
    begins = np.append(False, rows["scene_ends_here"].to_numpy()[:-1].astype(bool))
    return Example(movie_id, movie_id, features, {"boundary": begins, "known": np.arange(len(start)) > 0})


def folds_of(films: Sequence[Example], count: int) -> list[list[int]]:
    """Places of the films that are left out together: every `count`-th; 0: each alone."""
    count = min(count or len(films), len(films))
    return [list(range(fold, len(films), count)) for fold in range(count)]


def cross_validate(
    films: Sequence[Example], folds: Sequence[Sequence[int]], folder: Path, seed: int, config: Config
) -> list[FilmScores]:
    """Each film's scores by a network that was trained on the films of the other folds."""
    film_scores: dict[int, FilmScores] = {}
    for number, left_out in enumerate(folds):
        say(f"fold {number + 1} of {len(folds)}")
        train = [film for place, film in enumerate(films) if place not in left_out]
        training = Training(folder / f"fitting-{seed}-{number}", seed, resume=False)
        trained = MODEL.train(train, [], config, training)
        artefact = write_artefact(folder / f"artefact-{seed}-{number}", "scenes", config, trained)
        for place in left_out:
            film_scores[place] = _scored(films[place], MODEL.predict(artefact, films[place].features))
    return [film_scores[place] for place in range(len(films))]


def _scored(film: Example, prediction: Arrays) -> FilmScores:
    return MODEL.score_film(film.features, film.targets, prediction, CONFIG)


def logistic(films: Sequence[Example], folds: Sequence[Sequence[int]]) -> list[FilmScores]:
    """The same by logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    film_scores: dict[int, FilmScores] = {}
    inputs = [_plain_inputs(film) for film in films]
    for left_out in folds:
        learned = [place for place in range(len(films)) if place not in left_out]
        x = np.concatenate([inputs[place][1:] for place in learned])
        y = np.concatenate([films[place].targets["boundary"][1:] for place in learned])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.001, class_weight="balanced", max_iter=500))
        model.fit(x, y)
        for place in left_out:
            probability = model.predict_proba(inputs[place])[:, 1].astype(np.float32)
            film_scores[place] = _scored(films[place], {"probability": probability})
    return [film_scores[place] for place in range(len(films))]


def _plain_inputs(film: Example) -> Array:
    """(T, n) cosines of each shot with the four before it, and of their means, in both kinds; no learning."""
    parts = []
    for kind in CONFIG.use:
        unit = film.features[kind] / np.maximum(np.linalg.norm(film.features[kind], axis=1, keepdims=True), 1e-9)
        for lag in (1, 2, 3, 4):
            before = np.concatenate([unit[:1].repeat(lag, axis=0), unit[:-lag]])
            after = np.concatenate([unit[lag - 1 :], unit[-1:].repeat(lag - 1, axis=0)])
            parts += [(unit * before).sum(axis=1), (after * before).sum(axis=1)]
    return np.stack(parts, axis=1)


def measure(given: argparse.Namespace) -> Report:
    """Cross-validate once per seed."""
    file = given.real if given.real.is_file() else given.real / "features" / "ovsd_shots.parquet"
    films = read_films(file)
    folds = folds_of(films, given.folds)
    config = CONFIG.model_copy(update={"network": given.network})
    rounds = [cross_validate(films, folds, given.folder, seed, config) for seed in range(given.repeat)]
    plain = logistic(films, folds)
    guess = MODEL.baseline(films, CONFIG)
    chance = [_scored(film, guess(film.features)) for film in films]
    scores = [MODEL.summarise(film_scores) for film_scores in rounds]
    others = [("logistic regression", plain), ("chance, no boundary", chance)]
    interval, gain = bootstrap(rounds[0], MODEL.summarise, "map"), compare(rounds[0], chance, MODEL.summarise, "map")
    figures = [Figure("mAP", [result["map"] for result in scores], at_least=0.5)]
    figures += [Figure(f"mAP, {name}", [MODEL.summarise(judged)["map"]]) for name, judged in others]
    for name in ("miou", "f1", "recall_3s"):
        figures.append(Figure(name, [result[name] for result in scores]))
        figures.append(Figure(f"{name}, no boundary", [MODEL.summarise(chance)[name]]))
    shots = sum(len(film) for film in films)
    by_film = [MODEL.summarise([film_scores])["map"] for film_scores in rounds[0]]
    material = [
        f"{len(films)} films, {shots} shots, {len(folds)} folds by film; network {given.network}",
        f"mAP of seed 0 with 95% interval over films: {interval}; gain over chance: {gain}",
        "AP by film: " + ", ".join(f"{film.movie_id} {ap:.2f}" for film, ap in zip(films, by_film, strict=True)),
    ]
    return Report("ovsd", figures, material)


if __name__ == "__main__":
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            (
                "--real",
                {"type": Path, "required": True, "help": "folder with features/ovsd_shots.parquet, or the file"},
            ),
            ("--folds", {"type": int, "default": 0, "help": "folds by film (default: one per film)"}),
            (
                "--network",
                {"default": CONFIG.network, "choices": ["logistic", *sorted(BUILDERS)], "help": "default: %(default)s"},
            ),
            repeat=1,
        )
    )
