"""The pages in headless Chromium: clicks, zoom, hover, search, sort, the keyboard, no word of complaint."""

import shutil

import pytest
from _browser import complaints, visit, wait
from _report_sites import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(made_once, draw_film, tmp_path_factory):
    """The film `plain` can be played, the other one is a few letters."""
    folder = shutil.copytree(made_once, tmp_path_factory.mktemp("browser") / "project")
    draw_film(folder / "films" / "plain.mp4", seconds=60)
    (folder / "lake" / "beats" / "plain.parquet").unlink()
    write(folder)
    return folder / "site"


@pytest.fixture
def catalogue(browser, site):
    browser.get("about:blank")
    visit(browser, site / "index.html")
    yield browser
    assert not complaints(browser)


def find(browser, selector):
    return browser.find_element("css selector", selector)


def press(browser, *keys):
    from selenium.webdriver import Keys

    for key in keys:
        find(browser, "#playhead").send_keys(getattr(Keys, key, key))


def position(browser):
    return int(find(browser, "#playhead").get_attribute("aria-valuenow"))


def shown(browser):
    """The part of the film that the lanes show, once it no longer changes."""
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    return find(browser, "#span").text


def hover(browser, selector, x=0):
    from selenium.webdriver import ActionChains

    ActionChains(browser).move_to_element_with_offset(find(browser, selector), x, 0).perform()


def titles(browser):
    return [e.text for e in browser.find_elements("css selector", ".film .name") if e.is_displayed()]


def test_every_lane_is_drawn(film):
    drawn = (
        "return [...document.querySelectorAll('.lane-plot')].filter(e => e.querySelector('.bk-Figure, canvas')).length"
    )
    lanes = "return [...document.querySelectorAll('.lane-plot')].filter(e => !e.querySelector('.missing')).length"
    assert film.execute_script(drawn) == film.execute_script(lanes) >= 10


def test_a_lane_without_its_table_says_why(film):
    assert "Beats: blocked: needs a champion of beats" in find(film, "#not-computed").text


def test_lanes_zoom_together_and_back(film):
    assert shown(film) == "0:00:00 – 0:01:00"
    find(film, "#zoom-in").click()
    assert shown(film) == "0:00:15 – 0:00:45"
    find(film, "#zoom-all").click()
    assert shown(film) == "0:00:00 – 0:01:00"


def test_dragging_moves_the_film(film):
    from selenium.webdriver import ActionChains

    find(film, "#zoom-in").click()
    ActionChains(film).drag_and_drop_by_offset(find(film, "#lane-scenes .lane-plot"), -200, 0).perform()
    assert shown(film).split(" – ")[0] > "0:00:17"


def test_the_overview_moves_the_lanes(film):
    from selenium.webdriver import ActionChains

    find(film, "#zoom-in").click()
    ActionChains(film).drag_and_drop_by_offset(find(film, "#overview"), 150, 0).perform()
    assert shown(film).split(" – ")[0] > "0:00:16"


def test_the_frame_is_shown_where_the_pointer_is(film):
    hover(film, "#lane-shots .lane-plot")
    wait(film, "return !document.getElementById('preview').hidden")
    assert "Shots shot " in find(film, "#preview").text
    assert "sheet_00.jpg" in find(film, "#preview .picture").value_of_css_property("background-image")


def test_a_click_sets_the_position(film):
    find(film, "#lane-loudness .lane-plot").click()
    assert 28 <= position(film) <= 32
    assert "Shots shot " in find(film, "#readout").text


def test_the_keyboard_goes_by_shot(film):
    press(film, "ARROW_RIGHT", "ARROW_RIGHT", "ARROW_LEFT")
    assert position(film) == 3
    assert "shot 1 (cut)" in find(film, "#playhead").get_attribute("aria-valuetext")


def test_every_stop_of_the_tab_key_shows_that_it_is_one(film):
    hidden = """const hidden = [], look = (root) => { for (const e of root.querySelectorAll("*")) {
        if (e.shadowRoot) look(e.shadowRoot);
        if (e.tabIndex >= 0 && e.getRootNode() !== document) hidden.push(e.className); } };
        look(document); return hidden"""
    assert film.execute_script(hidden) == []


def test_the_keyboard_zooms_around_the_position(film):
    press(film, "END", "+", "+")
    assert shown(film) == "0:00:45 – 0:01:00"
    press(film, "0")
    assert shown(film) == "0:00:00 – 0:01:00"


def test_a_keyframe_leads_to_its_moment(film):
    keyframe = find(film, ".keyframes button")
    keyframe.click()
    assert position(film) == pytest.approx(float(keyframe.get_attribute("data-time")), abs=1)


def test_a_row_of_a_table_leads_to_its_moment(film):
    find(film, "#tables details summary").click()
    wait(film, "return document.querySelectorAll('#tables tbody tr').length == 20")
    film.find_elements("css selector", "#tables tbody tr .link")[10].click()
    assert position(film) == 30


def test_the_switch_changes_light_to_dark_and_is_kept(film):
    page = "return getComputedStyle(document.body).backgroundColor"
    light = film.execute_script(page)
    find(film, "#theme").click()
    dark = film.execute_script(page)
    film.refresh()
    assert light != dark == film.execute_script(page)
    wait(film, "return document.documentElement.dataset.ready")
    find(film, "#theme").click()


def test_nothing_is_wider_than_a_phone(film):
    narrow = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    film.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    try:
        assert film.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        film.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def seconds_played(browser):
    return browser.execute_script("return document.getElementById('video').currentTime")


def test_a_click_on_a_shot_of_the_list_seeks_and_marks_it(film):
    shot = film.find_elements("css selector", "#shot-list button")[4]
    shot.click()
    assert seconds_played(film) == pytest.approx(12, abs=0.01) and position(film) == 12
    assert find(film, "#shot-list [aria-current]").text.splitlines()[0] == "0:00:12"


def test_a_click_on_the_timeline_seeks(film):
    find(film, "#lane-loudness .lane-plot").click()
    assert seconds_played(film) == pytest.approx(30, abs=2)


def test_the_timeline_follows_what_is_played(film):
    film.execute_script("const v = document.getElementById('video'); v.muted = true; v.currentTime = 44.5; v.play()")
    wait(film, "return document.querySelector('#shot-list [aria-current] b').textContent === '0:00:45'")
    film.execute_script("document.getElementById('video').pause()")
    assert position(film) >= 45 and find(film, "#now").text >= "0:00:45"


def test_buttons_go_by_shot(film):
    find(film, "#shot-after").click()
    find(film, "#shot-after").click()
    find(film, "#shot-before").click()
    assert position(film) == 3 and find(film, "#now").text == "0:00:03"


def test_a_film_that_cannot_be_played_says_so_and_the_rest_works(browser, site):
    visit(browser, site / "films" / "evil" / "index.html")
    wait(browser, "return !document.getElementById('cannot-play').hidden")
    assert "cannot play evil.mp4" in find(browser, "#cannot-play").text
    browser.find_elements("css selector", "#shot-list button")[2].click()
    assert position(browser) == 6


def test_a_title_that_is_a_script_is_shown_and_not_run(browser, site):
    visit(browser, site / "films" / "evil" / "index.html")
    assert find(browser, "h1").text == "<script>alert(1)</script>"
    assert not complaints(browser)


def test_words_lead_to_their_moment_in_the_film(film):
    find(film, "#words").send_keys("SHOT 12")
    hit = wait(film, "return document.querySelector('#hits button')")
    assert [found.text for found in film.find_elements("css selector", "#hits button")] == [hit.text]
    hit.click()
    assert position(film) == 36 and hit.text.startswith("0:00:36")


def test_return_leads_to_the_first_moment_of_some_words(film):
    find(film, "#words").send_keys("désert")
    first = wait(film, "return document.querySelector('#hits button')?.textContent")
    find(film, "#words").submit()
    assert "desert" in first and first.startswith(f"0:00:{position(film):02d}")


def test_words_that_the_film_does_not_have_are_said_to_be_nowhere(film):
    find(film, "#words").send_keys("nothing like this")
    wait(film, "return !document.getElementById('hits').hidden")
    assert find(film, "#hits").text == "Nothing of this film has all of these words."


def test_search_finds_by_title_and_says_how_many(catalogue):
    find(catalogue, "#search").send_keys("plain")
    assert titles(catalogue) == ["A plain film"]
    assert find(catalogue, "#found").text == "1 of 2 films"


def test_a_search_without_a_film_says_so(catalogue):
    find(catalogue, "#search").send_keys("nothing like this")
    assert titles(catalogue) == [] and "No film" in find(catalogue, "#found").text


def test_the_catalogue_is_sorted_as_asked(catalogue):
    assert titles(catalogue) == ["<script>alert(1)</script>", "A plain film"]
    find(catalogue, "#sort option[value=missing]").click()
    assert titles(catalogue) == ["A plain film", "<script>alert(1)</script>"]


def test_the_slash_leads_to_the_search(catalogue):
    find(catalogue, "body").send_keys("/")
    assert catalogue.switch_to.active_element.get_attribute("id") == "search"


def test_every_button_and_picture_has_a_name(film):
    nameless = """return [...document.querySelectorAll('button, a, img, canvas, [role]')].filter(e => !e.hidden
        && !e.textContent.trim() && !e.getAttribute('aria-label') && !e.alt
        && !e.closest('[aria-hidden=true], .bk-Figure, #preview')).map(e => e.outerHTML.slice(0, 120))"""
    assert film.execute_script(nameless) == []
