"""Agreement between annotators, on numbers worked by hand."""

from itertools import pairwise

import pytest
from core._labelled import FACES, SCENES, TAGS, scene, take

from cinelake.errors import UsageError
from cinelake.labels.agreement import find_agreement, krippendorff_alpha
from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.labels import LabelContract

BOUNDARIES = LabelContract("Scenes.", "spans", (), overlap=False)
FILMS = {"dawn": FilmFacts(60.0), "dusk": FilmFacts(30.0)}


def labelled(root, contract, **by):
    """What annotators say: for each a list of rows."""
    for annotator, rows in by.items():
        take(root, *rows, contract=contract, annotator=annotator)
    return find_agreement(root, "toy", contract, FILMS)


def test_alpha_of_names_is_that_of_the_book():
    """Krippendorff (2011), example of nominal data by two observers: 0.692."""
    one = ["a", "a", "b", "b", "d", "c", "c", "c", "e", "d", "d", "a"]
    other = ["b", "a", "b", "b", "b", "c", "c", "c", "e", "d", "d", "d"]
    assert krippendorff_alpha(list(zip(one, other, strict=True))) == pytest.approx(0.692, abs=5e-4)


def test_alpha_of_numbers_counts_squared_differences():
    assert krippendorff_alpha([(1.0, 1.0), (2.0, 2.0), (3.0, 4.0)], interval=True) == pytest.approx(1 - 5 * 2 / 82)


def test_alpha_of_one_value_alone_is_not_told():
    assert krippendorff_alpha([("a", "a"), ("a", "a")]) is None


def test_seconds_of_one_class_at_a_time_are_compared(tmp_path):
    maria = [scene(start=0, end=30), scene(start=30, end=60, kind="sorrow")]
    jo = [scene(start=0, end=45), scene(start=45, end=60, kind="sorrow")]
    (found,) = labelled(tmp_path, SCENES, maria=maria, jo=jo)
    assert (found.movie_id, found.annotators, found.units) == ("dawn", ("jo", "maria"), 60)
    assert found.kappa == pytest.approx(0.5)


def test_classes_that_may_overlap_are_compared_one_by_one(tmp_path):
    maria = [scene(start=0, end=30), scene(start=0, end=60, kind="sorrow")]
    jo = [scene(start=0, end=30), scene(start=0, end=30, kind="sorrow")]
    chase, sorrow, mean = labelled(tmp_path, TAGS, maria=maria, jo=jo)
    assert (chase.what, chase.kappa, sorrow.what, sorrow.kappa) == ("chase", 1.0, "sorrow", 0.0)
    assert mean.what == "" and mean.kappa == 0.5


def test_beginnings_within_a_second_are_the_same(tmp_path):
    rows = [{"movie_id": "dawn", "start_s": start, "end_s": end} for start, end in ((0, 10), (10, 60))]
    near = [{"movie_id": "dawn", "start_s": start, "end_s": end} for start, end in ((0, 10.6), (10.6, 60))]
    (found,) = labelled(tmp_path, BOUNDARIES, maria=rows, jo=near)
    assert found.f1 == 1.0 and found.units == 60


def test_moments_are_compared_where_both_labelled(tmp_path):
    maria = [{"movie_id": "dawn", "time_s": time, "kind": "chase"} for time in (1, 2, 3)]
    jo = [{"movie_id": "dawn", "time_s": time, "kind": kind} for time, kind in ((1, "chase"), (2, "sorrow"))]
    found = {part.what: part.units for part in labelled(tmp_path, FACES, maria=maria, jo=jo)}
    assert found["chase"] == 2


def test_several_films_are_told_one_by_one_and_together(tmp_path):
    both = [scene(), scene("dusk", end=20)]
    found = labelled(tmp_path, SCENES, maria=both, jo=both)
    assert [part.movie_id for part in found] == ["dawn", "dusk", ""] and found[2].kappa == 1.0


def test_the_newest_version_of_each_annotator_speaks(tmp_path):
    take(tmp_path, scene(end=60, kind="sorrow"), annotator="maria")
    (found,) = labelled(tmp_path, SCENES, jo=[scene(end=30)], maria=[scene(end=30)])
    assert found.kappa == 1.0


def test_labels_of_whole_films_have_no_seconds(tmp_path):
    with pytest.raises(UsageError, match="of whole films"):
        find_agreement(tmp_path, "toy", LabelContract("Genres.", "films", ()), FILMS)


def test_moments_in_the_middle_of_seconds_are_each_compared(tmp_path):
    by = {"maria": "cscs", "jo": "cssc"}
    kinds = {"c": "chase", "s": "sorrow"}
    rows = {
        who: [{"movie_id": "dawn", "time_s": second + 0.5, "kind": kinds[kind]} for second, kind in enumerate(said)]
        for who, said in by.items()
    }
    found = labelled(tmp_path, FACES, **rows)
    assert {(part.units, part.kappa) for part in found} == {(4, 0.0)}


def test_labels_by_shots_are_compared_by_shots_alone(tmp_path):
    def by_shots(*first):
        return [{"movie_id": "dawn", "start_shot": a, "end_shot": b} for a, b in pairwise([*first, 6])]

    (found,) = labelled(tmp_path, BOUNDARIES, maria=by_shots(0, 2), jo=by_shots(0, 3))
    assert (found.units, found.f1) == (6, None) and found.kappa == pytest.approx(0.25)
