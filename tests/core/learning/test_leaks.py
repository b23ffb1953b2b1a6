"""Held-out films that are known ones are told: copies under another name, and episodes of one series."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from core._toy_model import MODEL

from cinelake.learning.candidate import prepare
from cinelake.learning.leaks import copied_stills, copies, leaks
from cinelake.learning.split import Split
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example

FILMS = 8


def numbers(seed: int, steps: int = 60) -> Array:
    """(T, 40) of a film: its own middle, and shots of a few steps each."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=40) + np.repeat(rng.normal(size=(steps // 5, 40)), 5, axis=0)).astype(np.float32)


def film(name: str, vectors: Array, group: str = "") -> Example:
    features = {"time_s": np.arange(len(vectors), dtype=float), "vectors": vectors}
    return Example(name, group or name, features, {"known": np.ones(len(vectors), bool)})


def learned() -> list[Example]:
    return [film(f"film_{seed}", numbers(seed)) for seed in range(FILMS)]


@pytest.mark.parametrize("noise, steps", [(0.0, 60), (0.2, 60), (0.2, 59)], ids=["copied", "encoded anew", "shorter"])
def test_a_film_under_two_names_is_found_on_both_sides(noise, steps):
    again = (numbers(3) + noise * np.random.default_rng(99).normal(size=(60, 40)))[:steps].astype(np.float32)
    assert [*copies(learned(), [film("strange", numbers(50)), film("again", again)])] == [("film_3", "again")]


@pytest.mark.parametrize("seed", range(3))
def test_films_of_one_kind_are_no_copies(seed):
    rng = np.random.default_rng(seed)
    look, story = rng.normal(size=40), rng.normal(size=(60, 40))  # what all of them share
    films = [film(f"f{n}", (look + story + rng.normal(size=(60, 40))).astype(np.float32)) for n in range(20)]
    assert not [*copies(films[:15], films[15:])]


def test_few_numbers_and_films_without_any_are_not_compared():
    flat = [film(name, np.ones((60, 4), np.float32)) for name in ("one", "two")]
    assert not [*copies(flat[:1], flat[1:])] and not [*copies([], flat)]


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_films_of_few_steps_may_be_alike_by_chance_and_are_not_compared(steps):
    rng = np.random.default_rng(steps)
    films = [film(f"f{n}", rng.normal(size=(steps, 8)).astype(np.float32)) for n in range(200)]
    assert not [*copies(films[:150], films[150:])]


@pytest.mark.parametrize(
    "one, other", [("creep_1", "creep_2"), ("foo_640x480_a", "foo_640x480_b"), ("apart_1", "apart_2")]
)
def test_a_name_that_only_ends_as_a_mark_of_an_episode_is_no_episode(one, other):
    assert not leaks(Split((film(one, numbers(0)),), (), (film(other, numbers(1)),)))


@pytest.mark.parametrize("one, other", [("show_s01e02", "show_s02_e1_pilot"), ("show_1x02", "show_episode_7")])
def test_episodes_on_both_sides_are_told_unless_people_grouped_them(one, other):
    def told(group: str) -> list[str]:
        sides = [film(name, numbers(seed), group) for seed, name in enumerate((one, other))]
        return leaks(Split((sides[0],), (), (sides[1],)))

    assert "episodes of show are on both sides: scores are too good" in told("")[0] and not told("own")


def test_parts_of_one_film_are_alike_and_not_told_again():
    halves = film("dawn", numbers(1))
    assert not leaks(Split((halves.steps(0, 30),), (), (halves.steps(30, 60),), by="time"))


def test_what_a_training_would_learn_from_tells_of_copies_on_both_sides(labelled, monkeypatch):
    monkeypatch.setattr("cinelake.learning.leaks.FEWEST_STEPS", 1)
    seeds = itertools.cycle(range(3))  # twelve films, of which three are different

    def features(tables: Any, config: Any) -> Arrays:
        found = MODEL.features(tables, config)
        return {**found, "vectors": numbers(next(seeds))[: len(found["time_s"])]}

    manifest = labelled.load()
    prepared = prepare(manifest, replace(manifest.model("loud"), spec=replace(MODEL, features=features)))
    assert "seem to be one film" in prepared.split.warning


def pictures(seed: int, count: int) -> Array:
    """(count, 24, 24) grey levels: each of soft random light."""
    light = np.random.default_rng(seed).normal(size=(count, 6, 6)).repeat(4, axis=1).repeat(4, axis=2)
    return np.clip(128 + 50 * light, 0, 255).astype(np.uint8)


def stills(name: str, patches: Array) -> Example:
    features = {"time_s": np.arange(len(patches), dtype=float), "patch": patches}
    return Example(name, name, features, {"known": np.ones(len(patches), bool)}, in_time=False)


@pytest.mark.parametrize("noise", [0, 6], ids=["to the byte", "encoded anew"])
def test_a_picture_under_two_names_is_found_on_both_sides(noise):
    shown = pictures(0, 60)
    strayed = np.random.default_rng(9).normal(size=(5, 24, 24)) * noise
    again = np.clip(shown[:5] + strayed, 0, 255).astype(np.uint8)
    held_out = stills("b", np.concatenate([pictures(1, 20), again]))
    assert np.flatnonzero(copied_stills([stills("a", shown)], [held_out])).tolist() == [20, 21, 22, 23, 24]


@pytest.mark.parametrize("classes", [1, 2])
def test_pictures_of_one_kind_are_no_copies(classes):
    rng = np.random.default_rng(classes)
    kinds = 20 * rng.normal(size=(classes, 40))
    sides = [(kinds[rng.integers(0, classes, 200)] + rng.normal(size=(200, 40))).astype(np.float32) for _ in "ab"]
    assert not copied_stills([stills("a", sides[0])], [stills("b", sides[1])]).any()


def test_copied_pictures_are_told_however_images_were_held_out():
    shown = pictures(0, 30)
    for by in ("film", "image"):
        sides = Split((stills("a", shown),), (), (stills("b", np.concatenate([shown[:2], pictures(1, 8)])),), by=by)
        assert "2 of 10 held-out images are copies of images that were learned from" in leaks(sides)[0]
