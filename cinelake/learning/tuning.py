"""A tuning from a space to a judged version: trials searched and recorded, the best trained and put through the gate.

A tuning that was killed resumes in its own MLflow run; trials that ended are read from their files, also by a later
tuning of the same data with more trials.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cinelake.engines.dispatch import Dispatcher, in_process
from cinelake.errors import TrainingFailed, UsageError
from cinelake.events import FilmGathered, OnEvent, SearchEnded, TrialMoved, TuningBegan
from cinelake.learning.candidate import AUTO, Prepared, prepare, with_learner
from cinelake.learning.jobs import TrainingJob
from cinelake.learning.recorded import datasets_of
from cinelake.learning.request import TrainingRequest, TrainingSummary
from cinelake.learning.session import recorded_run
from cinelake.learning.trial import FOLDS, Trial, TrialWork, trial_key, write_trial
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.space import as_ranges, check_space
from cinelake.spec.task import Resources
from cinelake.storage.content import digest
from cinelake.tracking.experiments import Experiment, gate_metric
from cinelake.tracking.runs import TrainingRecord


@dataclass(frozen=True)
class TuningRequest:
    """What a tuning is to do. trials: instead of the manifest's. workers: trials at a time; by default as many as
    the processors, or the Ray cluster, carry; elsewhere with GPUs, and on Dask, one."""

    manifest: Manifest
    model: str
    trials: int | None = None
    workers: int | None = None

    @property
    def entry(self) -> ModelEntry:
        """The model as the manifest has it, with the settings of its learner."""
        return with_learner(self.manifest.model(self.model))

    @property
    def space(self) -> Mapping[str, Mapping[str, Any]]:
        """What is searched: the manifest's space, else the model's own."""
        return as_ranges(self.entry.settings.space or self.entry.spec.space)

    @property
    def in_force(self) -> dict[str, Any]:
        """The settings that are searched, as they are today: the first trial."""
        today = self.entry.config.model_dump(mode="json")
        return {name: today[name] for name in self.space}

    @property
    def trial_count(self) -> int:
        """How many trials there will be."""
        return self.trials or self.entry.settings.trials

    @property
    def needs(self) -> dict[str, Resources]:
        """What an engine must be able to carry, by name: one training, and the trials that share a worker."""
        search = SearchJob(self, Path(), "")
        return {f"model {self.model}": self.entry.resources, f"the tuning of {self.model}": search.resources}

    def key(self, prepared: Prepared) -> str:
        """A hash of what decides how a trial does; how many there are does not."""
        space = {name: dict(given) for name, given in self.space.items()}
        return digest([prepared.key(self.entry.config, self.entry.settings.seed), space])[:16]


@dataclass
class TuningSummary:
    """A tuning's result. trials: rows of settings, folds and mean scores, best first; those cut short come last.

    in_force: the settings that were there before, and how they scored by the same folds: the best is never below.
    """

    model: str
    metric: str = ""
    run_id: str = ""
    trials: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    best_score: float | None = None
    in_force: dict[str, Any] = field(default_factory=dict)
    in_force_score: float | None = None
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
    check_learner(entry, request.space)
    return prepare(
        request.manifest,
        entry,
        on_film=lambda done, films, movie_id: on_event(FilmGathered(done, films, movie_id)),
    )


def check_learner(entry: ModelEntry, space: Mapping[str, Any]) -> None:
    """Raise `UsageError` where the learner sets what is searched, or is only found when a training begins."""
    learner, name = entry.settings.learner, entry.name
    if learner == AUTO:
        raise UsageError(
            f"models.{name}.learner is 'auto', and a tuning searches the settings of one learner: name it there, "
            f"one of {', '.join(entry.spec.learners)}"
        )
    if settled := sorted(set(entry.spec.learners.get(learner or "", {})) & set(space)):
        raise UsageError(
            f"models.{name}.learner is {learner!r}, which sets {', '.join(settled)}, and the tuning's space searches "
            f"the same: leave out `learner`, or name another space under `models.{name}.space`"
        )


def tune_model(
    request: TuningRequest, prepared: Prepared, state: Path, on_event: OnEvent, dispatcher: Dispatcher | None = None
) -> TuningSummary:
    """Search, record every trial as a child of the tuning's run, train the best and let the gate decide.

    state: the folder of what trainings and tunings remember. dispatcher: where search and training run; by default in
    this process. Raises `TrainingFailed` when no trial could be finished.
    """
    dispatcher = dispatcher or in_process(on_event)
    began, entry = time.monotonic(), request.entry
    folder = state / "tuning" / f"{entry.name}-{request.key(prepared)}"
    folder.mkdir(parents=True, exist_ok=True)
    name = time.strftime(f"tune {entry.name} %Y-%m-%d %H:%M:%S")
    tags = {"cinelake.model": entry.name, "cinelake.kind": entry.spec.name}
    resumed = recorded_run(folder / "tuning.json")
    kept_in = Experiment(entry.name, entry.spec.metric)
    tracking = request.manifest.tracking
    with TrainingRecord(tracking, name, experiment=kept_in, tags=tags, resume_run_id=resumed) as record:
        (folder / "tuning.json").write_text(json.dumps({"run_id": record.run_id}))
        on_event(TuningBegan(record.run_id, request.trial_count, bool(resumed)))
        record.params({f"space.{setting}": json.dumps(dict(given)) for setting, given in request.space.items()})
        words = f"Searches the best configuration of `{entry.name}` in {request.trial_count} trials, each scored by"
        record.describe(f"{words} {FOLDS} folds of films; the best is trained and put through the gate.")
        record.datasets(datasets_of(prepared, str(request.manifest.labels)))
        record.params({"trials": request.trial_count, "folds": FOLDS, "seed": entry.settings.seed})
        trials = dispatcher(SearchJob(request, folder, record.run_id))
        summary = TuningSummary(entry.name, entry.spec.metric, record.run_id, rows(trials, entry.spec.metric))
        record.table("trials.csv", summary.trials)
        record.text("trials.md", markdown(summary.trials))
        best = best_trial(trials, entry.spec.metric, request.in_force)
        summary.best, summary.best_score = best.drawn, best.scores()[entry.spec.metric]
        summary.in_force, summary.in_force_score = request.in_force, trials[0].scores().get(entry.spec.metric)
        record.metrics({gate_metric(entry.spec.metric): summary.best_score})
        record.metrics({f"best/{name}": value for name, value in best.scores().items()})
        drawn = json.dumps(best.drawn)
        record.describe(f"{words} {FOLDS} folds of films. Best {entry.spec.metric} {summary.best_score:.3f}: {drawn}.")
        on_event(SearchEnded())
        summary.training = dispatcher(_training_of(request, best, record.run_id, state))
    (folder / "tuning.json").unlink(missing_ok=True)
    summary.wall_s = time.monotonic() - began
    return summary


def _training_of(request: TuningRequest, best: Trial, run_id: str, state: Path) -> TrainingJob:
    """Train the best settings on all but the held-out films, as `train` does."""
    config = type(request.entry.config).model_validate({**request.entry.config.model_dump(), **best.drawn})
    training = TrainingRequest(request.manifest, request.model, config=config, parent_run=run_id)
    return TrainingJob(training, state / "training")


@dataclass(frozen=True)
class SearchJob:
    """Make a tuning's trials. `folder`: of their files; `run_id`: the tuning's run in MLflow.

    On a Ray cluster the trials themselves are placed there, each with the model's resources, and this job only looks
    on; elsewhere they share what this job keeps.
    """

    request: TuningRequest
    folder: Path
    run_id: str

    @property
    def what(self) -> str:
        """What it is, for errors."""
        return f"the search of {self.request.model}"

    @property
    def resources(self) -> Resources:
        """Those of all trials that are made at the same time; none on Ray."""
        if self.request.manifest.engine.kind == "ray":
            return Resources(cpus=0.0)
        each, trials = self.request.entry.resources, self.at_once or 1
        return Resources(trials * each.processors, trials * each.gpus, trials * each.memory_gb)

    @property
    def at_once(self) -> int | None:
        """How many trials are made at the same time; None: as many as there is room for."""
        kind, gpus = self.request.manifest.engine.kind, self.request.entry.resources.gpus
        return self.request.workers or (1 if kind == "dask" or (gpus and kind != "ray") else None)

    def limit_s(self) -> float:
        """No limit."""
        return 0.0

    def run(self, on_event: OnEvent) -> list[Trial]:
        """Search; trials that ended are recorded as children of the tuning's run."""
        from cinelake.learning.ray_search import search

        request, entry = self.request, self.request.entry
        work = TrialWork(request.manifest, entry, entry.settings.seed, self.folder)
        parent = TrainingRecord(request.manifest.tracking, "", resume_run_id=self.run_id)

        def record_and_emit(number: int, trial: Trial) -> None:
            if trial.ended and not trial.run_id:
                _record(request, work, number, trial, parent)
            score = trial.scores().get(entry.spec.metric)
            on_event(TrialMoved(number, request.trial_count, trial.status, trial.drawn, trial.error[:500], score))

        space, count, in_force = request.space, request.trial_count, request.in_force
        trials = search(work, space, count, self.at_once, record_and_emit, in_force)
        for number, trial in enumerate(trials):
            if trial.ended and not trial.run_id:
                _record(request, work, number, trial, parent)
        return trials

    def sweep(self) -> None:
        """Trials that ended are kept; the next attempt resumes from there."""


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
        scores, metric = trial.scores(), work.entry.spec.metric
        if metric in scores:
            record.metrics({gate_metric(metric): scores[metric]})
            record.describe(f"{metric} {scores[metric]:.3f} over {len(trial.folds)} folds: {json.dumps(trial.drawn)}")
        record.metrics({**scores, "wall_s": trial.wall_s})
        if trial.status == "failed":
            record.text("error.txt", trial.error)
            record.status = "FAILED"
    trial.run_id = record.run_id
    write_trial(work.folder, trial)


def best_trial(trials: Sequence[Trial], metric: str, in_force: Mapping[str, Any] | None = None) -> Trial:
    """The finished trial with the greatest mean score; of equal ones that of the settings in force.

    Raises `TrainingFailed`, with a trial's error, without one.
    """
    finished = [trial for trial in trials if trial.status == "finished" and metric in trial.scores()]
    if not finished:
        errors = [trial.error for trial in trials if trial.error]
        raise TrainingFailed(f"none of {len(trials)} trials could be finished: {errors[0] if errors else 'no error'}")
    return max(finished, key=lambda trial: (trial.scores()[metric], trial.drawn == in_force))


def rows(trials: Sequence[Trial], metric: str) -> list[dict[str, Any]]:
    """One row a trial: its number, settings, state, folds and mean scores, the metric first; the best trial first."""
    table = []
    for number, trial in enumerate(trials):
        scores = trial.scores()
        ordered = {metric: scores.get(metric), **{k: v for k, v in scores.items() if k != metric}}
        table.append({"trial": number + 1, **trial.drawn, **ordered, "folds": len(trial.folds), "state": trial.status})
    return sorted(table, key=lambda row: (row["state"] != "finished", -(row[metric] or 0.0)))


def markdown(table: Sequence[Mapping[str, Any]]) -> str:
    """A table as Markdown."""
    columns = list(dict.fromkeys(name for row in table for name in row))
    lines = [columns, ["---"] * len(columns), *([cell(row.get(name)) for name in columns] for row in table)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """A value as tables show it: four digits, nothing for none."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
