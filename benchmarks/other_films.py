"""How well each system does on films of another kind than those it learned from, beside trivial and simple learners.

  python -m benchmarks.other_films --real DIR                        scenes, funny, affect; every learner, five seeds
  python -m benchmarks.other_films --real DIR --systems scenes       one of them
  python -m benchmarks.other_films --real DIR --learners logistic    some learners; --repeat 1: one seed
  python -m benchmarks.other_films --real DIR --folder STATE         goes on where it was cut off

    scenes   15 films of OVSD in three kinds, by how they look: two kinds are learned from, the third is scored. The
             file does not name the films, so kinds are clusters of their mean features, which no label enters
    funny    utterances of FRIENDS: four of five parts of the episodes are learned from, the fifth is scored
    affect   Forrest Gump (studyforrest): five runs are learned from, the sixth is scored. Runs of one film are no
             films of another kind: read the bounds as such

One film in six of those that are learned from decides when to stop. Each film is scored once, by a model that saw none
of its kind. Intervals are a bootstrap over films (95 %) of the first seed; so are those of the differences to the
simplest learner, in every draw on the same films. Learners that know no chance are trained once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ovsd, studyforrest
from benchmarks._friends import friends_config, read_episodes
from benchmarks._kept import Kept, code_of
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.artefact import write_artefact
from cinelake.learning.gate import bootstrap, compare
from cinelake.learning.split import folds
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Model
from cinelake.spec.task import Params
from cinelake.spec.training import Training
from models import affect, funny, scenes

KINDS, PARTS, STOPPING_PARTS = 3, 5, 6
CERTAIN = ("logistic", "ridge")
"""Learners that know no chance."""
METRICS = {"scenes": ("map", "f1"), "funny": ("auc", "f1"), "affect": ("pcc_arousal", "pcc_valence", "mse_arousal")}
TARGETS = {("scenes", "map"): 0.48, ("scenes", "f1"): 0.48}
"""What the best learner is held against."""


@dataclass(frozen=True)
class System:
    """A model on films. kinds: which films are left out together. read(kind): the films, where they depend on that."""

    model: Model
    config: Params
    kinds: list[list[int]]
    read: Callable[[list[int]], Sequence[Example]]


def scenes_system(real: Path) -> System:
    """Films of OVSD in kinds."""
    films = ovsd.read_films(real / "features" / "ovsd_shots.parquet")
    return System(scenes.MODEL, ovsd.CONFIG, kinds_of(films), lambda _: films)


def kinds_of(films: Sequence[Example]) -> list[list[int]]:
    """Places of the films of each kind: clusters by the means of their features (average linkage, cosine)."""
    from sklearn.cluster import AgglomerativeClustering

    looks = np.stack([_looks_of(film) for film in films])
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    found = AgglomerativeClustering(KINDS, metric="cosine", linkage="average").fit_predict(looks - looks.mean(axis=0))
    return [np.flatnonzero(found == kind).tolist() for kind in range(KINDS)]


def _looks_of(film: Example) -> Any:
    place, colour = film.features["place"], film.features["colour"]
    return np.concatenate([np.sqrt(np.abs(place)).mean(axis=0), 2 * colour.mean(axis=0)])


def funny_system(real: Path) -> System:
    """Episodes of FRIENDS, every fifth left out together."""
    episodes = read_episodes(real)
    kinds = [list(range(part, len(episodes), PARTS)) for part in range(PARTS)]
    return System(funny.MODEL, friends_config(), kinds, lambda _: episodes)


def affect_system(real: Path) -> System:
    """Runs of one film, each left out in turn; what is usual is learned from the others."""
    file = real / "features" / "studyforrest_1hz.parquet"
    kinds = [[number] for number in range(len(studyforrest.read_runs(file)))]
    config = studyforrest.config_for("ridge")
    return System(affect.MODEL, config, kinds, lambda kind: studyforrest.read_runs(file, kind[0]))


SYSTEMS: Mapping[str, Callable[[Path], System]] = {
    "scenes": scenes_system,
    "funny": funny_system,
    "affect": affect_system,
}


def measure(given: argparse.Namespace) -> Report:
    """Every system, every learner, every seed."""
    figures: list[Figure] = []
    material: list[str] = []
    for name in given.systems:
        cells, system = Kept(given.folder / f"{name}.json", code_of(name)), SYSTEMS[name](given.real)
        learners = [n for n in system.model.learners if not given.learners or n in given.learners]
        found: dict[str, list[list[FilmScores]]] = {"trivial": [_trivial(system)]}
        for learner in learners:
            seeds = range(1 if learner in CERTAIN else given.repeat)
            found[learner] = [
                _as_arrays(
                    cells.value(f"{learner}, seed {seed}", partial(_as_lists, system, learner, seed, given.folder))
                )
                for seed in seeds
            ]
            say(f"{name}, {learner}: {system.model.summarise(found[learner][0])}")
        figures += _figures(name, system.model, found)
        material.append(f"{name}: {len(found['trivial'][0])} films, left out in {len(system.kinds)} parts")
    return Report("other_films", figures, material)


def _trivial(system: System) -> list[FilmScores]:
    """The trivial predictor that knows the labels of the films that are learned from."""
    scores: dict[int, FilmScores] = {}
    for kind in system.kinds:
        films = system.read(kind)
        guess = system.model.baseline([f for place, f in enumerate(films) if place not in kind], system.config)
        for place in kind:
            scores[place] = _scored(system, films[place], guess(films[place].features))
    return [scores[place] for place in sorted(scores)]


def _scored(system: System, film: Example, prediction: Any) -> FilmScores:
    return system.model.score_film(film.features, film.targets, prediction, system.config)


def left_out_scores(system: System, learner: str, seed: int, folder: Path) -> list[FilmScores]:
    """Each film's scores by a model that learned from films of other kinds."""
    settings = {**system.config.model_dump(), **system.model.learners[learner]}
    config, scores = type(system.config).model_validate(settings), dict[int, FilmScores]()
    for number, kind in enumerate(system.kinds):
        films = system.read(kind)
        learned, stop_by = folds([f for place, f in enumerate(films) if place not in kind], STOPPING_PARTS)[0]
        own = folder / f"{system.model.name}-{learner}-{seed}-{number}"
        trained = system.model.train(learned, stop_by, config, Training(own, seed, resume=False))
        artefact = write_artefact(own / "artefact", system.model.name, config, trained)
        for place in kind:
            scores[place] = _scored(system, films[place], system.model.predict(artefact, films[place].features))
    return [scores[place] for place in sorted(scores)]


def _as_lists(system: System, learner: str, seed: int, folder: Path) -> list[dict[str, Any]]:
    films = left_out_scores(system, learner, seed, folder)
    return [{name: np.asarray(values).tolist() for name, values in film.items()} for film in films]


def _as_arrays(films: Sequence[Mapping[str, Any]]) -> list[FilmScores]:
    return [{name: np.array(values) for name, values in film.items()} for film in films]


def _figures(name: str, model: Model, found: Mapping[str, list[list[FilmScores]]]) -> list[Figure]:
    figures = []
    simplest = next((learner for learner in model.learners if learner in found), "trivial")
    for metric in METRICS[name]:
        best = max((n for n in found if n != "trivial"), key=lambda n: _median(model, found[n], metric), default="")
        for learner, seeds in found.items():
            target = TARGETS.get((name, metric)) if learner == best else None
            values = [model.summarise(films)[metric] for films in seeds]
            bounds = bootstrap(seeds[0], model.summarise, metric)
            label = f"{name}, {learner}: {metric}"
            figures.append(Figure(label, values, at_least=target))
            figures += [Figure(f"{label}, 95 % from", [bounds.low]), Figure(f"{label}, to", [bounds.high])]
            if learner not in ("trivial", simplest):
                over = compare(seeds[0], found[simplest][0], model.summarise, metric)
                figures += [Figure(f"{label}, more than {simplest}: {end}", [value]) for end, value in
                            (("mean", over.mean), ("from", over.low), ("to", over.high))]  # fmt: skip
    return figures


def _median(model: Model, seeds: Sequence[list[FilmScores]], metric: str) -> float:
    return float(np.median([model.summarise(films)[metric] for films in seeds]))


if __name__ == "__main__":
    names = sorted({learner for module in (scenes, funny, affect) for learner in module.MODEL.learners})
    raise SystemExit(
        run(
            __doc__ or "",
            measure,
            ("--real", {"type": Path, "required": True, "help": "the folder of real data"}),
            ("--systems", {"nargs": "+", "choices": list(SYSTEMS), "default": list(SYSTEMS), "help": "default: all"}),
            ("--learners", {"nargs": "+", "choices": names, "default": [], "help": "default: all of each system"}),
        )
    )
