"""Would more labels help? A simple learner's score on the held-out films, taught by ever larger parts of the labels."""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import CannotTrain, TrainingFailed
from cinelake.lake.cells import Lake
from cinelake.learning.candidate import (
    Prepared,
    config_of,
    predict_all,
    prepare,
    score_films,
    score_guess,
    scored,
    train_artefact,
)
from cinelake.learning.comparison import ComparedVersion, find_side
from cinelake.learning.dataset import known_steps
from cinelake.learning.diagnosis import CURVE
from cinelake.learning.gate import bootstrap
from cinelake.learning.split import MIN_GROUPS, place
from cinelake.manifest.document import Manifest
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores
from cinelake.spec.task import Params
from cinelake.spec.training import Training

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""Of the films that are learned from, or of their steps where these are few; each part holds the smaller ones."""


def learning_curve(
    prepared: Prepared,
    config: Params,
    seed: int,
    budget_s: float,
    say: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """A row a part of the labels: learner, share, steps, film_count, mean, low, high, seconds; or `said`.

    The learner is the model's first simple predictor, else the first of its learners, else the model itself. What the
    budget does not reach is not tried, the smaller parts first; bounds are over held-out films.
    """
    spec, began, rows = prepared.entry.spec, time.monotonic(), list[dict[str, Any]]()
    learner = simplest(prepared)
    for share in SHARES:
        part = portion(prepared.split.train, share)
        films = len({example.movie_id for example in part})
        row: dict[str, Any] = {"learner": learner, "share": share, "steps": known_steps(part), "film_count": films}
        started = time.monotonic()
        if not row["steps"]:
            rows.append({**row, "mean": None, "said": "not tried, nothing in it is labelled"})
            continue
        if started - began > budget_s:
            rows.append({**row, "mean": None, "said": "not tried, the budget is spent"})
            continue
        try:
            own = _scores_by(prepared, part, config, seed)
        except (CannotTrain, TrainingFailed) as error:
            rows.append({**row, "mean": None, "said": str(error)})
            continue
        bounds = bootstrap(own, spec.summarise, spec.metric, least=spec.least)
        if math.isnan(bounds.mean):
            rows.append({**row, "mean": None, "said": f"{spec.metric} is undefined on what is held out"})
            continue
        rows.append({**row, **bounds.to_json(), "seconds": round(time.monotonic() - started, 1)})
        say(f"{learner}, {row['steps']} labelled steps of {films} films: {spec.metric} {bounds}")
    return rows


def curve_of_version(
    manifest: Manifest, name: str, reference: str, say: Callable[[str], None] = lambda _: None
) -> tuple[ComparedVersion, list[dict[str, Any]]]:
    """The curve of today's labels by a version's settings, within the model's `budget_minutes`; kept beside its run.

    Raises what `find_side` and `prepare` do, `CannotTrain` where nothing is held out, and `StorageError` where MLflow
    cannot be written.
    """
    from cinelake.tracking.registry import keep_text

    entry = manifest.model(name)
    side, artefact = find_side(manifest, Lake(manifest.lake.place), name, reference)
    settings = entry.settings.model_copy(update={"learner": None})  # the version's own are in its configuration
    prepared = prepare(manifest, replace(entry, config=artefact.config, settings=settings))
    if prepared.all_films:
        raise CannotTrain(
            f"{name}: the labels are too few to hold any out, and a curve is of scores on what is held out: label more"
        )
    rows = learning_curve(prepared, artefact.config, entry.settings.seed, 60 * entry.settings.budget_minutes, say)
    keep_text(manifest.tracking, side.run_id, CURVE, json.dumps(rows, ensure_ascii=False))
    return side, rows


def simplest(prepared: Prepared) -> str:
    """The learner that a curve is drawn with."""
    spec = prepared.entry.spec
    return next(iter(spec.simple), None) or next(iter(spec.learners), None) or "the model itself"


def _scores_by(prepared: Prepared, part: Sequence[Example], config: Params, seed: int) -> tuple[FilmScores, ...]:
    spec, test = prepared.entry.spec, scored(prepared.split.test)
    for make in list(spec.simple.values())[:1]:
        return score_guess(spec, make(part, config), test, config)
    if spec.learners:
        config = config_of(prepared.entry, next(iter(spec.learners)), config)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        training = Training(folder, seed, final=False)
        artefact = train_artefact(prepared, config, training, folder / "artefact", part)
        return score_films(spec, test, predict_all(spec, artefact, test), config)


def portion(examples: Sequence[Example], share: float) -> tuple[Example, ...]:
    """So large a part of the films, whole groups in the order of their hashes; of fewer than `MIN_GROUPS` groups the
    beginning of each film, of stills every so many."""
    groups = sorted({example.group for example in examples}, key=place)
    if len(groups) >= MIN_GROUPS:
        kept = set(groups[: max(1, math.ceil(share * len(groups)))])
        return tuple(example for example in examples if example.group in kept)
    parts = [_beginning(example, share) for example in examples]
    return tuple(part for part in parts if len(part))


def _beginning(example: Example, share: float) -> Example:
    steps = math.ceil(share * len(example))
    if example.in_time:
        return example.steps(0, steps)
    return example.chosen(np.sort(np.random.default_rng(0).permutation(len(example))[:steps]))
