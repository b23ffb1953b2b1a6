"""`train`, `evaluate`, `models`: what they print, for people and for machines."""

from __future__ import annotations

import json
import os

import pytest
from end_to_end._command import cinelake as run_command
from typer.testing import CliRunner

from cinelake.errors import CinelakeError
from cinelake.learning.versions import weakness
from cli.main import app


def cinelake(project, *words):
    """Run a command; gives what it prints. Errors come as they are raised."""
    result = CliRunner().invoke(app, [*map(str, words), "-m", str(project.folder / "pipeline.yaml")])
    if isinstance(result.exception, CinelakeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def told(project, *words):
    return json.loads(cinelake(project, *words, "--json"))


@pytest.fixture
def two_versions(labelled):
    """A champion, and a second version that is not."""
    labelled.train()
    labelled.write("{loud: {config: {shift: -100.0}}}")
    labelled.train()
    return labelled


def test_a_dry_run_says_what_would_be_learned_from_and_trains_nothing(labelled):
    sides = told(labelled, "train", "loud", "--dry-run")["films"]
    assert sum(map(len, sides.values())) == 12 and not told(labelled, "models")["models"]


@pytest.mark.slow
def test_a_training_ends_with_scores_beside_the_baseline_and_what_to_do_next(labelled, prefect):
    known = os.pathsep.join([os.environ["PYTHONPATH"], str(labelled.folder.parent / "site")])
    done = run_command("train", "loud", cwd=labelled.folder, env={**prefect, "PYTHONPATH": known})
    assert done.returncode == 0, done.stderr
    assert "baseline" in done.stdout and "loud 1 is champion now" in done.stdout and "cinelake run" in done.stdout


def test_versions_are_listed_for_machines_with_metrics_baseline_and_champion(two_versions):
    first, second = sorted(told(two_versions, "models")["models"], key=lambda version: version["version"])
    assert (first["name"], first["champion"], second["champion"]) == ("loud", True, False)
    assert first["metrics"]["accuracy"] > first["baseline"]["accuracy"]


def test_versions_are_listed_for_people(two_versions):
    lines = cinelake(two_versions, "models").splitlines()
    assert sum("loud" in line for line in lines) == 2 and sum("champion" in line for line in lines) >= 1


def test_a_champion_is_set_by_hand_and_rolled_back(two_versions):
    assert "loud 2 is champion" in cinelake(two_versions, "models", "promote", "loud", "2")
    assert "loud 1 is champion again" in cinelake(two_versions, "models", "rollback", "loud")


def test_who_makes_a_weak_version_champion_by_hand_is_told(two_versions):
    assert weakness(two_versions.load(), "loud", 1) == ""
    weak = weakness(two_versions.load(), "loud", 2)
    assert weak.startswith("loud 2: accuracy 0.") and "is not surely better than the baseline" in weak


def test_any_version_is_scored(two_versions):
    scores = told(two_versions, "evaluate", "loud", "--version", "2")["scores"]
    assert scores["accuracy"] < told(two_versions, "evaluate", "loud")["scores"]["accuracy"]
