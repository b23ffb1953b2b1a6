"""Which learner of a model is trained: all that the budget allows, compared in blocks of films, the simple ones first.

The held-out films are never seen. Each learner is trained on all parts of the films but one, and scored on that one:
every film is scored once by each. A learner takes the place of a simpler one as a candidate takes a champion's: better
on the mean, and its lower bound not below −epsilon, in every draw on the same films.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cinelake.errors import CannotTrain, TrainingFailed
from cinelake.learning.candidate import Prepared, config_of, predict_all, score_films, scored, train_artefact
from cinelake.learning.gate import compare
from cinelake.learning.split import folds
from cinelake.manifest.document import ModelEntry
from cinelake.spec.markdown import as_cell
from cinelake.spec.model import FilmScores, Model
from cinelake.spec.task import Params
from cinelake.spec.training import Training
from cinelake.storage.files import write_whole

FOLDS = 3
STOPPING_PARTS = 6
"""One in so many of the films that are learned from decides when a training stops."""


@dataclass
class LearnerChoice:
    """The learner chosen, and a row a learner: its score, the seconds it took, what was said of it."""

    learner: str
    rows: list[dict[str, Any]] = field(default_factory=list)


def learner_of(spec: Model, config: Params) -> str:
    """The learner whose settings a configuration has, of several the one with the most; empty where it has none's, or
    the model has no learners.
    """
    settings = config.model_dump()
    known = [name for name, own in spec.learners.items() if own.items() <= settings.items()]
    return max(known, key=lambda name: len(spec.learners[name]), default="")


def choose_learner(
    prepared: Prepared, config: Params, seed: int, folder: Path, budget_s: float, say: Callable[[str], None]
) -> LearnerChoice:
    """Compare the learners, the simplest first; a choice that was made in `folder` before is read.

    Raises `TrainingFailed` where none can be trained.
    """
    kept = folder / "choice.json"
    if kept.is_file():
        return LearnerChoice(**json.loads(kept.read_text()))
    spec, began = prepared.entry.spec, time.monotonic()
    choice, best = LearnerChoice(""), None
    for name in spec.learners:
        started = time.monotonic()
        if best is not None and started - began > budget_s:
            choice.rows.append({"learner": name, "said": "not tried: the budget is spent"})
            say(f"learner {name}: not tried: the budget is spent (budget_minutes)")
            continue
        try:
            own = _scores_of(prepared, config_of(prepared.entry, name, config), seed, folder / name)
        except (CannotTrain, TrainingFailed) as error:
            choice.rows.append({"learner": name, "said": str(error)})
            say(f"learner {name}: left out: {error}")
            continue
        row = {"learner": name, spec.metric: float(spec.summarise(own)[spec.metric])}
        row["seconds"] = round(time.monotonic() - started, 1)
        row["said"], takes = _said(prepared.entry, own, best, choice.learner)
        if takes:
            choice.learner, best = name, own
        choice.rows.append(row)
        say(f"learner {name}: {spec.metric} {as_cell(row[spec.metric])} in cross-validation by film; {row['said']}")
    if best is None:
        raise TrainingFailed(f"no learner of {spec.name} could be trained: {choice.rows[0]['said']}")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(kept, json.dumps(asdict(choice)))
    return choice


def _said(entry: ModelEntry, own: list[FilmScores], best: list[FilmScores] | None, chosen: str) -> tuple[str, bool]:
    """How a learner compares with the best so far, in words, and whether it takes its place."""
    if best is None:
        return "the simplest", True
    over = compare(own, best, entry.spec.summarise, entry.spec.metric)
    takes = over.is_known and over.mean > 0 and over.low > -entry.settings.epsilon
    return f"{over} more than {chosen}: " + ("takes its place" if takes else f"{chosen} stays"), takes


def _scores_of(prepared: Prepared, config: Params, seed: int, folder: Path) -> list[FilmScores]:
    """Each film's scores by a training that did not learn from it."""
    spec, found = prepared.entry.spec, list[FilmScores]()
    for number, (learned, judged) in enumerate(folds((*prepared.split.train, *prepared.split.validation), FOLDS)):
        own, judged = folder / str(number), scored(judged)
        train, stop_by = folds(learned, STOPPING_PARTS)[0]
        artefact = train_artefact(prepared, config, Training(own, seed, final=False), own / "artefact", train, stop_by)
        found += score_films(spec, judged, predict_all(spec, artefact, judged), config)
    return found


def as_markdown(rows: list[Mapping[str, Any]]) -> str:
    """The comparison as a table."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([as_cell(row.get(name)) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
