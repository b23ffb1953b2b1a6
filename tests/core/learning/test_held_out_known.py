"""Which held-out films a version is said to have learned from: those by which its score is flattered, and no others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from core._toy_model import MODEL, Config

from cinelake.learning.candidate import held_out_known_to, split_unknown_to, train_artefact, without_known_stills
from cinelake.learning.comparison import _sides, _without_stills
from cinelake.learning.split import Split, place, split
from cinelake.spec.example import Example
from cinelake.spec.training import Training

OwnModels = Callable[..., None]
HELD_OUT = next(name for name in map("images_{}".format, range(99)) if place(name) < 0.25)


def example(name: str, people: list[str], *, in_time: bool) -> Example:
    """A step a person."""
    count = len(people)
    return Example(
        name, name, {"time_s": np.arange(float(count)), "level": np.zeros(count)},
        {"person": np.array(people), "loud": np.zeros(count, bool), "known": np.ones(count, bool)}, in_time,
    )  # fmt: skip


FILMS = [example(f"film_{n}", ["a", "b"] * 5, in_time=True) for n in range(12)]
GALLERY = example(HELD_OUT, ["a", "a", "b", "b", "c"], in_time=False)


def prepared(examples: list[Example], *, all_films: bool = False) -> Any:
    """The data of a model that single stills teach, split."""
    sides = split(examples, singles=True)
    dataset = SimpleNamespace(inputs={})
    return SimpleNamespace(entry=SimpleNamespace(spec=MODEL), split=sides, all_films=all_films, dataset=dataset)


def test_stills_that_are_alone_in_their_class_do_not_make_their_held_out_source_known(
    tmp_path: Path, own_models: OwnModels
) -> None:
    own_models(MODEL)
    data = prepared([*FILMS, GALLERY])
    version = train_artefact(data, Config(), Training(tmp_path), tmp_path / "version")
    assert HELD_OUT in version.trained_on and HELD_OUT in data.split.films()["test"]
    assert held_out_known_to(version, data.split) == []


def test_a_source_that_is_scored_whole_is_known_by_a_part_of_it(tmp_path: Path, own_models: OwnModels) -> None:
    own_models(MODEL)
    data = prepared([*FILMS, GALLERY])
    version = train_artefact(data, Config(), Training(tmp_path), tmp_path / "version")
    whole = (GALLERY,)
    assert held_out_known_to(version, Split(whole, (), whole)) == [HELD_OUT]


def test_a_version_of_all_films_knows_that_source_too(tmp_path: Path, own_models: OwnModels) -> None:
    own_models(MODEL)
    data = prepared([*FILMS, GALLERY], all_films=True)
    version = train_artefact(data, Config(), Training(tmp_path), tmp_path / "version")
    assert held_out_known_to(version, data.split) == [HELD_OUT]


def test_versions_are_compared_on_what_their_training_holds_out() -> None:
    portraits = [example(f"images_{name}_{n}", [name], in_time=False) for name in "abc" for n in range(2)]
    spec, settings = SimpleNamespace(singles=True), SimpleNamespace(held_out=0.25)
    entry: Any = SimpleNamespace(spec=spec, settings=settings, labels="cast")
    dataset: Any = SimpleNamespace(examples=portraits)
    assert _sides(entry, dataset, None).films() == split(portraits, singles=True).films()


def test_a_still_that_was_alone_in_its_class_is_not_compared_on_once_it_has_company(
    tmp_path: Path, own_models: OwnModels
) -> None:
    """It was learned from then, and may be held out now: the older of two versions would know its answer."""
    own_models(MODEL)
    data = prepared([*FILMS, GALLERY])
    version = train_artefact(data, Config(), Training(tmp_path), tmp_path / "version")
    assert version.facts["learned_stills"] == {HELD_OUT: [4.0]}
    grown = split([*FILMS, example(HELD_OUT, ["a", "a", "b", "b", "c", "c"], in_time=False)], singles=True)
    left = [unit for unit in without_known_stills(version, grown.test) if unit.movie_id == HELD_OUT]
    seconds = [second for unit in left for second in unit.features["time_s"]]
    assert sorted(seconds) == [0.0, 1.0, 2.0, 3.0, 5.0]
    judged = split_unknown_to(version, grown)
    assert sum(map(len, judged.test)) == sum(map(len, grown.test)) - 1
    assert "1 held-out image is left out: the champion has learned from it" in judged.warning
    assert split_unknown_to(version, data.split) is data.split


def test_what_each_of_two_versions_has_learned_from_a_source_is_told() -> None:
    """What the second had learned from hid the first's."""
    known = [SimpleNamespace(facts={"learned_stills": {HELD_OUT: seconds}}) for seconds in ([1.0], [2.0, 3.0])]
    found: Any = [(SimpleNamespace(name=f"version {n}"), version) for n, version in enumerate(known, 1)]
    sides, said = _without_stills(found, [Split((), (), (GALLERY,))] * 2, {HELD_OUT})
    assert said[HELD_OUT].startswith("1 of its images: version 1 has learned") and "; 2 of its images" in said[HELD_OUT]
    assert [len(unit) for side in sides for unit in side.test] == [2, 2]
