"""The page of people in headless Chromium: what clicks decide, and the labels that it saves."""

import csv
import io

import numpy as np
import pyarrow as pa
import pytest
from _browser import complaints, visit, wait
from _report_sites import write
from PIL import Image
from test_people_page import PERSONS

from benchmarks._made_films import make_films
from cinelake.labels.checks import check_labels
from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.model import find_model

pytestmark = pytest.mark.slow
NAMED = {
    **PERSONS,
    "end_s": [2.0, 5.0, 7.0, 11.0],
    "person": ["person_1", "ada", None, "person_2"],
    "name": [None, "ada", None, None],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clicks")
    make_films(folder, {"one": "One", "two": "W" * 300}, 60, 20, ("films", "shots", "frames"), {"persons": NAMED})
    write(folder)
    return folder / "site"


@pytest.fixture
def page(browser, site):
    browser.get("about:blank")
    visit(browser, site / "people.html")
    wait(browser, "return document.documentElement.dataset.ready")
    yield browser
    assert not [message for message in complaints(browser) if "beforeunload" not in message]


def click(page, selector, number=0):
    page.execute_script("arguments[0].click()", page.find_elements("css selector", selector)[number])


def name(page, card, words):
    found = "const input = document.querySelector(arguments[0] + ' input[type=text]'); input.value = arguments[1];"
    page.execute_script(found + "input.dispatchEvent(new Event('change'))", f"#card-{card}", words)


def saved(page):
    """(film, seconds) → person, of the labels that would be saved."""
    text = page.execute_script("return document.documentElement.csvOfLabels()")
    return {(row["movie_id"], float(row["time_s"])): row["person"] for row in csv.DictReader(io.StringIO(text))}


def cards(page):
    return [made.get_attribute("id") for made in page.find_elements("css selector", ".person")]


def test_a_name_is_said_of_every_face_that_is_shown(page):
    name(page, "person_1", 'Bo, "the" Great')
    assert saved(page) == {("one", 1.5): 'Bo, "the" Great', ("two", 1.5): 'Bo, "the" Great'}


def test_the_labels_that_are_saved_can_be_imported(page):
    name(page, "person_1", "Bo")
    rows = list(csv.DictReader(io.StringIO(page.execute_script("return document.documentElement.csvOfLabels()"))))
    table = pa.table({column: [row[column] for row in rows] for column in rows[0]})
    films = {movie: FilmFacts(60.0, 20) for movie in ("one", "two")}
    _, problems = check_labels(find_model("identities").labels, table, films, source="page", vocabularies={})
    assert problems == []


def test_two_of_one_name_are_one_person(page):
    name(page, "person_1", "ada")
    assert "card-person_1" not in cards(page) and set(saved(page).values()) == {"ada"}


def test_a_pair_that_is_one_person_is_put_together(page):
    click(page, "#pair button:not(.face)", 0)
    assert len(cards(page)) == 2 and set(saved(page).values()) == {"person_1"}


def test_a_pair_that_is_two_persons_is_said_to_be_two(page):
    click(page, "#pair button:not(.face)", 1)
    assert set(saved(page).values()) == {"person_1", "person_2"} and len(cards(page)) == 3


def test_chosen_faces_become_a_person_of_a_number_nobody_had(page):
    click(page, "#card-person_1 .face", 0)
    click(page, "#part")
    assert "card-person_3" in cards(page) and set(saved(page).values()) == {"person_1", "person_3"}


def test_what_was_done_can_be_taken_back(page):
    click(page, "#pair button:not(.face)", 0)
    click(page, "#undo")
    assert len(cards(page)) == 3 and page.find_element("id", "save").get_attribute("disabled")


@pytest.mark.parametrize("words", ["zoe b", " ZOË", "person_1"])
def test_a_person_is_found_whatever_the_case_and_the_accents(page, words):
    name(page, "person_1", "Zoë Bø")
    page.find_element("id", "find").send_keys(words)
    assert [made for made in cards(page) if page.find_element("id", made).is_displayed()] == ["card-person_1"]


def test_who_is_seen_in_one_picture_only_is_seen_in_the_lane(browser, site):
    visit(browser, site / "films" / "two" / "index.html")
    lane = browser.find_element("css selector", "#lane-persons .lane-plot")
    picture = np.asarray(Image.open(io.BytesIO(lane.screenshot_as_png)).convert("RGB"), int)
    at, nobody = (round(seconds / 60 * picture.shape[1]) for seconds in (7.0, 30.0))
    assert np.abs(picture[:, at - 2 : at + 3] - picture[:, nobody : nobody + 5]).max() > 60


def test_a_long_title_of_the_chosen_face_widens_no_page(page):
    click(page, "#card-person_1 .face", 1)
    assert len(page.find_element("id", "said").text) > 300
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.execute_script(wide) == 0
