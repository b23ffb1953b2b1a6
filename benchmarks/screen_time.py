"""How well screen time is measured on drawn films that the model never saw, at two pictures a second.

  python -m benchmarks.screen_time                       24 films to learn from, 12 others to be scored on
  python -m benchmarks.screen_time --folder DIR          keeps films and lake in DIR for the next time
  python -m benchmarks.screen_time --head linear         another head, see `models/characters`

Screen time is what the tables say: `characters` trained on labels once a second, `appearances` with its spans,
`screen_time` with its sums. The error is |predicted − true| / true; the true seconds are counted by frames while
drawing. It is reported for every character over all films that were scored, and beside it for every character of every
film: there a single shot of three seconds may be half of the total. Beside it stands the trivial predictor: who is most
often seen, in every frame. The intervals are bootstraps over films (1,000 draws, 95 %).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_characters import Drawn, read_side
from benchmarks._drawn_lake import PICTURES, SIDES, make_lake
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.learning.images import MemoryTable
from cinelake.learning.split import place
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.task import Film, TableReader, find_task
from cinelake.spec.training import Training
from models.characters import MODEL
from models.characters.config import Config
from models.characters.simple import by_majority

VALIDATION = 4
"""Films that the checkpoint is chosen by."""
Seconds = dict[str, float]


def trained(examples: Sequence[Example], config: Config, folder: Path, seed: int) -> Artefact:
    """The model, from labels once a second."""
    ordered = sorted(examples, key=lambda example: place(example.group))

    def report(epoch: int, metrics: Mapping[str, float]) -> None:
        if epoch % 10 == 0:
            say(f"epoch {epoch}: " + ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))

    training = Training(folder / "training", seed, report, resume=False)
    weights = MODEL.train(ordered[VALIDATION:], ordered[:VALIDATION], config, training)
    return write_artefact(folder / "artefact", MODEL.name, config, weights)


def seconds_found(artefact: Artefact, lake: Lake, movie_id: str) -> Seconds:
    """Character → seconds, by the tasks `appearances` and `screen_time`."""
    import pyarrow as pa

    film = Film(movie_id)
    tables: dict[str, TableReader] = {}
    for name in ("shots", "films", *MODEL.reads(artefact.config)):
        tables[name] = lake.reader(name, movie_id)
    for name, learned in (("appearances", [artefact]), ("screen_time", [])):
        spec = find_task(name)
        batches = list(spec.make(spec.params(), film, *learned).run(tables)) or [spec.contract.empty()]
        tables[name] = MemoryTable(pa.Table.from_batches(batches))
    rows = tables["screen_time"].read(["character", "seconds"])
    return dict(zip(rows["character"].to_pylist(), rows["seconds"].to_pylist(), strict=True))


def always(who: str, true_s: Mapping[str, Seconds], durations_s: Mapping[str, float]) -> dict[str, Seconds]:
    """What the trivial predictor says of every film."""
    return {movie_id: dict.fromkeys(who.split("\n") if who else [], durations_s[movie_id]) for movie_id in true_s}


def errors(predicted: Mapping[str, Seconds], true_s: Mapping[str, Seconds], films: Sequence[str]) -> list[float]:
    """|predicted − true| / true of every character of these films."""
    return [
        abs(predicted[movie_id].get(name, 0.0) - true) / true
        for movie_id in films
        for name, true in true_s[movie_id].items()
    ]


def errors_of_cast(predicted: Mapping[str, Seconds], true_s: Mapping[str, Seconds], films: Sequence[str]) -> Seconds:
    """The same of every character's sum over these films."""
    cast = sorted({name for movie_id in films for name in true_s[movie_id]})
    sums = {name: [sum(side[film].get(name, 0.0) for film in films) for side in (predicted, true_s)] for name in cast}
    return {name: abs(one - true) / true for name, (one, true) in sums.items()}


def interval(
    value: Callable[[Sequence[str]], float], films: Sequence[str], draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % of a figure over films drawn with replacement."""
    rng = np.random.default_rng(seed)
    drawn_values = [value([films[i] for i in rng.integers(len(films), size=len(films))]) for _ in range(draws)]
    return float(np.quantile(drawn_values, 0.025)), float(np.quantile(drawn_values, 0.975))


def frame_scores(artefact: Artefact, test: Drawn) -> dict[str, float]:
    """Accuracy and F1 over frames with a label."""
    config = artefact.config
    film_scores = [
        MODEL.score_film(e.features, e.targets, MODEL.predict(artefact, e.features), config) for e in test.examples
    ]
    return MODEL.summarise(film_scores)


def measure(given: argparse.Namespace) -> Report:
    """Draw, train, measure the screen time of the others."""
    drawn = {"train": (given.train, SIDES["train"][1]), "test": (given.test, given.seed)}
    lake, config = make_lake(given.folder, drawn, PICTURES), Config(head=given.head)
    sides = {side: read_side(given.folder, side, lake, *drawn[side], config) for side in drawn}
    test, started = sides["test"], time.perf_counter()
    artefact = trained(sides["train"].examples, config, given.folder / f"model-{given.head}", given.model_seed)
    minutes = (time.perf_counter() - started) / 60
    predicted = {movie_id: seconds_found(artefact, lake, movie_id) for movie_id in test.true_s}
    durations_s = {m: lake.reader("films", m).read(["duration_s"])["duration_s"][0].as_py() for m in test.true_s}
    who = str(by_majority(sides["train"].examples, config)({"time_s": np.zeros(1)})["character"][0])
    trivial = always(who, test.true_s, durations_s)
    return Report(
        "screen_time", *summary(predicted, trivial, test, {**frame_scores(artefact, test), "minutes": minutes})
    )


def summary(
    predicted: Mapping[str, Seconds], trivial: Mapping[str, Seconds], test: Drawn, scores: Mapping[str, float]
) -> tuple[list[Figure], list[str]]:
    """Figures and sentences."""
    films = sorted(test.true_s)
    each, of_cast = errors(predicted, test.true_s, films), errors_of_cast(predicted, test.true_s, films)
    alone, alone_of_cast = errors(trivial, test.true_s, films), errors_of_cast(trivial, test.true_s, films)
    figures = [
        Figure("screen time, median error of a character", [float(np.median([*of_cast.values()]))], at_most=0.05),
        Figure("screen time, worst error of a character", [max(of_cast.values())], at_most=0.15),
        Figure("trivial predictor, median error of a character", [float(np.median([*alone_of_cast.values()]))]),
        Figure("trivial predictor, worst error of a character", [max(alone_of_cast.values())]),
        Figure("median error of a character in one film", [float(np.median(each))]),
        Figure("worst error of a character in one film", [max(each)]),
        Figure("share of characters in single films within 15 %", [float(np.mean(np.array(each) <= 0.15))]),
        Figure("trivial predictor, median error of a character in one film", [float(np.median(alone))]),
        Figure("frames with exactly those who are there", [scores["accuracy"]]),
        Figure("F1, mean over characters", [scores["f1"]]),
        Figure("training", [scores["minutes"]], "min"),
    ]
    bounds = {
        "median error of a character": lambda drawn: np.median(
            [*errors_of_cast(predicted, test.true_s, drawn).values()]
        ),
        "worst error of a character": lambda drawn: max(errors_of_cast(predicted, test.true_s, drawn).values()),
        "median error of a character in one film": lambda drawn: np.median(errors(predicted, test.true_s, drawn)),
    }
    intervals = {name: interval(value, films) for name, value in bounds.items()}
    cast = ", ".join(f"{name} {value:.3f}" for name, value in of_cast.items())
    off = sorted(zip(each, [f"{n} in {m}" for m in films for n in test.true_s[m]], strict=True), reverse=True)[:5]
    return figures, [
        *(f"{name}: 95 % of bootstraps over films {low:.3f} … {high:.3f}" for name, (low, high) in intervals.items()),
        f"error over the {len(films)} films: {cast}",
        "farthest off in one film: " + "; ".join(f"{name} {value:.2f}" for value, name in off),
    ]


def main() -> int:
    """The command."""
    heads: Any = ["auto", "regions", "linear", "seed"]
    return run(
        __doc__ or "",
        measure,
        ("--train", {"type": int, "default": 24, "help": "films to learn from (default: %(default)s)"}),
        ("--test", {"type": int, "default": 12, "help": "films to be scored on (default: %(default)s)"}),
        ("--seed", {"type": int, "default": SIDES["test"][1], "help": "the catalogue to be scored on"}),
        ("--head", {"choices": heads, "default": "auto", "help": "(default: %(default)s)"}),
        ("--model-seed", {"type": int, "default": 0, "help": "another seed, another training (default: %(default)s)"}),
        repeat=1,
    )


if __name__ == "__main__":
    raise SystemExit(main())
