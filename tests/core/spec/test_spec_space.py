"""What a tuning searches: sound ranges of settings that there are, with values that the configuration takes."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from cinelake.errors import UsageError
from cinelake.spec.space import as_ranges, check_space, space_problems
from cinelake.spec.task import Params


class Config(Params):
    """A configuration to search."""

    layers: Annotated[int, Field(ge=1)] = 2
    """How many."""
    learning_rate: float = 0.001
    """How fast."""
    network: str = "bilstm"
    """Which."""


SOUND = {
    "layers": {"int": [1, 4]},
    "learning_rate": {"log_uniform": [1e-5, 1e-2]},
    "network": {"choice": ["bilstm", "wavenet"]},
}


def problem(name: str, given: dict[str, Any]) -> str:
    return space_problems(Config(), {name: given}).get(name, "")


def test_a_sound_space_has_no_problems() -> None:
    assert space_problems(Config(), SOUND) == {}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("lyers", {"int": [1, 4]}, "no setting 'lyers': did you mean 'layers'?"),
        ("layers", {"integer": [1, 4]}, "unknown range 'integer': did you mean 'int'?"),
        ("layers", {"int": [0, 4]}, "0: Input should be greater than or equal to 1"),
        ("layers", {"int": [4, 1]}, "two whole numbers in order, received [4, 1]"),
        ("layers", {"uniform": [1, 3]}, "1.76"),
        ("layers", {"int": [1, 4], "choice": [2]}, "expected one of"),
        ("learning_rate", {"log_uniform": [0.0, 1.0]}, "begins above 0, received 0.0"),
        ("learning_rate", {"uniform": [0.1]}, "received [0.1]"),
        ("learning_rate", {"uniform": [False, True]}, "received [False, True]"),
        ("network", {"choice": ["bilstm", 3]}, "3: Input should be a valid string"),
    ],
)
def test_a_problem_names_the_rule_and_what_was_received(name: str, given: dict[str, Any], words: str) -> None:
    assert words in problem(name, given)


def test_a_plain_list_is_a_choice() -> None:
    assert as_ranges({"network": ["bilstm", "wavenet"]}) == {"network": {"choice": ["bilstm", "wavenet"]}}


def test_all_problems_of_a_space_come_at_once() -> None:
    with pytest.raises(UsageError, match=r"(?s)space\.lyers.*space\.network"):
        check_space("scenes", Config(), {"lyers": {"int": [1, 2]}, "network": {"choice": [3]}})


def test_a_model_without_a_space_says_where_to_write_one() -> None:
    with pytest.raises(UsageError, match=r"models\.scenes\.space"):
        check_space("scenes", Config(), {})
