"""Two drawn catalogues in one lake, and how well a model of shots does on the one after learning from the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.learning.gate import Interval, bootstrap, compare
from cinelake.learning.images import MemoryTable
from cinelake.learning.split import place
from cinelake.spec.arrays import Arrays
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Model, Scores
from cinelake.spec.task import Film, Params, TableReader, find_task
from cinelake.spec.training import Training

VALIDATION = 4
"""Films of the training side that say when to stop; they are learned from afterwards."""


@dataclass(frozen=True)
class TrainingOutcome:
    """A trained model on films it never saw. interval: of its score; gain: over the baseline."""

    artefact: Artefact
    predictions: tuple[Arrays, ...]
    film_scores: tuple[FilmScores, ...]
    scores: Scores
    baseline: Scores
    interval: Interval
    gain: Interval


def tables_of(lake: Lake, movie_id: str, names: Sequence[str]) -> dict[str, TableReader]:
    """A film's tables; `shot_features` is made of the others."""
    wanted = dict.fromkeys(name for name in names if name != "shot_features")
    tables: dict[str, TableReader] = {name: lake.reader(name, movie_id) for name in wanted}
    if "shot_features" in names:
        spec = find_task("shot_features")
        inputs = {name: lake.reader(name, movie_id) for name in spec.inputs(spec.params())}
        batches = list(spec.make(spec.params(), Film(movie_id)).run(inputs))
        tables["shot_features"] = MemoryTable(pa.Table.from_batches(batches))
    return tables


def read_side(folder: Path, side: str, lake: Lake, model: Model, config: Params, labels: str) -> list[Example]:
    """The films of one side with their labels."""
    contract, path = model.labels, folder / side / "labels"
    table = pa_csv.read_csv(path / f"{labels}.csv", convert_options=pa_csv.ConvertOptions(strings_can_be_null=True))
    columns = [table[f.name].cast(f.type) if f.name in table.column_names else pa.nulls(len(table), f.type)
               for f in contract.schema]  # fmt: skip
    table = pa.table(columns, schema=contract.schema)
    examples = []
    for movie_id in pa_csv.read_csv(path / "films.csv")["movie_id"].to_pylist():
        features = model.features(tables_of(lake, movie_id, model.reads(config)), config)
        own = table.filter(pc.equal(table["movie_id"], movie_id))
        examples.append(Example(movie_id, movie_id, features, model.targets(own, features, config)))
    return examples


def learn_and_score(
    model: Model, config: Params, train: Sequence[Example], test: Sequence[Example], folder: Path, seed: int
) -> TrainingOutcome:
    """Train on one side, judge on the other."""
    ordered = sorted(train, key=lambda example: place(example.group))
    training = Training(folder / "training", seed, resume=False)
    trained = model.train(ordered[VALIDATION:], ordered[:VALIDATION], config, training)
    artefact = write_artefact(folder / "artefact", model.name, config, trained)
    scored = [example for example in test if example.targets["known"].any()]
    predictions = tuple(model.predict(artefact, example.features) for example in scored)
    guess = model.baseline(train, config)
    ours, theirs = (
        tuple(model.score_film(e.features, e.targets, p, config) for e, p in zip(scored, predicted, strict=True))
        for predicted in (predictions, [guess(e.features) for e in scored])
    )
    return TrainingOutcome(
        artefact,
        predictions,
        ours,
        model.summarise(ours),
        model.summarise(theirs),
        bootstrap(ours, model.summarise, model.metric),
        compare(ours, theirs, model.summarise, model.metric),
    )
