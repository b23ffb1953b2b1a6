"""Which of a file's streams a person wants: by language, title and channel layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from cinelake.spec.film import StreamInfo
from cinelake.spec.languages import language_code

PICTURES, SOUND = "video", "audio"
"""Kinds of streams, as libav names them; the others are `subtitle`, `data`, `attachment`."""

_LAYOUTS = {"1.0": "mono", "2.0": "stereo"}
"""Other names of channel layouts."""


@dataclass(frozen=True, slots=True)
class StreamChoice:
    """What is wanted of one kind of stream; nothing: whatever players would take.

    languages, layouts: in order of preference. title: part of the stream's title, in any case. must: where no stream
    fits, none is taken, rather than what would be taken without a choice.
    """

    languages: tuple[str, ...] = ()
    title: str = ""
    layouts: tuple[str, ...] = ()
    must: bool = False

    def __bool__(self) -> bool:
        return bool(self.languages or self.title or self.layouts)

    def best(self, streams: Sequence[StreamInfo]) -> list[StreamInfo]:
        """Those that fit best, in their order: all of one language and of one layout; none where nothing fits."""
        title = self.title.casefold()
        fitting = [(place, s) for s in streams if (place := self._place(s)) and title in s.title.casefold()]
        best = min((place for place, _ in fitting), default=None)
        return [stream for place, stream in fitting if place == best]

    def words(self) -> str:
        """The choice as people say it: `language deu or eng, layout stereo`."""
        parts = [
            ("language", " or ".join(self.languages)),
            ("title", repr(self.title) if self.title else ""),
            ("layout", " or ".join(self.layouts)),
        ]
        return ", ".join(f"{name} {words}" for name, words in parts if words)

    def plain(self) -> dict[str, Any]:
        """As plain data, for keys: names of languages brought to one form."""
        return {"languages": [language_code(name) for name in self.languages], "title": self.title.casefold(),
                "layouts": [_layout(name) for name in self.layouts], "must": self.must}  # fmt: skip

    def _place(self, stream: StreamInfo) -> tuple[int, int] | None:
        """How far down the wishes a stream's language and layout stand; None where they are not wished for."""
        languages = [language_code(name) for name in self.languages] or [language_code(stream.language)]
        layouts = [_layout(name) for name in self.layouts] or [_layout(stream.layout)]
        language, layout = language_code(stream.language), _layout(stream.layout)
        if language not in languages or layout not in layouts:
            return None
        return languages.index(language), layouts.index(layout)


def _layout(name: str) -> str:
    """A layout without where its surrounds stand: `5.1(side)` is `5.1`."""
    word = name.strip().lower().partition("(")[0]
    return _LAYOUTS.get(word, word)


@dataclass(frozen=True, slots=True)
class StreamChoices:
    """What is wanted of a film's pictures and of its sound. without_bars: black bars in the pictures are cut off."""

    pictures: StreamChoice = StreamChoice()
    sound: StreamChoice = StreamChoice()
    without_bars: bool = False

    def __bool__(self) -> bool:
        return bool(self.pictures or self.sound or self.without_bars)

    def over(self, others: StreamChoices) -> StreamChoices:
        """These, and of what these leave open the others."""
        return StreamChoices(**{f.name: getattr(self, f.name) or getattr(others, f.name) for f in fields(self)})

    def that_matter_for(self, kind: str) -> list[dict[str, Any]]:
        """The choices that decide which stream of a kind is taken: the pictures' also for sound, as it is of one
        programme with them. Empty where nothing is chosen."""
        if kind == SOUND:
            choices = [self.pictures, self.sound]
            return [choice.plain() for choice in choices] if any(choices) else []
        bars = [{"bars": "crop"}] if self.without_bars else []
        return [*([self.pictures.plain()] if self.pictures else []), *bars]


NO_CHOICES = StreamChoices()
