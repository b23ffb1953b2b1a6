"""`evaluate tags --on ratings`: what viewers say of the tags in the lake."""

import json

import pytest
from core._labelled import a_project
from typer.testing import CliRunner

from cinelake.errors import UsageError
from cinelake.lake.cells import CellWriter, Footer, Lake
from cli.main import app
from tasks.tags import TAGS

RATINGS = "movie_id,viewer,tag,rating\ndawn,ann,war,1\ndawn,bob,war,0.5\ndawn,ann,food,0\n"


@pytest.fixture
def project(tmp_path):
    """A film with tags war (relevant) and food (least) in the lake, and ratings of two viewers."""
    folder = a_project(tmp_path / "project")
    lake = Lake(str(folder / "lake"))
    with lake.scratch() as scratch:
        writer = CellWriter(TAGS, "dawn", scratch / "cell.parquet")
        writer.write(TAGS.batch("dawn", tag=["food", "war"], weight=[0.1, 2.0], relevance=[0.0, 1.0], shots=[1, 4]))
        writer.close(Footer("k", "m", {}, {}))
        lake.commit(writer, "tags")
    (folder / "ratings.csv").write_text(RATINGS)
    done = run(folder, "labels", "import", str(folder / "ratings.csv"), "--model", "tags", "--kind", "ratings")
    assert done.exit_code == 0, done.output
    return folder


def run(folder, *words):
    return CliRunner().invoke(app, [*words, "-m", str(folder / "pipeline.yaml")])


def test_opinion_scores_plain_and_by_relevance_and_each_tag(project):
    """Plain (1 + 0.5 + 0) / 3; by relevance food weighs nothing: 0.75."""
    found = json.loads(run(project, "evaluate", "tags", "--on", "ratings", "--json").stdout)
    assert (found["scores"]["mos"], found["scores"]["mos_weighted"]) == pytest.approx((0.5, 0.75))
    assert found["by_class"]["food"] == {"mos": 0.0, "precision": 0.0}


def test_the_screen_shows_scores_beside_the_baseline_and_the_tags(project):
    shown = run(project, "evaluate", "tags", "--on", "ratings").stdout
    assert all(word in shown for word in ("mos_weighted", "baseline", "war", "recall"))


def test_ratings_judge_what_the_champion_made_and_no_other_version(project):
    done = run(project, "evaluate", "tags", "--on", "ratings", "--version", "2")
    assert isinstance(done.exception, UsageError)
