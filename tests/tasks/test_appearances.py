"""Appearances: frames become spans that stand for their sampling step and never go over a cut."""

from collections.abc import Sequence

import numpy as np
import pytest

from cinelake.spec.task import find_task
from tasks.actor_appearances import sightings
from tasks.appearances import APPEARANCES
from tasks.shared.appearance_spans import Sightings, SpanParams, as_batch, cells, spans_of

ONE_SHOT = (np.array([0.0]), np.array([10.0]))
TWO_SHOTS = (np.array([0.0, 2.2]), np.array([2.2, 4.0]))


def seen(*columns: Sequence[int], step_s: float = 1.0) -> Sightings:
    """Who is in pictures taken every `step_s` seconds; one column a character: a, b …"""
    present = np.array(columns).T > 0
    return Sightings(list("abc")[: len(columns)], np.arange(len(present)) * step_s, present, present * 0.8)


def found(sightings: Sightings, shots: tuple[np.ndarray, np.ndarray], **params: float) -> list[tuple]:
    return [
        (s.character, round(s.start_s, 3), round(s.end_s, 3)) for s in spans_of(sightings, *shots, SpanParams(**params))
    ]


def test_a_picture_stands_for_half_of_the_way_to_its_neighbours():
    assert found(seen([0, 0, 1, 1, 0]), ONE_SHOT) == [("a", 1.5, 3.5)]


def test_nobody_is_carried_over_a_cut():
    assert found(seen([0, 0, 1, 0, 0]), TWO_SHOTS) == [("a", 1.5, 2.2)]


def test_presence_on_both_sides_of_a_cut_is_two_spans_that_meet():
    assert found(seen([0, 1, 1, 1, 0]), TWO_SHOTS) == [("a", 0.5, 2.2), ("a", 2.2, 3.5)]


def test_the_first_picture_of_a_shot_stands_for_its_beginning_too():
    assert found(seen([0, 0, 0, 1, 1]), (np.array([0.0, 2.2]), np.array([2.2, 4.5]))) == [("a", 2.2, 4.5)]


def test_no_picture_stands_for_more_than_a_sampling_step():
    shot, begin, end = cells(np.array([5.0, 6.0]), *ONE_SHOT)
    assert (begin[0], end[-1]) == (4.0, 7.0)
    assert shot.tolist() == [0, 0]


@pytest.mark.parametrize(("bridge_s", "spans"), [(0, 2), (1, 1)])
def test_short_absences_within_a_shot_can_be_bridged(bridge_s: float, spans: int):
    assert len(found(seen([1, 0, 1]), ONE_SHOT, bridge_s=bridge_s)) == spans


def test_spans_that_are_too_short_are_dropped():
    assert found(seen([0, 1, 0, 1, 1]), ONE_SHOT, min_s=1.5) == [("a", 2.5, 5.0)]


def test_several_are_there_at_once_by_name():
    assert found(seen([1, 1], [0, 1]), ONE_SHOT) == [("a", 0, 2), ("b", 0.5, 2)]


def test_the_seconds_of_all_who_are_there_add_up_to_the_shots():
    spans = found(seen([1, 1, 1, 1], [0, 0, 0, 0]), TWO_SHOTS)
    assert sum(end - start for _, start, end in spans) == pytest.approx(4.0)


def test_spans_keep_the_contract():
    batch = as_batch(APPEARANCES, "film", spans_of(seen([0, 1, 1], [1, 1, 0]), *ONE_SHOT, SpanParams()))
    APPEARANCES.check(batch, "film")
    assert batch["confidence"].to_pylist() == pytest.approx([0.8, 0.8])


def test_a_film_without_pictures_has_no_appearances():
    nothing = Sightings(["a"], np.zeros(0), np.zeros((0, 1), bool), np.zeros((0, 1)))
    assert spans_of(nothing, *ONE_SHOT, SpanParams()) == []


def test_pictures_without_a_face_end_an_actors_appearance():
    features = {"time_s": np.array([0.0, 0.0, 2.0])}
    names = {"character": np.array(["ada", "", "ada"]), "likeness": np.array([0.9, 0.1, 0.7])}
    who = sightings(features, names, np.arange(3.0))
    assert who.cast == ["ada"]
    assert who.present.ravel().tolist() == [True, False, True]


def test_both_ways_give_one_kind_of_table():
    names = [[c.name for c in find_task(task).contract.columns] for task in ("appearances", "actor_appearances")]
    assert names[0] == names[1]
    assert names[0][:3] == ["character", "start_s", "end_s"]


def test_actors_are_found_by_the_model_of_identities():
    assert find_task("actor_appearances").applies == "identities"
