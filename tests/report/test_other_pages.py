"""The pages that speak of all films: models, runs, films side by side."""

import json
import re
import shutil
from pathlib import Path

import pytest
from _report_sites import page, write

from cinelake.errors import DamagedFilm
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from report.film_page import outlines
from report.models_page import curves_of, models_of_cards

NOWHERE = Path("no pages")
SHOWN = {"main": "f1 0.9", "created": "2026-11-21T12:00:00", "scores": []}


def card(movie_id, agrees, *worst, model="scenes 3"):
    said = {"model": model, "title": "Scenes", "agrees": agrees, "differ": len(worst)}
    return {"movie_id": movie_id, "title": movie_id, "said": [{**said, "worst": [[*w, "words", None] for w in worst]}]}


def test_films_that_agree_least_and_differences_that_last_longest_come_first():
    (model,) = models_of_cards([card("a", 0.9, (0, 1)), card("b", 0.2, (5, 9))], {"scenes 3": SHOWN}, NOWHERE)
    assert [film["movie_id"] for film in model["films"]] == ["b", "a"]
    assert [(error["movie_id"], error["seconds"]) for error in model["longest"]] == [("b", 4), ("a", 1)]


def test_what_another_version_said_is_not_this_one_s():
    (model,) = models_of_cards([card("a", 0.9, model="scenes 2")], {"scenes 3": SHOWN}, NOWHERE)
    assert model["films"] == []


def test_each_metric_is_a_chart_and_each_network_a_line_in_it():
    (accuracy, loss) = curves_of({"loss/member_2": [3.0, 1.0], "loss/member_1": [2.0, 1.5], "accuracy": [0.1, 0.9]})
    assert [each["name"] for each in loss["chart"]["series"]] == ["network 1", "network 2"]
    assert (accuracy["name"], loss["last"]) == ("accuracy", "1.5, 1")


@pytest.fixture(scope="module")
def site(made_once, tmp_path_factory):
    """A table of the film `plain` could not be made; its words would be a script."""
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("others") / "project")
    error = DamagedFilm("<script>alert(2)</script> is torn", log_tail="last <b>words</b>")
    for table, film in (("sound", "plain"), ("shots", "plain"), ("sound", "gone")):
        Lake(str(folder / "lake")).record_failure(table, film, "key", error)
    write(folder)
    return folder / "site"


def test_failures_are_told_with_their_last_words_as_text(site):
    text = (site / "runs.html").read_text()
    assert "damaged" in text and "&lt;b&gt;words" in text and "<script>alert" not in text


def test_what_is_said_of_several_tables_of_a_film_is_one_row_and_a_film_that_left_has_none(site):
    text = (site / "runs.html").read_text()
    assert "2 cells could not be made" in text and "<td>shots, sound</td>" in text and "gone" not in text


def test_what_was_made_is_counted_by_day(site):
    assert '<th scope="row">2026-11-21</th>' in (site / "runs.html").read_text()


def test_the_catalogue_leads_to_the_pages_that_there_are(site):
    text = (site / "index.html").read_text()
    assert 'href="runs.html"' in text and 'href="compare.html"' in text and "people.html" not in text


def test_films_side_by_side_have_an_outline_each(site):
    text = (site / "compare.html").read_text()
    films = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert {film["movie_id"] for film in films} == {"plain", "evil"} and "<script>alert" not in text
    assert len(films[0]["lines"]["shots a minute"]) == len(films[0]["lines"]["valence"]) == 48


def test_a_film_that_failed_says_so_on_its_page_and_once_in_the_catalogue(project):
    planning = plan_manifest(load_manifest(project / "pipeline.yaml"))
    for table in ("shots", "sound"):
        (key,) = (cell.key for cell in planning.plan.cells if (cell.movie_id, cell.table) == ("plain", table))
        (project / "lake" / table / "plain.parquet").unlink()
        planning.lake.record_failure(table, "plain", key, DamagedFilm(f"no {table} after <5 s"))
    write(project)
    assert all(f"damaged_film: no {table} after &lt;5 s" in page(project) for table in ("shots", "sound"))
    assert (project / "site" / "index.html").read_text().count("damaged film</p>") == 1


def test_pages_that_an_older_version_wrote_stand_beside_new_ones(project):
    write(project)
    card = project / "site" / "films" / "evil" / "card.json"
    older = {name: value for name, value in json.loads(card.read_text()).items() if name not in ("failed", "lines")}
    card.write_text(json.dumps(older))
    write(project, movies=["plain"])
    assert "films/evil/index.html" in (project / "site" / "index.html").read_text()


def test_a_film_whose_table_of_shots_is_empty_has_no_line_of_its_pace():
    assert outlines([{"id": "shots", "kind": "spans", "why": "", "of": "", "start": [], "end": []}], 10.0) == {}


def test_the_pace_of_a_film_of_one_shot_is_that_of_its_length():
    shot = {"id": "shots", "kind": "spans", "why": "", "of": "", "start": [0.0], "end": [10.0]}
    assert set(outlines([shot], 10.0)["shots a minute"]) == {6.0}
