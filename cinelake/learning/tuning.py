"""A tuning from a space to a judged version: trials searched and recorded, the best trained and put through the gate.

A tuning that was killed goes on in its own MLflow run; trials that ended are read from their files, also by a later
tuning of the same data with more trials.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cinelake.errors import TrainingFailed
from cinelake.keys import digest
from cinelake.learning.candidate import Prepared, prepare
from cinelake.learning.session import OnEvent, Request, TrainingSummary, train_model
from cinelake.learning.trial import FOLDS, Trial, TrialWork, trial_key, write_trial
from cinelake.manifest import Manifest, ModelEntry
from cinelake.search_space import as_ranges, check_space
from cinelake.tracking.runs import TrainingRecord


@dataclass(frozen=True)
class TuningRequest:
    """What is asked of a tuning. trials: instead of the manifest's. workers: trials at a time; else the processors."""

    manifest: Manifest
    model: str
    trials: int | None = None
    workers: int | None = None

    @property
    def entry(self) -> ModelEntry:
        """The model as the manifest has it."""
        return self.manifest.model(self.model)

    @property
    def space(self) -> Mapping[str, Mapping[str, Any]]:
        """What is searched: the manifest's space, else the model's own."""
        return as_ranges(self.entry.settings.space or self.entry.spec.space)

    @property
    def trial_count(self) -> int:
        """How many trials there will be."""
        return self.trials or self.entry.settings.trials


@dataclass
class TuningSummary:
    """What a tuning gave. trials: rows of settings, folds and mean scores, best first; those cut short come last."""

    model: str
    metric: str = ""
    run_id: str = ""
    trials: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    best_score: float | None = None
    training: TrainingSummary | None = None
    wall_s: float = 0.0
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """The summary for machines."""
        return asdict(self)


def prepare_tuning(request: TuningRequest, on_event: OnEvent) -> Prepared:
    """Check the space and gather the data. Raises `UsageError`, `CannotTrain` before any time is spent."""
    entry = request.entry
    check_space(entry.name, entry.config, request.space)
    return prepare(
        request.manifest,
        entry,
        on_film=lambda done, films, movie_id: on_event({"kind": "film", "done": done, "films": films, "is": movie_id}),
    )


def tune_model(request: TuningRequest, prepared: Prepared, state: Path, on_event: OnEvent) -> TuningSummary:
    """Search, record every trial as a child of the tuning's run, train the best and let the gate decide.

    state: the folder of what trainings and tunings remember. Raises `TrainingFailed` when no trial could be finished.
    """
    began, entry = time.monotonic(), request.entry
    folder = state / "tuning" / f"{entry.name}-{_key(request, prepared)}"
    folder.mkdir(parents=True, exist_ok=True)
    name = time.strftime(f"tune {entry.name} %Y-%m-%d %H:%M:%S")
    tags = {"cinelake.model": entry.name, "cinelake.kind": entry.spec.name}
    resumed = _run_of_before(folder)
    with TrainingRecord(request.manifest.tracking, name, tags=tags, resume_run_id=resumed) as record:
        (folder / "tuning.json").write_text(json.dumps({"run_id": record.run_id}))
        on_event({"kind": "tuning", "run_id": record.run_id, "trials": request.trial_count, "resumed": bool(resumed)})
        record.params({f"space.{setting}": json.dumps(dict(given)) for setting, given in request.space.items()})
        record.params({"trials": request.trial_count, "folds": FOLDS, "seed": entry.settings.seed})
        trials = _search(request, folder, record, on_event)
        summary = TuningSummary(entry.name, entry.spec.metric, record.run_id, rows(trials, entry.spec.metric))
        record.table("trials.csv", summary.trials)
        record.text("trials.md", markdown(summary.trials))
        best = best_trial(trials, entry.spec.metric)
        summary.best, summary.best_score = best.drawn, best.scores()[entry.spec.metric]
        record.metrics({f"best_{name}": value for name, value in best.scores().items()})
        on_event({"kind": "searched", "summary": summary})
        summary.training = _train_best(request, best, record.run_id, state, on_event)
    (folder / "tuning.json").unlink(missing_ok=True)
    summary.wall_s = time.monotonic() - began
    on_event({"kind": "tuned", "summary": summary})
    return summary


def _key(request: TuningRequest, prepared: Prepared) -> str:
    """What decides how a trial does; how many there are does not."""
    entry = request.entry
    space = {name: dict(given) for name, given in request.space.items()}
    return digest([prepared.key(entry.config, entry.settings.seed), space])[:16]


def _run_of_before(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "tuning.json").read_text())["run_id"])
    except (OSError, ValueError, KeyError):
        return None


def _search(request: TuningRequest, folder: Path, parent: TrainingRecord, on_event: OnEvent) -> list[Trial]:
    from cinelake.learning.ray_search import search

    entry, count = request.entry, request.trial_count
    work = TrialWork(request.manifest, entry, entry.settings.seed, folder)

    def hear(number: int, trial: Trial) -> None:
        if trial.ended and not trial.run_id:
            _record(request, work, number, trial, parent)
        score = trial.scores().get(entry.spec.metric)
        on_event({"kind": "trial", "number": number, "of": count, "trial": trial, "score": score})

    workers = min(count, request.workers or os.cpu_count() or 1)
    trials = search(work, request.space, count, workers, hear)
    for number, trial in enumerate(trials):
        if trial.ended and not trial.run_id:
            _record(request, work, number, trial, parent)
    return trials


def _record(request: TuningRequest, work: TrialWork, number: int, trial: Trial, parent: TrainingRecord) -> None:
    """A trial that ended becomes a child of the tuning's run: settings, epochs and scores of each fold.

    A recording that was cut off is taken up again, by the trial's key.
    """
    config = {**work.entry.config.model_dump(mode="json"), **trial.drawn}
    name, key = f"trial {number + 1}", trial_key(trial.drawn)
    tags = {"cinelake.model": work.entry.name, "cinelake.trial": trial.status, "cinelake.trial_key": key}
    begun = parent.child("cinelake.trial_key", key)
    tracking = request.manifest.tracking
    with TrainingRecord(tracking, name, tags=tags, parent=parent.run_id, resume_run_id=begun) as record:
        record.params({f"config.{setting}": value for setting, value in config.items()})
        for fold, epoch, metrics in trial.epochs:
            record.epoch(epoch, {f"fold_{fold + 1}_{metric}": value for metric, value in metrics.items()})
        for fold, scores in enumerate(trial.folds):
            record.epoch(fold, {f"fold_{score}": value for score, value in scores.items()})
        record.metrics({**trial.scores(), "wall_s": trial.wall_s})
        if trial.status == "failed":
            record.text("error.txt", trial.error)
            record.status = "FAILED"
    trial.run_id = record.run_id
    write_trial(work.folder, trial)


def best_trial(trials: Sequence[Trial], metric: str) -> Trial:
    """The finished trial with the greatest mean score. Raises `TrainingFailed`, with a trial's words, without one."""
    finished = [trial for trial in trials if trial.status == "finished" and metric in trial.scores()]
    if not finished:
        errors = [trial.error for trial in trials if trial.error]
        raise TrainingFailed(f"none of {len(trials)} trials could be finished: {errors[0] if errors else 'no error'}")
    return max(finished, key=lambda trial: trial.scores()[metric])


def rows(trials: Sequence[Trial], metric: str) -> list[dict[str, Any]]:
    """One row a trial: its number, settings, state, folds and mean scores, the metric first; the best trial first."""
    found = []
    for number, trial in enumerate(trials):
        scores = trial.scores()
        ordered = {metric: scores.get(metric), **{k: v for k, v in scores.items() if k != metric}}
        found.append({"trial": number + 1, **trial.drawn, **ordered, "folds": len(trial.folds), "state": trial.status})
    return sorted(found, key=lambda row: (row["state"] != "finished", -(row[metric] or 0.0)))


def markdown(table: Sequence[Mapping[str, Any]]) -> str:
    """A table as Markdown."""
    columns = list(dict.fromkeys(name for row in table for name in row))
    lines = [columns, ["---"] * len(columns), *([cell(row.get(name)) for name in columns] for row in table)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """A value as tables show it: four digits, nothing for none."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _train_best(request: TuningRequest, best: Trial, run_id: str, state: Path, on_event: OnEvent) -> TrainingSummary:
    """Train the best settings on all but the held-out films, as `train` does."""
    entry = request.entry
    config = type(entry.config).model_validate({**entry.config.model_dump(), **best.drawn})
    prepared = prepare(request.manifest, replace(entry, config=config))
    asked = Request(request.manifest, request.model, config=config, parent_run=run_id)
    return train_model(asked, prepared, state / "training", on_event)
