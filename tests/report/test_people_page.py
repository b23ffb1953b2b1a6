"""The page of people: whose faces it shows and in which order, what it asks, and how it leaves them out."""

import json
import re

import numpy as np
import pytest
from _report_sites import lane, write

from benchmarks._made_films import make_films
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import record_version
from cinelake.spec.model import Trained
from models.identities.config import Config
from report.film_people import MOST_TRACKS, champion_number, chosen_tracks
from report.people_page import MOST_FACES, MOST_PEOPLE, page_data, pairs_of


def track(person, faces=1, other=None, other_likeness=None, likeness=0.8, **more):
    about = {
        "person": person,
        "name": None,
        "faces": faces,
        "films": 1,
        "time_s": 1.0,
        "seconds": 1.0,
        "x": 0.5,
        "y": 0.5,
    }
    return {**about, "likeness": likeness, "other": other, "other_likeness": other_likeness, "place": 0, **more}


def film(*tracks, movie_id="film", **more):
    about = {"movie_id": movie_id, "title": movie_id, "model": "identities", "left_out": 0, "credits": [], "labels": []}
    return {**about, "tracks": list(tracks), **more}


def test_who_is_seen_most_comes_first_and_strangers_stand_apart():
    data = page_data(
        [film(track("person_1", 2), track("ada", 9), track(None, 5)), film(track("person_1", 8), movie_id="b")]
    )
    assert [(p["person"], p["faces"], p["films"]) for p in data["people"]] == [("person_1", 10, 2), ("ada", 9, 1)]
    assert [data["tracks"][t]["faces"] for t in data["strangers"]] == [5]


def test_strangers_whose_faces_are_too_poor_to_tell_come_last():
    data = page_data([film(track(None, 9, likeness=None), track(None, 2, likeness=0.1))])
    assert [data["tracks"][t]["faces"] for t in data["strangers"]] == [2, 9]


def test_of_many_faces_the_least_sure_are_among_those_that_are_shown():
    sure = [track("ada", 9) for _ in range(60)]
    data = page_data([film(*sure, track("ada", 1, "bo", 0.75))])
    shown = [data["tracks"][t]["doubtful"] for t in data["people"][0]["tracks"]]
    assert len(shown) == MOST_FACES and shown.count(True) == 1 and data["people"][0]["more"] == 61 - MOST_FACES


def test_pairs_that_are_most_alike_are_asked_about_first():
    tracks = [track("a", other="b", other_likeness=0.3), track("b", other="a", other_likeness=0.5),
              track("a", other="c", other_likeness=0.35), track("c", other="b", other_likeness=0.1)]  # fmt: skip
    assert pairs_of(tracks, {"a", "b", "c"}) == [["a", "b", 0.4], ["a", "c", 0.35]]


def test_a_new_person_s_number_is_beyond_those_of_people_whom_the_page_leaves_out():
    crowd = [track(f"person_{n}") for n in range(1, MOST_PEOPLE + 9)]
    assert page_data([film(*crowd)])["number"] == MOST_PEOPLE + 8
    assert page_data([film(*crowd, number=900), film()], 800)["number"] == 900


def test_a_champion_knows_numbers_of_people_whom_no_table_shows(tmp_path):
    facts = {"people": ["ada", "person_2"], "applied_people": ["ada", "person_7"]}
    arrays = {"centroids": np.eye(2, dtype=np.float32)}
    artefact = write_artefact(tmp_path / "made", "identities", Config(), Trained(arrays=arrays, facts=facts))
    lake = Lake(str(tmp_path / "lake"))
    record_version(lake, "identities", 1, artefact, champion=True)
    assert (champion_number(lake, "identities"), champion_number(lake, "another")) == (7, 0)


def test_names_of_the_credits_are_proposed():
    assert page_data([film(track("person_1"), credits=["Ida Lund"])])["credits"] == ["Ida Lund"]


def test_of_a_film_with_many_faces_everybody_is_kept():
    rows = [{"person": "ada", "faces": 9, "track": n} for n in range(300)] + [
        {"person": "bo", "faces": 1, "track": 300}
    ]
    kept = chosen_tracks(rows)
    assert len(kept) == MOST_TRACKS and {row["person"] for row in kept} == {"ada", "bo"}


PERSONS = {
    "track": [0, 1, 2, 3],
    "person": ["person_1", "</script><script>alert(1)", None, "person_2"],
    "name": [None, "</script><script>alert(1)", None, None],
    "shot": [0, 1, 2, 3],
    "start_s": [1.0, 4.0, 7.0, 10.0],
    "end_s": [2.0, 5.0, 8.0, 11.0],
    "faces": [3, 2, 2, 1],
    "films": [2, 2, None, 2],
    "likeness": [0.8, 0.7, 0.3, 0.7],
    "other": ["person_2", "person_1", "person_1", "person_1"],
    "other_likeness": [0.35, 0.1, 0.2, 0.38],
    "frame": [36, 108, 180, 9999],
    "time_s": [1.5, 4.5, 7.5, 10.5],
    **{name: [0.4] * 4 for name in ("x", "y", "width", "height")},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two films with three people and a stranger; one's name is a script."""
    folder = tmp_path_factory.mktemp("people")
    tables = ("films", "shots", "frames")
    make_films(folder, {"one": "One", "two": "Two"}, 60, 20, tables, {"persons": PERSONS})
    write(folder)
    return folder


def data_of(site):
    text = (site / "site" / "people.html").read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_people_of_all_films_are_on_one_page(site):
    first = data_of(site)["people"][0]
    assert (first["person"], first["films"]) == ("person_1", 2)
    assert (site / "site" / "films" / "one" / "faces.jpg").is_file()


def test_the_catalogue_leads_to_it(site):
    assert 'href="people.html"' in (site / "site" / "index.html").read_text()


def test_a_stranger_s_row_of_the_timeline_has_a_name(site):
    assert "unknown person" in lane(site, "persons", "one")["rows"]


def test_the_page_says_what_a_dashed_face_is(site):
    assert "A dashed face may be of another person as well." in (site / "site" / "people.html").read_text()


def test_a_name_cannot_end_the_script(site):
    assert "<script>alert" not in (site / "site" / "people.html").read_text()


def test_without_people_no_face_is_written(site, tmp_path):
    write(site, with_people=False)
    left = [
        path.name for path in (site / "site").rglob("*") if path.name in ("people.html", "faces.jpg", "people.json")
    ]
    write(site)
    assert left == []
