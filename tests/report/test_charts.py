"""Charts lie within their pictures and their axes have round numbers."""

import pytest

from report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Series, chart, place_between, ticks


def test_a_line_lies_within_its_picture():
    made = chart([Series("loss", [(0, 3.0), (1, 1.0), (2, 2.0)])], "epoch", "loss")
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert made["series"][0]["line"] == f"{LEFT:.1f},{TOP:.1f} {middle},{HEIGHT - BOTTOM:.1f} {WIDTH - RIGHT:.1f},88.0"


def test_a_line_that_stays_is_in_the_middle():
    assert chart([Series("loss", [(0, 1.0), (1, 1.0)])], "epoch", "loss")["series"][0]["line"].endswith(",88.0")


def test_intervals_belong_to_the_axis():
    made = chart([Series("f1", [(0, 0.5), (1, 0.5)], [(0.1, 0.9), None])], "labels", "f1")
    assert made["series"][0]["bars"] == [{"x": LEFT, "low": HEIGHT - BOTTOM, "high": TOP}]


def test_a_heavier_dot_has_the_larger_area():
    dots = chart([Series("bins", [(0, 0), (1, 1)], weights=[25, 100], has_dots=True)], "x", "y")["series"][0]["dots"]
    assert dots[1]["r"] == 2 * dots[0]["r"]


@pytest.mark.parametrize(("low", "high", "words"), [(0, 1, ["0.0", "0.5", "1.0"]), (0, 1200, ["0", "500", "1,000"])])
def test_numbers_of_an_axis_are_round(low, high, words):
    assert [text for _, text in ticks(low, high, 4)] == words


def test_a_track_without_length_has_its_mark_in_the_middle():
    assert place_between(1, 1, 1, 120) == 60
