"""A tuning: trials by cross-validation, the best trained and judged, nothing that ended made again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from core.learning._taught import Project

from cinelake.errors import TrainingFailed, UsageError
from cinelake.events import Event
from cinelake.learning.trial import FOLDS, Trial, TrialWork, read_trial, write_trial
from cinelake.learning.tuning import (
    TuningRequest,
    TuningSummary,
    best_trial,
    markdown,
    prepare_tuning,
    rows,
    tune_model,
)
from cinelake.tracking.store import connect


@pytest.fixture
def work(labelled: Project, tmp_path: Path) -> TrialWork:
    """What trials share."""
    manifest = labelled.load()
    return TrialWork(manifest, manifest.model("loud"), 0, tmp_path / "trials")


def ended(score: float, status: str = "finished", **drawn: Any) -> Trial:
    return Trial(drawn, [{"map": score, "f1": score / 2}] * FOLDS, status)


def test_a_trial_is_scored_once_on_each_fold(work: TrialWork) -> None:
    told: list[int] = []
    trial = work.run({"shift": 0.0}, lambda known: told.append(len(known.folds)))
    assert (trial.status, told) == ("finished", [1, 2, 3])
    assert trial.scores()["accuracy"] > 0.7


def test_a_trial_knows_nothing_of_the_held_out_films(work: TrialWork, labelled: Project) -> None:
    sides = prepare_tuning(TuningRequest(work.manifest, "loud"), lambda _: None).split.films()
    labelled.label(sides["train"] + sides["validation"], into="odd")
    labelled.label(sides["test"], wrong=True, into="odd")
    labelled.write("{loud: {labels: odd}}")
    odd = replace(work, manifest=labelled.load(), entry=labelled.load().model("loud"), folder=work.folder / "odd")
    assert odd.run({"shift": 1.0}, lambda _: None).folds == work.run({"shift": 1.0}, lambda _: None).folds


def test_an_ended_trial_is_read_not_made_again(work: TrialWork) -> None:
    write_trial(work.folder, Trial({"shift": 0.5}, [{"accuracy": 0.125}] * FOLDS, "finished"))
    told: list[float] = []
    work.run({"shift": 0.5}, lambda known: told.append(known.scores()["accuracy"]))
    assert told == [0.125] * FOLDS


def test_a_trial_that_was_killed_goes_on_with_its_next_fold(work: TrialWork) -> None:
    write_trial(work.folder, Trial({"shift": 0.0}, [{"accuracy": 0.125}] * 2))
    trial = work.run({"shift": 0.0}, lambda _: None)
    assert [fold["accuracy"] == 0.125 for fold in trial.folds] == [True, True, False]


def test_a_fold_without_a_known_step_is_left_out(work: TrialWork) -> None:
    def targets(labels: Any, given: Any, config: Any) -> Any:
        found = work.entry.spec.targets(labels, given, config)
        return found | {"known": found["known"] & (labels["start_s"][0].as_py() != 3.0)}

    names = [f"film_{n:02d}" for n in range(12) if n not in (0, 5, 10)]
    settings = work.entry.settings.model_copy(update={"held_out": names})
    entry = replace(work.entry, spec=replace(work.entry.spec, targets=targets), settings=settings)
    trial = replace(work, entry=entry).run({"shift": 0.0}, lambda _: None)
    assert (trial.status, len(trial.folds)) == ("finished", 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("learner: plain", "'plain', which sets shift, and the tuning's space searches the same"),
        ("learner: auto, space: {epochs: {int: [1, 2]}}", "name it there, one of deaf, plain"),
    ],
)
def test_a_learner_that_the_search_would_contradict_is_refused(labelled: Project, settings: str, words: str) -> None:
    labelled.write(f"{{loud: {{{settings}}}}}")
    with pytest.raises(UsageError, match=words):
        prepare_tuning(TuningRequest(labelled.load(), "loud"), lambda _: None)


def test_trials_are_made_with_the_learner_of_the_manifest(labelled: Project, tmp_path: Path) -> None:
    labelled.write("{loud: {learner: deaf, space: {epochs: {int: [1, 2]}}}}")
    manifest = labelled.load()
    deaf = TrialWork(manifest, manifest.model("loud"), 0, tmp_path).run({"epochs": 1}, lambda _: None).scores()
    labelled.write()
    plain = TrialWork(labelled.load(), labelled.load().model("loud"), 0, tmp_path / "plain").run(
        {"epochs": 1}, lambda _: None
    )
    assert deaf["accuracy"] < plain.scores()["accuracy"]
    assert TuningRequest(manifest, "loud").entry.config.model_dump()["shift"] == 60.0


def test_a_class_that_one_fold_lacks_does_not_spoil_the_mean() -> None:
    trial = Trial({}, [{"map": 0.5, "f1_rain": 1.0}, {"map": 0.7}, {"map": 0.6, "f1_rain": float("nan")}])
    assert trial.scores() == pytest.approx({"map": 0.6, "f1_rain": 1.0})


def test_a_trial_whose_configuration_is_refused_fails_with_its_words(work: TrialWork) -> None:
    trial = work.run({"shift": "wide"}, lambda _: None)
    assert trial.status == "failed" and "shift" in trial.error
    assert read_trial(work.folder, {"shift": "wide"}).ended


def test_trials_are_listed_best_first_and_those_cut_short_last() -> None:
    table = rows([ended(0.2, n=1), ended(0.9, "stopped", n=2), ended(0.7, n=3)], "map")
    assert [row["trial"] for row in table] == [3, 1, 2]
    assert list(table[0]) == ["trial", "n", "map", "f1", "folds", "state"]


def test_a_trial_that_was_stopped_is_never_the_best() -> None:
    assert best_trial([ended(0.2, n=1), ended(0.9, "stopped", n=2)], "map").drawn == {"n": 1}


def test_of_equal_trials_the_settings_in_force_are_the_best() -> None:
    assert best_trial([ended(0.7, n=1), ended(0.7, n=2)], "map", {"n": 2}).drawn == {"n": 2}


def test_when_every_trial_fails_the_first_error_is_told() -> None:
    with pytest.raises(TrainingFailed, match=r"none of 1 trials.*no memory"):
        best_trial([Trial({}, status="failed", error="no memory")], "map")


def test_the_table_is_markdown_with_four_digits() -> None:
    assert markdown([{"n": 3, "map": 0.123456}]) == "| n | map |\n| --- | --- |\n| 3 | 0.1235 |\n"


def tune(project: Project, trials: int, events: list[Event]) -> TuningSummary:
    lock = threading.RLock()  # as a progress bar has one

    def hear(event: Event) -> None:
        with lock:
            events.append(event)

    request = TuningRequest(project.load(), "loud", trials, workers=2)
    prepared = prepare_tuning(request, hear)
    return tune_model(request, prepared, project.folder / ".cinelake", hear)


def children(project: Project, run_id: str) -> list[Any]:
    client = connect(project.load().tracking.uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`mlflow.parentRunId` = '{run_id}'"))


SPACE = "{loud: {space: {shift: {choice: [-60.0, 0.0, 60.0]}, epochs: {int: [1, 50]}}, trials: 6}}"


@pytest.mark.slow
def test_the_best_of_a_search_is_trained_recorded_and_judged(
    labelled: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled.write(SPACE)
    monkeypatch.setenv("PYTHONPATH", f"{os.environ['PYTHONPATH']}{os.pathsep}{tmp_path / 'site'}")
    summary = tune(labelled, 6, [])
    assert next(row for row in summary.trials if row["trial"] == 1)["epochs"] == 3  # the settings in force
    assert summary.best_score is not None and summary.best_score >= (summary.in_force_score or 1.0)
    assert summary.best["shift"] == 0.0 and summary.training is not None and summary.training.moved
    assert summary.trials[0]["accuracy"] == summary.best_score and len(summary.trials) == 6
    runs = children(labelled, summary.run_id)
    assert sorted(run.info.run_name.split()[0] for run in runs) == ["train", *["trial"] * 6]
    assert not (Path.home() / ".ray" / "auth_token").exists() and "RAY_AUTH_TOKEN" not in os.environ


TUNE = """
import sys
from pathlib import Path
from cinelake.learning.tuning import TuningRequest, prepare_tuning, tune_model
from cinelake.manifest.document import load_manifest
manifest = load_manifest(Path(sys.argv[1]) / "pipeline.yaml")
request = TuningRequest(manifest, "loud", int(sys.argv[2]), workers=2)
tune_model(request, prepare_tuning(request, print), Path(sys.argv[1]) / ".cinelake", print)
"""
SLOWLY = "{loud: {config: {pause_s: 0.3}, space: {shift: {uniform: [-5.0, 5.0]}}}}"


@pytest.fixture
def start(labelled: Project, tmp_path: Path) -> Callable[[int], subprocess.Popen[bytes]]:
    """Starts a slow tuning in a process of its own: `start(trials)`."""
    labelled.write(SLOWLY)
    environment = {**os.environ, "PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{tmp_path / 'site'}"}

    def begin(trials: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", TUNE, str(labelled.folder), str(trials)], env=environment)

    return begin


def finished(project: Project, at_least: int = 0) -> dict[str, float]:
    """File → time spent, of the trials that are finished, once there are so many."""
    deadline = time.monotonic() + 90
    while True:
        paths = (project.folder / ".cinelake" / "tuning").glob("*/*.json")
        known = {path.name: json.loads(path.read_text()) for path in paths if path.name != "tuning.json"}
        found = {name: trial["wall_s"] for name, trial in known.items() if trial["status"] == "finished"}
        if len(found) >= at_least or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


@pytest.mark.slow
def test_a_killed_tuning_goes_on_without_repeating_finished_trials(
    labelled: Project, start: Callable[[int], subprocess.Popen[bytes]]
) -> None:
    killed = start(4)
    finished(labelled, at_least=2)
    everything = psutil.Process(killed.pid).children(recursive=True)
    workers = [
        process for process in everything if "Agent" not in process.name()
    ]  # Ray's own, idle, end a minute later
    killed.kill()
    killed.wait()
    assert psutil.wait_procs(workers, timeout=90)[1] == []
    before, run_id = finished(labelled), run_of(labelled)
    assert start(5).wait(120) == 0
    after, runs = finished(labelled), children(labelled, run_id)
    assert len(before) >= 2 and {name: after[name] for name in before} == before
    assert len([run for run in runs if run.info.run_name.startswith("trial")]) == 5


@pytest.mark.slow
def test_ctrl_c_ends_a_tuning_and_everything_it_started(
    labelled: Project, start: Callable[[int], subprocess.Popen[bytes]]
) -> None:
    stopped = start(4)
    finished(labelled, at_least=1)
    workers = psutil.Process(stopped.pid).children(recursive=True)
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(90) != 0
    assert psutil.wait_procs(workers, timeout=90)[1] == []
    status = connect(labelled.load().tracking.uri).get_run(run_of(labelled)).info.status
    assert status == "KILLED"


def run_of(project: Project) -> str:
    """The MLflow run of the tuning that was cut off."""
    (note,) = (project.folder / ".cinelake" / "tuning").glob("*/tuning.json")
    return str(json.loads(note.read_text())["run_id"])
