"""What a tuning searches: a range for each setting of a model's configuration.

{choice: [a, b, …]}    one of them
{int: [a, b]}          a whole number from a to b, both included
{uniform: [a, b]}      a number between a and b
{log_uniform: [a, b]}  a number whose logarithm is uniform; a above 0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cinelake.errors import UsageError, did_you_mean
from cinelake.spec.task import Params

KINDS = ("choice", "int", "log_uniform", "uniform")


def as_ranges(space: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A space with every range spelled out; a plain list is a choice."""
    return {
        name: {str(kind): values for kind, values in given.items()}
        if isinstance(given, Mapping)
        else {"choice": list(given)}
        for name, given in space.items()
    }


def range_problem(kind: str, values: Any) -> str:
    """What is wrong with a range; empty when nothing is."""
    if kind not in KINDS:
        return f"unknown range {kind!r}{did_you_mean(kind, KINDS)}"
    if kind == "choice":
        return "" if isinstance(values, list) and values else f"choice takes a list of values, received {values!r}"
    number = int if kind == "int" else (int, float)
    if not _are_two(values, number) or values[0] >= values[1]:
        return f"{kind} takes [from, to], two {'whole ' if kind == 'int' else ''}numbers in order, received {values!r}"
    return f"log_uniform begins above 0, received {values[0]}" if kind == "log_uniform" and values[0] <= 0 else ""


def _are_two(values: Any, number: Any) -> bool:
    right = [isinstance(value, number) and not isinstance(value, bool) for value in values]
    return len(right) == 2 and all(right)


def samples(kind: str, values: list[Any]) -> list[Any]:
    """Values of a valid range that show whether a setting takes what is drawn from it: its ends and one between."""
    if kind in ("choice", "int"):
        return list(values)
    return [*values, values[0] + (values[1] - values[0]) * 0.3819660113]


def space_problems(config: Params, space: Mapping[str, Any]) -> dict[str, str]:
    """Setting → what is wrong with its range: no such setting, no such range, a value that is not accepted."""
    problems = {name: _problem(config, name, given) for name, given in as_ranges(space).items()}
    return {name: problem for name, problem in problems.items() if problem}


def _problem(config: Params, name: str, given: dict[str, Any]) -> str:
    known = list(type(config).model_fields)
    if name not in known:
        return f"there is no setting {name!r}{did_you_mean(name, known)}"
    if len(given) != 1:
        return f"expected one of {', '.join(KINDS)}, received {given!r}"
    kind, values = next(iter(given.items()))
    return range_problem(kind, values) or _refused(config, name, samples(kind, values))


def _refused(config: Params, name: str, values: list[Any]) -> str:
    for value in values:
        try:
            type(config).model_validate({**config.model_dump(), name: value})
        except ValidationError as error:
            return f"{value!r}: {error.errors()[0]['msg']}"
    return ""


def check_space(model: str, config: Params, space: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise `UsageError` with all problems of a space, or when the space is empty."""
    if not space:
        raise UsageError(
            f"{model} has nothing to tune: write ranges under `models.{model}.space`, as in "
            "`{learning_rate: {log_uniform: [0.0001, 0.01]}}`"
        )
    problems = [f"  models.{model}.space.{name}: {text}" for name, text in space_problems(config, space).items()]
    if problems:
        raise UsageError("\n".join([f"what `tune` should search for {model} does not fit:", *problems]))
