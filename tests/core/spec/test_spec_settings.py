"""Settings, and the sentences under them."""

from typing import Annotated

import pytest
from pydantic import Field

from cinelake.spec.settings import Settings, sentences_of


class Lamp(Settings):
    """What a lamp is set to."""

    watts: Annotated[float, Field(gt=0)] = 40.0
    """Power in watts,

    at most 60 in the shade."""
    colour: str = Field(default="white", description="said by itself")
    """Never read."""
    is_on: bool = False


class Torch(Lamp):
    """A lamp that is carried."""

    length_m: float = 0.2
    """Length in metres."""


def test_what_stands_under_a_setting_describes_it_in_the_schema():
    properties = Lamp.model_json_schema()["properties"]
    assert properties["watts"]["description"] == "Power in watts,\n\nat most 60 in the shade."
    assert "description" not in properties["is_on"]


def test_a_description_that_is_given_stays():
    assert Lamp.model_json_schema()["properties"]["colour"]["description"] == "said by itself"


def test_settings_that_are_inherited_keep_their_sentences():
    assert sentences_of(Torch)["length_m"] == "Length in metres."
    assert sentences_of(Torch)["watts"].startswith("Power in watts,")


def test_settings_within_a_function_have_sentences_too():
    class Bulb(Settings):
        lumens: int = 800
        """Light in lumens.
Written at the margin."""

    assert sentences_of(Bulb)["lumens"].startswith("Light in lumens.")


def test_an_unknown_name_is_refused_and_a_value_cannot_be_changed():
    with pytest.raises(ValueError, match="Extra inputs"):
        Lamp(wats=3)
    with pytest.raises(ValueError, match="frozen"):
        Lamp().watts = 3
