"""Which films are learned from and which are held out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinelake.errors import CannotTrain
from cinelake.learning.gate import MIN_UNITS
from cinelake.learning.split import UNITS_OF_STILLS, folds, place, split, split_within
from cinelake.spec.example import Example


def enough_to_learn_from(names: list[str]) -> bool:
    """Two films at least are not held out by their hashes."""
    return sum(place(name) >= 0.25 for name in names) > 2


NAMES = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=8, max_size=40, unique=True).filter(
    enough_to_learn_from
)


def film(name: str, group: str = "", steps: int = 20) -> Example:
    """A film of unlabelled content; all steps count."""
    time_s = np.arange(steps, dtype=float)
    return Example(name, group or name, {"time_s": time_s}, {"known": np.ones(steps, bool)})


def sides_of(names: list[str]) -> dict[str, set[str]]:
    return {side: set(films) for side, films in split([film(name) for name in names]).films().items()}


@given(NAMES)
def test_every_film_is_on_one_side_and_no_side_is_empty(names: list[str]) -> None:
    sides = sides_of(names)
    assert sorted(name for films in sides.values() for name in films) == sorted(names)
    assert all(sides.values())


@given(NAMES, st.from_regex(r"new_[a-z]{1,8}", fullmatch=True))
def test_a_film_that_was_learned_from_is_never_held_out_when_another_comes(names: list[str], new: str) -> None:
    before, after = sides_of(names), sides_of([*names, new])
    assert not before["train"] & after["test"]


@given(NAMES)
def test_films_held_out_by_their_hash_stay_held_out(names: list[str]) -> None:
    by_hash = {name for name in names if place(name) < 0.25}
    assert by_hash <= sides_of(names)["test"]


@given(NAMES)
def test_as_many_films_are_held_out_as_a_gain_can_be_judged_of(names: list[str]) -> None:
    assert len(sides_of(names)["test"]) >= MIN_UNITS


def names_below(share: float, count: int) -> list[str]:
    """The first film names whose hashes place them below `share`."""
    return list(itertools.islice((name for n in itertools.count() if place(name := f"film_{n}") < share), count))


def test_films_that_all_stand_near_the_validation_side_still_leave_one_to_learn_from():
    sides = sides_of(names_below(0.25, 6) + [n for n in names_below(0.4, 60) if place(n) >= 0.25][:2])
    assert [len(sides[side]) for side in ("test", "validation", "train")] == [6, 1, 1]


def test_films_that_are_all_held_out_by_their_hashes_are_told_so():
    with pytest.raises(CannotTrain, match="8 of them are held out by their names, which leaves 0 to learn from"):
        sides_of(names_below(0.25, 8))


def test_a_series_is_not_torn_apart():
    examples = [film(f"film_{n}", group=f"series_{n % 9}") for n in range(36)]
    found = split(examples)
    groups = [{e.group for e in side} for side in (found.train, found.validation, found.test)]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]


def test_blocks_of_time_come_in_order_and_tile_the_film():
    found = split_within([film("only", steps=100)])
    ends = [side[0].features["time_s"][[0, -1]].tolist() for side in (found.train, found.validation, found.test)]
    assert ends == [[0, 54], [55, 69], [70, 99]] and found.by == "time"


def test_a_film_too_short_to_be_cut_cannot_be_trained_on():
    with pytest.raises(CannotTrain, match="blocks of time would have"):
        split([film("short", steps=6)])


def test_in_cross_validation_each_film_is_scored_once_and_never_learned_from_there():
    examples = [film(f"film_{n}") for n in range(10)]
    found = folds(examples, 3)
    assert sorted(e.movie_id for _, scored in found for e in scored) == sorted(e.movie_id for e in examples)
    assert all(not {e.movie_id for e in learned} & {e.movie_id for e in scored} for learned, scored in found)


def test_a_single_film_is_cross_validated_in_contiguous_blocks():
    found = folds([film("only", steps=50)], 5)
    assert [len(scored[0]) for _, scored in found] == [10] * 5
    assert [sum(map(len, learned)) for learned, _ in found] == [40] * 5


# --- stills, which have no time


def stills(counts: dict[str, int], name: str = "faces", start: int = 0) -> Example:
    """Stills sorted by class, as files often have them."""
    classes = np.repeat(list(counts), list(counts.values()))
    time_s = np.arange(start, start + len(classes), dtype=float)
    targets = {"emotion": classes, "known": np.ones(len(classes), bool)}
    return Example(name, name, {"time_s": time_s}, targets, in_time=False)


def classes_of(side: tuple[Example, ...]) -> dict[str, int]:
    names = np.concatenate([example.targets["emotion"] for example in side])
    return {str(name): int(count) for name, count in zip(*np.unique(names, return_counts=True), strict=True)}


def test_stills_sorted_by_class_are_on_every_side_in_every_class() -> None:
    found = split([stills({"angry": 60, "happy": 100, "sad": 20, "surprised": 4})])
    counts = [classes_of(side) for side in (found.train, found.validation, found.test)]
    assert all(set(count) == {"angry", "happy", "sad", "surprised"} for count in counts)
    assert found.by == "image" and "images drawn within each class are held out" in found.warning


def test_a_still_keeps_its_side_when_others_come() -> None:
    before = split([stills({"angry": 60, "happy": 60})])
    more = [stills({"angry": 60, "happy": 60}), stills({"angry": 30}, start=120)]
    learned = {t for e in before.train for t in e.features["time_s"]}
    held_out = {t for e in split(more).test for t in e.features["time_s"]}
    assert not learned & held_out


def test_held_out_stills_are_many_units_and_each_counts_once() -> None:
    found = split([stills({"angry": 400, "happy": 400})])
    seconds = np.concatenate([example.features["time_s"] for example in found.test])
    assert len(found.test) == UNITS_OF_STILLS and len(set(seconds.tolist())) == len(seconds)


def test_in_cross_validation_stills_of_one_source_are_dealt_out_class_by_class() -> None:
    found = folds([stills({"angry": 9, "sad": 3})], 3)
    assert [classes_of(scored) for _, scored in found] == [{"angry": 3, "sad": 1}] * 3


# --- what is held out by name


def test_the_named_source_is_held_out_and_nothing_else() -> None:
    sources = [stills({"a": 40, "b": 40}, "images_training"), stills({"a": 9, "b": 9}, "images_publictest")]
    found = split(sources, ["PublicTest"])
    assert found.films() == {
        "train": ["images_training"],
        "validation": ["images_training"],
        "test": ["images_publictest"],
    }
    assert sum(map(len, found.train)) + sum(map(len, found.validation)) == 80 and not found.warning


def test_a_series_is_held_out_by_its_name() -> None:
    examples = [film(f"film_{n}", group=f"series_{n % 3}") for n in range(9)]
    assert {e.group for e in split(examples, ["series_1"]).test} == {"series_1"}


def test_a_film_held_out_by_name_is_told_to_tear_its_series_apart() -> None:
    found = split([film(f"film_{n}", group=f"series_{n % 3}") for n in range(9)], ["film_4"])
    assert found.films()["test"] == ["film_4"] and "tears series_1 apart" in found.warning


def test_a_name_that_no_label_has_is_refused_with_close_matches() -> None:
    with pytest.raises(CannotTrain, match="did you mean 'series_1'"):
        split([film(f"film_{n}", group=f"series_{n % 3}") for n in range(9)], ["serie_1"])


def test_holding_out_everything_is_refused() -> None:
    with pytest.raises(CannotTrain, match="nothing is left to learn from"):
        split([film("a"), film("b")], ["a", "b"])


# --- stills of which one teaches its class


def portraits(counts: dict[str, int]) -> list[Example]:
    """Each still a source of its own."""
    names = [name for name, count in counts.items() for _ in range(count)]
    return [stills({name: 1}, f"images_{number}") for number, name in enumerate(names)]


def test_one_portrait_of_each_person_is_learned_from_and_nothing_is_held_out() -> None:
    found = split(portraits(dict.fromkeys("abcde", 1)), singles=True)
    assert found.by == "none" and len(found.train) == len(found.test) == 5
    assert "scores are in-sample" in found.warning


def test_of_a_few_portraits_those_are_held_out_whose_person_has_others() -> None:
    found = split(portraits({"a": 2, "b": 2, "c": 2, "d": 1}), singles=True)
    assert found.by == "image" and classes_of(found.test) == {"a": 1, "b": 1, "c": 1}
    assert classes_of(found.train) == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_held_out_portraits_of_one_folder_are_units_of_an_interval() -> None:
    found = split([stills({"a": 4, "b": 4, "c": 4, "d": 1}, "images_cast")], singles=True)
    assert found.by == "image" and len(found.test) == sum(map(len, found.test)) >= MIN_UNITS


def test_the_only_portrait_of_a_person_is_never_held_out() -> None:
    found = split(portraits({"a": 20, **dict.fromkeys("bcdefghij", 1)}), singles=True)
    assert found.by == "film" and set(classes_of(found.test)) == {"a"}
    assert set(classes_of(found.train)) >= set("bcdefghij")


def test_portraits_beside_a_film_that_is_too_short_to_be_cut_are_learned_from_with_it() -> None:
    labelled = film("short", steps=4)
    labelled.targets["emotion"] = np.array([""] * 4)
    found = split([*portraits({"a": 1, "b": 2}), labelled], singles=True)
    assert found.by == "none" and len(found.train) == 4


def test_films_are_split_as_ever_where_no_still_is_alone() -> None:
    films = [film(f"film_{n}") for n in range(10)]
    assert split(films, singles=True).films() == split(films).films()
