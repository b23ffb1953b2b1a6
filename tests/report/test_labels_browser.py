"""The page of moments to label in headless Chromium: what keys decide, and the labels that it saves."""

import csv
import io
import json
import time

import pytest
from _browser import PATIENCE_S, complaints, open_browser, visit, wait, why_not
from _needed import need
from selenium.webdriver.common.keys import Keys
from typer.testing import CliRunner

from benchmarks._made_films import make_films
from cinelake.labels.store import read_labels
from cinelake.spec.model import find_model
from cli.main import app

pytestmark = pytest.mark.slow
EARLIER = 'movie_id,time_s,character\none,3,mara\none,3,"o\'hara, ""bo"""\none,5,nobody\n'


def run(folder, *words):
    result = CliRunner().invoke(app, ["labels", *map(str, words), "-m", str(folder / "pipeline.yaml")])
    assert result.exit_code == 0, result.exception
    return result.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Two films, one of which has labels, and the page of ten moments of theirs."""
    folder = tmp_path_factory.mktemp("labelling")
    make_films(folder, {"one": "One", "two": "<b>Two</b>"}, 60, 20)
    (folder / "earlier.csv").write_text(EARLIER)
    run(folder, "import", folder / "earlier.csv", "--model", "characters")
    run(folder, "next", "characters", "--count", "10", "--html", folder / "page.html")
    return folder


def answered(browser):
    return "are back" in browser.find_element("id", "state").text


@pytest.fixture
def page(project):
    """The page in a browser of its own: no answers of the test before, and none that reach its storage late."""
    need("chromium", why_not())
    with open_browser() as browser:
        open_page(browser, project)
        yield browser
        assert not [words for words in complaints(browser) if "beforeunload" not in words and ".mp4" not in words]


def open_page(browser, project):
    visit(browser, project / "page.html")
    wait(browser, "return document.documentElement.dataset.ready")


def press(page, *keys):
    for key in keys:
        page.find_element("tag name", "body").send_keys(key)


def saved(page):
    return list(csv.DictReader(io.StringIO(page.execute_script("return document.documentElement.csvOfLabels()"))))


def new(page):
    earlier = (("one", "3"), ("one", "5"))
    return [row["character"] for row in saved(page) if (row["movie_id"], row["time_s"]) not in earlier]


def where(page):
    return page.find_element("id", "where").text


def test_keys_choose_several_and_enter_goes_on(page):
    press(page, "1", "2", Keys.ENTER, "1")
    assert new(page) in (["mara", 'o\'hara, "bo"', "mara"], ["mara", "mara", 'o\'hara, "bo"'])
    assert "moment 2 of 10 · 2 done" in where(page)


def test_space_says_that_nothing_holds_and_goes_on(page):
    press(page, Keys.SPACE, Keys.SPACE)
    assert new(page) == ["nobody", "nobody"] and "moment 3 of 10 · 2 done" in where(page)


def test_u_takes_back_one_after_the_other(page):
    press(page, Keys.SPACE, "1", "u", "u")
    assert saved(page) == [] and "moment 1 of 10 · 0 done" in where(page)


def test_arrows_move_without_saying_anything(page):
    press(page, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert saved(page) == [] and "moment 2 of 10" in where(page)


def test_a_class_can_be_added_and_has_a_key(page):
    page.find_element("id", "name").send_keys("sable", Keys.ENTER)
    press(page, Keys.ENTER, "3")
    assert new(page) == ["sable", "sable"]


def test_answers_are_there_again_in_a_page_opened_later(page, project):
    press(page, Keys.SPACE)
    page.switch_to.new_window("tab")
    until = time.monotonic() + PATIENCE_S
    open_page(page, project)
    while not answered(page) and time.monotonic() < until:  # what is kept reaches the next page a moment later
        open_page(page, project)
    assert answered(page) and new(page) == ["nobody"]


def test_what_is_saved_is_imported_as_it_is_and_loses_no_earlier_label(page, project):
    press(page, *["1", Keys.ENTER] * 10)
    text = page.execute_script("return document.documentElement.csvOfLabels()")
    (project / "characters.csv").write_text(text)
    done = json.loads(run(project, "import", project / "characters.csv", "--model", "characters", "--json"))
    labels = read_labels(project / "labels", "characters", find_model("characters").labels).table
    who = labels.to_pylist()
    assert done["rows"] == 13 and len(who) == 13
    assert [row["character"] for row in who if row["movie_id"] == "one" and row["time_s"] in (3, 5)] == [
        "mara", 'o\'hara, "bo"', "nobody",
    ]  # fmt: skip


def test_a_title_is_text(page):
    press(page, *[Keys.ARROW_RIGHT] * 3)
    assert not page.find_elements("css selector", "#where b")


def test_a_narrow_screen_needs_no_sideways_scrolling(page):
    page.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    )
    width = page.execute_script("return document.documentElement.scrollWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert width == 390


def test_the_direction_of_a_title_s_writing_ends_with_the_title(page):
    assert "\u2069 at 0:00:" in page.find_element("id", "where").get_property("textContent")
