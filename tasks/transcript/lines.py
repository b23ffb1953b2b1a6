"""What a network of speech gives: lines, in seconds from the beginning of the sound that it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cinelake.spec.arrays import Floats


@dataclass(frozen=True)
class Word:
    """One word. score: the mean probability of what it is spelled with."""

    text: str
    start_s: float
    end_s: float
    score: float


@dataclass(frozen=True)
class Line:
    """One line. words: empty where the network says no times of them. score: the mean probability of its parts.

    language: as the network hears it; None where it says nothing of it. is_stuck: it went on repeating itself, so that
    nothing is known of what was said.
    """

    text: str
    start_s: float
    end_s: float
    score: float
    words: Sequence[Word] = ()
    language: str | None = None
    is_stuck: bool = False

    def moved(self, by_s: float) -> Line:
        """The same, so much later."""
        words = [replace(word, start_s=word.start_s + by_s, end_s=word.end_s + by_s) for word in self.words]
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s, words=words)


class Transcriber(Protocol):
    """A network of speech.

    longest_s: so much sound it takes at once. gap_s: speech that lies this near is given to it together. provider: what
    runs it.
    """

    longest_s: float
    gap_s: float
    provider: str

    def transcribe(self, sound: Floats) -> list[Line]:
        """The lines of sound (n,) at 16 kHz, in order. Raises `ModelUnusable`."""
