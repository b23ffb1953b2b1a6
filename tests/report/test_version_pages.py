"""Pages of versions that stand alone: errors of one, two side by side."""

import re

import pytest
from _report_sites import write

from cinelake.learning.comparison import ComparedVersion, Comparison
from cinelake.learning.gate import Interval
from cinelake.learning.moments import Moment
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from report.version_errors import shown_errors
from report.version_pages import errors_page, write_comparison

MATRIX = {"classes": ["war", "love"], "counts": [[3, 1], [0, 2]]}
BINS = [{"low": 0.9, "high": 1.0, "count": 4, "mean": 0.95, "share": 0.75}]
TOLD = {
    "format": 1,
    "metric": "mean_f",
    "in_sample": False,
    "kind": "one",
    "steps": 6,
    "by_film": [{"movie_id": "evil", "scores": {"model": 0.5, "baseline": 0.25, "nearest": 0.6}}],
    "overall": {who: {"mean": 0.5, "low": None, "high": None} for who in ("model", "baseline", "nearest")},
    "moments": [{"movie_id": "evil", "time_s": 30.0, "label": "<b>war</b>", "said": ["love"], "by": 0.9}],
    "matrix": MATRIX,
    "classes": [{"class": "war", "support": 4, "hit": 3, "missed": 1, "false": 0, "right_not": 2}],
    "calibration": {"bins": BINS, "ece": 0.2},
}
CURVE = [
    {"learner": "logistic", "steps": 10, "film_count": 2, "mean": 0.3, "low": 0.2, "high": 0.4},
    {"learner": "logistic", "steps": 20, "film_count": 4, "mean": None, "said": "only one class"},
]


def nowhere(movie_id, _time_s):
    return {"title": movie_id, "link": "", "uri": "", "picture": None}


def planned(folder):
    return plan_manifest(load_manifest(folder / "pipeline.yaml"))


def test_a_matrix_has_the_share_of_each_row_and_its_support():
    (war, _love) = shown_errors(TOLD, None, nowhere)["matrix"]["rows"]
    assert war["support"] == 4 and [(c["share"], c["is_right"]) for c in war["cells"]] == [(0.75, True), (0.25, False)]


def test_the_formula_stands_beside_the_calibration_error():
    about = shown_errors(TOLD, None, nowhere)["calibration"]["about"]
    assert "0.200" in about and "ICML 2017" in about and "likeliest class" in about


def test_a_learning_curve_has_the_version_and_the_trivial_score_beside_it_and_says_what_was_not_learned():
    made = shown_errors(TOLD, CURVE, nowhere)["learning_curve"]
    assert [series["name"] for series in made["chart"]["series"]][1:] == [
        "this version, all labels",
        "trivial baseline",
    ]
    assert "With 20 labelled steps: only one class." in made["about"] and len(made["rows"]) == 1


def test_scores_of_too_few_films_have_no_interval_and_that_is_said():
    made = shown_errors(TOLD, None, nowhere)
    assert made["overall"][0] == "0.500" and made["interval_note"] == "too few films for an interval"


def test_brackets_are_explained_where_any_are_shown():
    overall = {**TOLD["overall"], "baseline": {"mean": 0.3, "low": 0.2, "high": 0.4}}
    made = shown_errors({**TOLD, "overall": overall}, None, nowhere)
    assert made["overall"][:2] == ["0.500", "0.300 [0.200, 0.400]"] and made["interval_note"].startswith("brackets")


def test_in_sample_errors_are_told_as_such(made_once):
    page = errors_page(planned(made_once), "beats 3", {**TOLD, "in_sample": True})
    assert "In-sample: the version has learned from these films" in page


def test_a_page_of_errors_holds_its_pictures_and_nothing_that_films_or_labels_say_is_markup(made_once):
    page = errors_page(planned(made_once), "beats 3", TOLD, CURVE)
    assert page.count("data:image/jpeg;base64,") == 1 and 'href="' not in page
    assert "&lt;b&gt;war" in page and "<script>" not in page


@pytest.fixture
def comparison():
    sides = [ComparedVersion(n, f"run{n}", "2026-11-29", {"key": "k"}, {}, n == 1) for n in (1, 2)]
    scores = {who: {"mean_f": 0.5} for who in ("a", "b", "baseline")}
    films = {"evil": {"a": 0.4, "b": 0.6, "baseline": 0.1}, "plain": {"a": 0.6, "b": 0.4, "baseline": 0.1}}
    moments = [Moment("plain", 12.5, "war", ("war", "love"), 0.8)]
    return Comparison("beats", "mean_f", "beats", *sides, scores, Interval(0.1, -0.1, 0.3), films, moments)


def test_two_versions_are_one_file_with_links_into_the_report(project, comparison):
    write(project)
    write_comparison(planned(project), comparison, project / "looks" / "difference.html")
    page = (project / "looks" / "difference.html").read_text()
    assert 'href="../site/films/plain/index.html#t=12.500"' in page and "data:image/jpeg" in page
    assert "not surely: the interval holds 0" in page


def test_the_film_that_loses_most_comes_first(made_once, tmp_path, comparison):
    write_comparison(planned(made_once), comparison, tmp_path / "difference.html")
    assert re.findall(r"[+-]0\.200", (tmp_path / "difference.html").read_text()) == ["-0.200", "+0.200"]


def test_a_page_of_errors_fits_a_telephone_and_complains_of_nothing(made_once, browser, tmp_path):
    from _browser import complaints, visit

    (tmp_path / "errors.html").write_text(errors_page(planned(made_once), "beats 3", TOLD, CURVE))
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    visit(browser, tmp_path / "errors.html")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390 and complaints(browser) == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
