"""Tasks: how a declaration is read, and how a task is found by name, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from _toy_tasks import Cards, Clock, Echoes, Sums

from cinelake.errors import UnknownName
from cinelake.spec.contract import Contract
from cinelake.spec.settings import sentences_of
from cinelake.spec.task import (
    Params,
    Resources,
    SoundStream,
    TaskSpec,
    VideoClock,
    VideoStream,
    find_task,
    known_tasks,
    task,
)

NUMBERS = Contract("numbers", "Numbers.", [], key=[])


class Choice(Params):
    """Parameters of a task that reads what they say."""

    sound: bool = False
    """Sound instead of pictures."""
    tables: tuple[str, ...] = ()
    """Tables instead of a stream."""


def declared(**options: Any) -> TaskSpec:
    spec: TaskSpec = task(writes=NUMBERS, version=1, **options)(type("Numbers", (), {})).spec
    return spec


def test_a_task_of_one_s_own_package_is_found_beside_the_house_s(own_tasks: Callable[..., None]) -> None:
    own_tasks(Cards, Sums)
    assert find_task("cards") is Cards.spec
    assert {"cards", "sums", "shots"} <= set(known_tasks())


def test_a_task_of_one_s_own_may_take_the_place_of_the_house_s(own_tasks: Callable[..., None]) -> None:
    shots = task(writes=Contract("shots", "Other shots.", [], key=[]), reads=VideoClock(), version=9)
    globals()["OwnShots"] = shots(type("OwnShots", (), {"__module__": __name__}))
    own_tasks(globals()["OwnShots"])
    assert find_task("shots").version == 9


def test_private_modules_of_the_room_are_no_tasks() -> None:
    assert not [name for name in known_tasks() if name.startswith("_")]


def test_an_unknown_task_gets_its_close_matches(own_tasks: Callable[..., None]) -> None:
    own_tasks(Cards, Clock)
    with pytest.raises(UnknownName, match="unknown task 'clok': did you mean 'clock'"):
        find_task("clok")


@pytest.mark.parametrize("name", ["os", "_cuts", "../shots", "shots.", ""])
def test_only_tasks_are_imported_by_name(name: str) -> None:
    with pytest.raises(UnknownName):
        find_task(name)


@pytest.mark.parametrize("name", known_tasks())
def test_every_task_of_the_room_writes_the_table_it_is_named_for_and_says_what_it_does(name: str) -> None:
    spec = find_task(name)
    assert (spec.name, spec.contract.table) == (name, name)
    assert spec.doc and spec.contract.doc and all(column.doc for column in spec.contract.columns)


@pytest.mark.parametrize("name", known_tasks())
def test_every_parameter_of_every_task_has_a_sentence_and_a_default(name: str) -> None:
    params = find_task(name).params
    assert set(sentences_of(params)) == set(params.model_fields)
    assert [field for field, about in params.model_fields.items() if about.is_required()] == []


def test_what_a_task_reads_may_follow_from_its_parameters() -> None:
    spec = declared(reads=lambda p: list(p.tables) or (SoundStream() if p.sound else VideoStream(fps=1)), params=Choice)
    assert spec.stream(Choice()) == VideoStream(fps=1)
    assert spec.stream(Choice(sound=True)) == SoundStream()
    assert (spec.stream(Choice(tables=("a", "b"))), spec.inputs(Choice(tables=("a", "b")))) == (None, ("a", "b"))


def test_tables_that_are_followed_are_inputs_like_those_that_are_read() -> None:
    assert Echoes.spec.inputs(Echoes.spec.params()) == ("cards",)
    assert declared(reads=["a", "b"], follows=("b", "c")).inputs(Params()) == ("a", "b", "c")


def test_a_misspelt_parameter_is_refused_and_given_ones_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        Choice(sond=True)
    with pytest.raises(ValueError, match="frozen"):
        Choice().sound = True


def test_what_a_task_needs_is_declared_beside_it() -> None:
    assert declared(reads=["a"], resources=Resources(gpus=0.25)).resources.gpus == 0.25
