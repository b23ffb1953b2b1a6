"""`cinelake report`: what it prints, for people and for machines."""

import json

from typer.testing import CliRunner

from cinelake.errors import UnknownName
from cli.main import app


def run(project, *words):
    return CliRunner().invoke(app, ["report", "-m", str(project / "pipeline.yaml"), *words])


def test_it_says_what_it_wrote_and_what_to_open(project):
    done = run(project)
    assert done.exit_code == 0
    assert "pages: 2 written, 0 unchanged, 0 removed; open " in done.output
    assert (project / "site" / "index.html").exists()


def test_machines_are_told_the_same(project):
    answer = json.loads(run(project, "--json", "--film", "plain", "--out", str(project / "look")).stdout)
    assert (answer["written"], answer["out"]) == ({"plain": "new"}, str(project / "look"))


def test_a_dry_run_says_that_nothing_was_written(project):
    assert "nothing was written (--dry-run)" in run(project, "--dry-run").output
    assert not (project / "site").exists()


def test_a_film_that_is_not_there_is_a_usage_error(project):
    error = run(project, "--film", "plane").exception
    assert isinstance(error, UnknownName) and error.exit_code == 2
