"""Functions that models name as text (`Late`) are there, and take and return what `Model` says."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from pkgutil import resolve_name
from typing import Any

import pyarrow as pa
import pytest

from cinelake.spec.model import Late, Model, Opinion, find_model, known_models
from cinelake.spec.training import Training

NAMES = {"pa": pa, "Training": Training}
"""Types that modules import for type checkers alone."""


def late_functions() -> Iterator[Any]:
    """Each late function of each model, with the type that it must have."""
    fields, opinions = (typing.get_type_hints(declaration, localns=NAMES) for declaration in (Model, Opinion))
    for name in known_models():
        declared = find_model(name)
        found = {field: (getattr(declared, field), wanted) for field, wanted in fields.items()}
        found |= {f"opinions.{kind}": (one.judge, opinions["judge"]) for kind, one in declared.opinions.items()}
        for field, (value, wanted) in found.items():
            if isinstance(value, Late):
                yield pytest.param(value, wanted, id=f"{name}.{field}")


@pytest.mark.parametrize(("late", "wanted"), list(late_functions()))
def test_a_late_function_takes_and_returns_what_the_declaration_says(late: Late, wanted: Any) -> None:
    function = resolve_name(late.name)
    parameters, returned = typing.get_args(wanted)
    hints = typing.get_type_hints(function, localns=NAMES)
    found = [hints[name] for name in inspect.signature(function).parameters]
    assert len(found) == len(parameters)
    assert [type_ for type_, one in zip(found, parameters, strict=True) if one is not Any and one != type_] == []
    assert hints["return"] == returned


@pytest.mark.parametrize("name", known_models())
def test_training_and_scores_are_late_in_every_model(name: str) -> None:
    declared = find_model(name)
    assert {type(function) for function in (declared.train, declared.score_film, declared.summarise)} == {Late}


def test_a_late_function_that_is_not_there_is_missed_when_it_is_called() -> None:
    with pytest.raises(AttributeError, match="nowhere"):
        Late("models.scenes.scores:nowhere")()
