"""A film whose people and kinds have hostile names, in headless Chromium: nothing runs, widens or covers a page."""

import pyarrow as pa
import pytest
from _browser import visit, wait
from _report_sites import write

from benchmarks._made_films import make_films
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.store import import_labels
from cinelake.spec.model import find_model

pytestmark = pytest.mark.slow
IMAGE, LONG, TURNED = "<img src=x onerror=alert(1)>", "W" * 300, "\u202eturned"
APPEAR = {"character": ["</script>", IMAGE, LONG], "start_s": [0.0, 3.0, 6.0], "end_s": [3.0, 6.0, 9.0]}
SAID = {"movie_id": ["plain"] * 3, "time_s": [0.0, 3.0, 6.0], "character": [LONG, TURNED, '"&']}
KINDS = {"movie_id": ["plain"] * 2, "start_s": [0.0, 9.0], "end_s": [9.0, 20.0], "category": [IMAGE, LONG]}


@pytest.fixture(scope="module")
def site(draw_film, tmp_path_factory):
    """People contradict the model in everything; the film can be played."""
    folder = tmp_path_factory.mktemp("hostile")
    others = {"appearances": {**APPEAR, "shot": [0, 1, 2], "confidence": [0.9] * 3}}
    make_films(folder, {"plain": IMAGE, "other": LONG}, 60, 20, None, others)
    about = {"annotator": IMAGE, "source": LONG, "source_digest": "d", "vocabularies": {}}
    for model, rows in (("characters", SAID), ("beats", KINDS)):
        known = {"plain": FilmFacts(60.0, 20, in_lake=True)}
        import_labels(folder / "labels", model, find_model(model).labels, pa.table(rows), known, **about)
    draw_film(folder / "films" / "plain.mp4", seconds=60)
    write(folder)
    return folder / "site"


def steps(film):
    return film.find_elements("css selector", "[data-differs='characters-said']")


def test_names_are_shown_and_not_run(film):
    assert IMAGE in film.find_element("id", "lanes").text
    assert not film.find_elements("css selector", "img[src=x]")


@pytest.mark.parametrize("width", [1280, 500])
def test_a_long_name_widens_no_page(film, width):
    film.set_window_size(width, 900)
    wide = film.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    film.set_window_size(1280, 900)
    assert wide == 0


@pytest.mark.parametrize("width", [1280, 500])
def test_a_long_title_widens_no_page_of_several_films(browser, site, width):
    for page in ("index.html", "compare.html"):
        visit(browser, site / page)
        browser.set_window_size(width, 900)
        wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert LONG in browser.find_element("tag name", "main").text
        assert browser.execute_script(wide) == 0
        browser.set_window_size(1280, 900)


def test_no_name_covers_the_buttons_that_lead_to_differences(film):
    for button in steps(film):
        film.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()


def test_what_differs_stays_told_once_the_player_is_there(film):
    sought = "const v = document.getElementById('video'); v.addEventListener('seeked', () => { v.dataset.there = 1; });"
    film.execute_script(sought + "arguments[0].click()", steps(film)[1])
    wait(film, "return document.getElementById('video').dataset.there")
    film.execute_script("document.getElementById('video').dispatchEvent(new Event('timeupdate'))")
    assert f"Characters: differs people: {TURNED}; model: {IMAGE}" in film.find_element("id", "readout").text


def test_numbers_stand_beneath_the_names_of_their_columns(film):
    film.execute_script("document.querySelector('details[data-table]').open = true")
    wait(film, "return document.querySelector('details[data-table] td')")
    of = "return [...document.querySelectorAll('details[data-table] tr:first-child > *')].map((c) => c.className)"
    classes = film.execute_script(of)
    assert classes[: len(classes) // 2] == classes[len(classes) // 2 :] and "number" in classes
