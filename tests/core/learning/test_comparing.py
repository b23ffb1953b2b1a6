"""Two versions of a model side by side."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from core.learning._taught import Project
from typer.testing import CliRunner

from cinelake.errors import CannotTrain, UnknownName, UsageError
from cinelake.learning.comparison import compare_versions
from cinelake.learning.versions import list_versions
from cli.main import app


@pytest.fixture
def two_versions(labelled, kept):
    """A champion, and a version that calls every window loud; made once, and only read."""
    if "compared" not in kept:
        labelled.train()
        labelled.write("{loud: {config: {shift: -100.0}}}")
        labelled.train()
        kept["compared"] = labelled.folder
    return Project(kept["compared"])


@pytest.fixture
def going_on(two_versions, tmp_path):
    """A copy of it that is trained further."""
    return Project(Path(shutil.copytree(two_versions.folder, tmp_path / "going_on")))


def test_the_difference_is_the_second_minus_the_first_on_the_same_films(two_versions):
    found = compare_versions(two_versions.load(), "loud", "1", "2")
    assert found.difference.mean == pytest.approx(found.scores["b"]["accuracy"] - found.scores["a"]["accuracy"])
    assert found.difference.high < 0 and "version 1 (champion) is better" in found.verdict


def test_the_moments_are_those_where_just_one_is_right(two_versions):
    found = compare_versions(two_versions.load(), "loud", "champion", "2")
    assert found.moments and {m.said for m in found.moments} == {("quiet", "loud")}
    assert all(m.label == "quiet" and m.time_s < 5 for m in found.moments)


def test_a_difference_that_is_the_same_on_few_films_has_no_interval(going_on):
    going_on.write("{loud: {config: {shift: -200.0}}}")
    going_on.train()
    found = compare_versions(going_on.load(), "loud", "2", "3")
    assert str(found.difference) == "0.000 (too few films say: no interval)" and found.verdict == "both score the same"


def test_settings_that_differ_are_told_and_so_are_labels(going_on):
    assert compare_versions(going_on.load(), "loud", "1", "2").differs == [
        "shift: 0.0 in version 1, -100.0 in version 2"
    ]
    going_on.label(["film_00"], wrong=True)
    going_on.train()
    told = compare_versions(going_on.load(), "loud", "2", "3").differs
    assert told == ["labels: loud up to import 1 taught version 2, loud up to import 2 version 3"]


def test_films_that_one_has_learned_from_are_left_out_and_named(going_on):
    going_on.write("{loud: {config: {shift: 1.0}, held_out: [film_00, film_01, film_02, film_03]}}")
    of_first = going_on.train().films
    going_on.write("{loud: {config: {shift: 1.0}, held_out: [film_03, film_04, film_05, film_06, film_07]}}")
    going_on.train()
    found = compare_versions(going_on.load(), "loud", "3", "4")
    learned = {film for film in ("film_04", "film_05", "film_06", "film_07") if film not in of_first["test"]}
    assert set(found.films) == {"film_03"} and set(found.left_out) >= learned
    assert found.left_out["film_05"] == "version 3 has learned from it" and not found.difference.is_known


def test_where_no_film_is_left_that_is_said(going_on):
    going_on.train(all_films=True)
    with pytest.raises(CannotTrain, match="no held-out film is left that neither version has learned from"):
        compare_versions(going_on.load(), "loud", "1", "3")


def test_a_version_may_be_named_by_its_run_and_is_fetched_where_the_lake_lost_it(going_on):
    runs = {v["version"]: v["run_id"] for v in list_versions(going_on.load(), "loud")}
    shutil.rmtree(going_on.folder / "lake" / "_models" / "loud" / "2")
    found = compare_versions(going_on.load(), "loud", runs[1][:12], runs[2])
    assert (found.a.version, found.b.version) == (1, 2)


def test_versions_that_there_are_not_get_what_there_is(two_versions):
    with pytest.raises(UnknownName, match="9"):
        compare_versions(two_versions.load(), "loud", "1", "9")
    with pytest.raises(UsageError, match="the same version"):
        compare_versions(two_versions.load(), "loud", "1", "champion")


def test_the_command_shows_films_moments_and_the_difference(two_versions):
    words = ["models", "compare", "loud", "champion", "2", "-m", str(two_versions.folder / "pipeline.yaml")]
    shown = CliRunner().invoke(app, words).stdout
    assert all(
        word in shown for word in ("version 2 minus version 1 (champion)", "film_0", "00:00:0", "differs: shift")
    )
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert found["difference"]["low"] <= found["difference"]["mean"] and found["moments"][0]["timecode"]


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    (tmp_path / "notes.html").write_text("mine")
    result = CliRunner().invoke(app, ["models", "compare", "loud", "1", "2", "--html", str(tmp_path / "notes.html")])
    assert isinstance(result.exception, UsageError) and (tmp_path / "notes.html").read_text() == "mine"
