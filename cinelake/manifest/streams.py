"""The section `streams` of a manifest: which of a film's streams are wanted, where it has several."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints

from cinelake.manifest.places import STRICT
from cinelake.spec.streams import StreamChoice, StreamChoices


def _as_list(given: Any) -> Any:
    """One word as a list; `5.1`, which YAML takes for a number, as the word it is."""
    listed = given if isinstance(given, list) else [given]
    return [f"{item:g}" if isinstance(item, float) and not item.is_integer() else _word(item) for item in listed]


def _word(item: Any) -> Any:
    return f"{item:.1f}" if isinstance(item, float) else item


OneOrMore = Annotated[
    list[Annotated[str, StringConstraints(min_length=1)]],
    BeforeValidator(_as_list, json_schema_input_type=str | float | list[str | float]),
]


class StreamWish(BaseModel):
    """What is wanted of one kind of stream; all that is named must fit."""

    model_config = STRICT

    language: OneOrMore = []
    """Languages in order of preference (`[deu, eng]`): as ISO 639 has them, of two or three letters."""
    title: str = ""
    """Part of the stream's title, in any case: `director`."""
    otherwise: Literal["usual", "fail"] = "usual"
    """Where no stream fits: what is taken without a choice (`films.streams` tells), or a failure, `no_such_stream`."""

    def choice(self) -> StreamChoice:
        """The choice, as the media room takes it."""
        return StreamChoice(tuple(self.language), self.title, must=self.otherwise == "fail")


class PicturesWish(StreamWish):
    """What is wanted of the pictures; all that is named must fit."""

    bars: Literal["keep", "crop"] = "keep"
    """`crop`: black bars that all of a film has (pillarbox, letterbox) are cut off before any table looks at it."""


class SoundWish(StreamWish):
    """What is wanted of the sound; all that is named must fit."""

    layout: OneOrMore = []
    """Channel layouts in order of preference: `stereo`, `mono`, `5.1`, `7.1`."""

    def choice(self) -> StreamChoice:
        """The choice, as the media room takes it."""
        return StreamChoice(tuple(self.language), self.title, tuple(self.layout), self.otherwise == "fail")


class StreamSettings(BaseModel):
    """Which streams of films are read, where they have several; columns of a list say it for single films."""

    model_config = STRICT

    pictures: PicturesWish = Field(default=PicturesWish())
    """Of the pictures; by default the first default stream, else the largest. Covers are never taken."""
    sound: SoundWish = Field(default=SoundWish())
    """Of the sound, in the programme of the pictures; by default the first default one, else that of most channels."""

    def choices(self) -> StreamChoices:
        """The choices, as the media room takes them."""
        return StreamChoices(self.pictures.choice(), self.sound.choice(), self.pictures.bars == "crop")
