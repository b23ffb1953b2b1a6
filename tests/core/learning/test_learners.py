"""Which learner is trained: as the manifest names it, or the best of those that the budget allows."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from core._toy_model import MODEL, Config
from core.learning._taught import Project

from cinelake.errors import CannotTrain, TrainingFailed, UnknownName
from cinelake.events import EvaluationBegan, Event
from cinelake.learning.candidate import with_learner
from cinelake.learning.jobs import TrainingJob
from cinelake.learning.learners import LearnerChoice, as_markdown, choose_learner, learner_of
from cinelake.learning.request import TrainingRequest, prepare_request
from cinelake.learning.session import train_model
from cinelake.storage.processes import import_path
from cinelake.tracking.store import connect


def chosen(project: Project, folder: Path, budget_s: float) -> LearnerChoice:
    """The learner that is chosen, and what was said on the way."""
    prepared = prepare_request(TrainingRequest(project.load(), "loud"), lambda _: None)
    return choose_learner(prepared, prepared.entry.config, 0, folder, budget_s, lambda _: None)


def test_a_learner_that_is_better_on_other_films_takes_the_simplers_place(labelled: Project, tmp_path: Path) -> None:
    choice = chosen(labelled, tmp_path, 60)
    assert choice.learner == "plain" and [row["learner"] for row in choice.rows] == ["deaf", "plain"]
    assert choice.rows[0]["accuracy"] < choice.rows[1]["accuracy"] and "takes its place" in choice.rows[1]["said"]


def test_when_the_budget_is_spent_the_simplest_has_been_made(labelled: Project, tmp_path: Path) -> None:
    choice = chosen(labelled, tmp_path, 0)
    assert choice.learner == "deaf" and choice.rows[1]["said"] == "not tried: the budget is spent"


def test_a_learner_that_is_not_tried_is_told(labelled: Project, tmp_path: Path) -> None:
    told: list[str] = []
    prepared = prepare_request(TrainingRequest(labelled.load(), "loud"), lambda _: None)
    choose_learner(prepared, prepared.entry.config, 0, tmp_path, 0, told.append)
    assert told[-1] == "learner plain: not tried: the budget is spent (budget_minutes)"


def test_a_choice_that_was_made_is_read(labelled: Project, tmp_path: Path) -> None:
    assert chosen(labelled, tmp_path, 0) == chosen(labelled, tmp_path, 60)


def test_the_learner_found_is_trained_and_the_table_is_told(labelled: Project) -> None:
    labelled.write("{loud: {learner: auto}}")
    summary = labelled.train()
    assert summary.moved and [row["learner"] for row in summary.learners] == ["deaf", "plain"]
    client = connect(labelled.load().tracking.uri)
    assert "learners.json" in [kept.path for kept in client.list_artifacts(summary.run_id)]


@pytest.mark.parametrize("learner", ["deaf", "plain"])
def test_a_version_says_which_learner_made_it(labelled: Project, learner: str) -> None:
    labelled.write(f"{{loud: {{learner: {learner}}}}}")
    run_id = labelled.train().run_id
    client = connect(labelled.load().tracking.uri)
    card = Path(client.download_artifacts(run_id, "card.md")).read_text()
    assert f"by the learner `{learner}`" in card and client.get_run(run_id).data.params["learner"] == learner


def test_the_learner_of_the_defaults_is_told_where_none_is_named(labelled: Project) -> None:
    client = connect(labelled.load().tracking.uri)
    assert client.get_run(labelled.train().run_id).data.params["learner"] == "plain"


@pytest.mark.parametrize(("shift", "learner"), [(0.0, "simple"), (60.0, "deaf")])
def test_of_learners_whose_settings_are_in_others_the_one_that_says_most_is_told(shift: float, learner: str) -> None:
    spec = replace(MODEL, learners={"simple": {}, "deaf": {"shift": 60.0}})
    assert learner_of(spec, Config(shift=shift)) == learner


def test_an_unknown_learner_is_refused_with_those_there_are(labelled: Project) -> None:
    labelled.write("{loud: {learner: plane}}")
    with pytest.raises(UnknownName, match="did you mean 'plain'"):
        labelled.train()


def test_of_a_model_without_learners_none_is_compared(labelled: Project) -> None:
    labelled.write("{loud: {learner: auto}}")
    entry = labelled.load().model("loud")
    with pytest.raises(CannotTrain, match="one learner alone: leave out `learner: auto`"):
        with_learner(replace(entry, spec=replace(entry.spec, learners={})))


@pytest.mark.parametrize("learner", ["auto", "plain"])
def test_a_learner_whose_tables_the_configuration_does_without_is_refused(labelled: Project, learner: str) -> None:
    labelled.write(f"{{loud: {{learner: {learner}}}}}")
    entry = labelled.load().model("loud")
    spec = replace(entry.spec, reads=lambda config: ["sound"] if config.shift else ["sound", "frames"])
    far = entry.config.model_copy(update={"shift": 1.0})
    with pytest.raises(CannotTrain, match=r"'plain' reads frames, which shift: 1\.0 of its config does without"):
        with_learner(replace(entry, spec=spec, config=far))


def test_the_configuration_that_is_recorded_is_that_of_the_learner(labelled: Project) -> None:
    labelled.write("{loud: {config: {shift: 9.0}, learner: plain}}")
    first = labelled.train()
    labelled.write("{loud: {config: {shift: 9.0}, learner: auto}}")
    client = connect(labelled.load().tracking.uri)
    params = [client.get_run(run.run_id).data.params for run in (first, labelled.train())]
    assert [(found["config.shift"], found["learner"]) for found in params] == [("0.0", "plain")] * 2


@pytest.mark.parametrize("other", ["learner: deaf", "learner: auto", "learner: auto, budget_minutes: 1"])
def test_a_training_with_another_learner_does_not_go_on_from_what_was_left(labelled: Project, other: str) -> None:
    def fail(event: Event) -> None:
        if isinstance(event, EvaluationBegan):
            raise TrainingFailed("cut off")

    folders: list[set[Path]] = []
    for settings in ("learner: plain", other):
        labelled.write(f"{{loud: {{{settings}}}}}")
        request = TrainingRequest(labelled.load(), "loud")
        with pytest.raises(TrainingFailed, match="cut off"):
            train_model(request, prepare_request(request, lambda _: None), labelled.folder / "state", fail)
        folders.append(set((labelled.folder / "state").iterdir()))
    assert len(folders[1] - folders[0]) == 1


def test_what_a_killed_training_left_in_the_lake_is_swept_and_its_checkpoints_stay(labelled: Project) -> None:
    request, checkpoint = TrainingRequest(labelled.load(), "loud"), labelled.folder / "state" / "epoch_1"
    name = "from cinelake.storage.files import owner_name; print(owner_name())"
    gone = subprocess.run([sys.executable, "-c", name], env=os.environ | import_path(), capture_output=True, text=True)
    left = labelled.folder / "lake" / "_tmp" / gone.stdout.strip()
    for folder in (left, checkpoint):
        folder.mkdir(parents=True)
    TrainingJob(request, labelled.folder / "state").sweep()
    assert checkpoint.exists() and not left.exists()


def test_the_table_shows_what_was_not_tried() -> None:
    rows = [{"learner": "one", "f1": 0.5, "said": "the simplest"}, {"learner": "two", "said": "not tried"}]
    assert as_markdown(rows).splitlines()[-1] == "| two |  | not tried |"
