"""A version's errors as pages show them."""

from report.version_errors import shown_errors


def test_a_film_that_does_not_define_the_score_has_a_dash_and_no_mark():
    bounds = {"mean": 0.7, "low": 0.6, "high": 0.8}
    silent, told = {"model": None, "baseline": None}, {"model": 0.7, "baseline": 0.1}
    films = [{"movie_id": "told", "scores": told}, {"movie_id": "silent", "scores": silent}]
    errors = {"metric": "map", "in_sample": False, "by_film": films, "overall": {"model": bounds, "baseline": bounds}}
    shown = shown_errors(errors, None, lambda movie_id, _time_s: {"title": movie_id})["films"]
    assert [film["values"] for film in shown] == [["0.700", "0.100"], ["–", "–"]]
    assert shown[0]["place"] is not None and shown[1]["place"] is shown[1]["base"] is None
