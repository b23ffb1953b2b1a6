"""A tuning: trials by cross-validation, the best trained and judged, nothing that ended made again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from learning._taught import Project

from cinelake.errors import TrainingFailed
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


def test_when_every_trial_fails_the_first_error_is_told() -> None:
    with pytest.raises(TrainingFailed, match="none of 1 trials.*no memory"):
        best_trial([Trial({}, status="failed", error="no memory")], "map")


def test_the_table_is_markdown_with_four_digits() -> None:
    assert markdown([{"n": 3, "map": 0.123456}]) == "| n | map |\n| --- | --- |\n| 3 | 0.1235 |\n"


def tune(project: Project, trials: int, events: list[dict[str, Any]]) -> TuningSummary:
    request = TuningRequest(project.load(), "loud", trials, workers=2)
    prepared = prepare_tuning(request, events.append)
    return tune_model(request, prepared, project.folder / ".cinelake", events.append)


def children(project: Project, run_id: str) -> list[Any]:
    client = connect(project.load().tracking.uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.`mlflow.parentRunId` = '{run_id}'"))


SPACE = "{loud: {space: {shift: {choice: [-60.0, 0.0, 60.0]}, epochs: {int: [1, 50]}}, trials: 6}}"


@pytest.mark.slow
def test_the_best_of_a_search_is_trained_recorded_and_judged(labelled: Project) -> None:
    labelled.write(SPACE)
    summary = tune(labelled, 6, [])
    assert summary.best["shift"] == 0.0 and summary.training is not None and summary.training.moved
    assert summary.trials[0]["accuracy"] == summary.best_score and len(summary.trials) == 6
    runs = children(labelled, summary.run_id)
    assert sorted(run.info.run_name.split()[0] for run in runs) == ["train", *["trial"] * 6]
    assert not (Path.home() / ".ray" / "auth_token").exists() and "RAY_AUTH_TOKEN" not in os.environ


@pytest.mark.slow
def test_a_longer_search_makes_only_the_trials_that_are_new(labelled: Project) -> None:
    labelled.write(SPACE)
    first = tune(labelled, 2, [])
    second = tune(labelled, 4, [])
    known = {row["trial"]: row for row in second.trials}
    assert all(known[row["trial"]] == row for row in first.trials)
    made = [run for run in children(labelled, second.run_id) if run.info.run_name.startswith("trial")]
    assert len(made) == 2
