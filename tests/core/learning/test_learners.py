"""Which learner is trained: as the manifest names it, or the best of those that the budget allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.learning._taught import Project

from cinelake.errors import UnknownName
from cinelake.learning.learners import LearnerChoice, as_markdown, choose_learner
from cinelake.learning.session import TrainingRequest, prepare_request


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


def test_a_choice_that_was_made_is_read(labelled: Project, tmp_path: Path) -> None:
    assert chosen(labelled, tmp_path, 0) == chosen(labelled, tmp_path, 60)


def test_the_learner_found_is_trained_and_the_table_is_told(labelled: Project) -> None:
    labelled.write("{loud: {learner: auto}}")
    summary = labelled.train()
    assert summary.moved and [row["learner"] for row in summary.learners] == ["deaf", "plain"]


def test_an_unknown_learner_is_refused_with_those_there_are(labelled: Project) -> None:
    labelled.write("{loud: {learner: plane}}")
    with pytest.raises(UnknownName, match="did you mean 'plain'"):
        labelled.train()


def test_the_table_shows_what_was_not_tried() -> None:
    rows = [{"learner": "one", "f1": 0.5, "said": "the simplest"}, {"learner": "two", "said": "not tried"}]
    assert as_markdown(rows).splitlines()[-1] == "| two |  | not tried |"
