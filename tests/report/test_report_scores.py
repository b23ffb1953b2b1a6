"""ModelScores of the models that made a film's tables: told once, kept, and never guessed."""

import json

import pyarrow.parquet as pq
import pytest
from _report_sites import page, write

from cinelake.lake.cells import FOOTER_KEY
from report.scores import FORMAT, known_scores, shown_scores

VERSION = {
    "metrics": {"f1": 0.84159, "map": 0.7},
    "baseline": {"f1": 0.31},
    "interval": {"f1": [0.8, 0.88]},
    "created": "2026-11-21T10:00:00+00:00",
}


@pytest.fixture
def learned(project):
    """The scenes of a film were made by version 3 of a model."""
    cell = project / "lake" / "scenes" / "plain.parquet"
    table, footer = pq.read_table(cell), json.loads(pq.read_metadata(cell).metadata[FOOTER_KEY])
    footer["ingredients"]["model"] = {"name": "scenes", "version": 3, "digest": "d"}
    pq.write_table(table.replace_schema_metadata({FOOTER_KEY: json.dumps(footer)}), cell)
    return project


def keep(project, scores):
    (project / "site").mkdir()
    (project / "site" / "cinelake-report.json").write_text("{}")
    (project / "site" / "scores.json").write_text(json.dumps({"format": FORMAT, "scores": scores}))


def test_a_score_is_shown_with_its_interval_and_its_baseline():
    assert shown_scores(VERSION)["main"] == "f1 0.842 (0.800 … 0.880), trivial baseline 0.310"


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ({"split": "film"}, "that it never saw"),
        ({"split": "film", "in_sample": True}, "that it learned from"),
        ({"split": "time"}, "other parts of the same films"),
        ({"split": "image"}, "others of the same sources"),
        ({}, "on what was held out"),
    ],
)
def test_no_page_calls_films_unseen_that_a_version_learned_from(of, words):
    assert words in shown_scores({**VERSION, **of})["caption"]


def test_scores_that_are_known_are_shown_without_asking_again(learned):
    keep(learned, {"scenes 3": shown_scores(VERSION)})
    write(learned)
    assert "f1 0.842 (0.800 … 0.880)" in page(learned)


def test_without_a_registry_the_page_says_so(learned):
    write(learned)
    assert "scenes 3" in page(learned)
    assert "scores not available: tracking is switched off in the manifest" in page(learned)


def test_that_there_was_no_score_is_not_kept(learned):
    write(learned)
    assert known_scores(learned / "site") == {}


def test_a_file_of_scores_that_is_damaged_is_asked_for_anew(tmp_path):
    (tmp_path / "scores.json").write_text('{"format": 1, "sco')
    assert known_scores(tmp_path) == {}
