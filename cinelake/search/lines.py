"""Lines in which a text is found, as moments: where all else that is asked for holds too, each moment once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from cinelake.search.conditions import SpansOfFilms
from cinelake.search.moments import FoundMoment
from cinelake.search.spans import combined, merged
from cinelake.search.words import FoundLine

MOST_LINES = 100_000
"""Lines with a text that are looked at where something else must hold too: the most relevant ones of the films in
which that holds at all. The answer says where there are more."""


class Lines(Protocol):
    """Lines of the lake's films, by whatever they are found."""

    @property
    def films(self) -> set[str]:
        """The films that have a line of any kind."""

    def find(self, kind: str, text: str, films: Collection[str] | None = None) -> Iterator[FoundLine]:
        """The lines of a kind that a text finds, in these films, the most relevant first."""


def spans_of_texts(
    named: Collection[str],
    index: Lines,
    texts: Sequence[tuple[str, str]],
    spans: SpansOfFilms | None,
    notes: list[str],
) -> list[SpansOfFilms]:
    """The spans of the conditions, then of each text: looked for only in films in which all before it holds.

    named: the films that are asked for; empty: all.
    """
    held = [] if spans is None else [spans]
    for kind, text in texts:
        held.append(_by_film(most_relevant(index.find(kind, text, films_of(named, held)), text, notes)))
    return held


def films_of(named: Collection[str], held: Sequence[SpansOfFilms]) -> set[str] | None:
    """The films in which something of each holds, of those that are asked for; None: all films."""
    several = [*([set(named)] if named else []), *(set(spans) for spans in held)]
    return set.intersection(*several) if several else None


def most_relevant(lines: Iterator[FoundLine], text: str, notes: list[str]) -> Iterator[FoundLine]:
    """The most relevant of the lines with a text; a note says where there are more."""
    yield from islice(lines, MOST_LINES)
    if next(lines, None) is not None:
        notes.append(
            f"{text!r} is in more than {MOST_LINES:,} lines, and only the most relevant of them were looked at: "
            "some moments may be missing. Name films or rarer words"
        )


def _by_film(lines: Iterable[FoundLine]) -> SpansOfFilms:
    """The spans of lines, by film."""
    found: SpansOfFilms = {}
    for line in lines:
        found.setdefault(line.movie_id, []).append(line.span)
    return {movie_id: sorted(spans, key=lambda span: span.start_s) for movie_id, spans in found.items()}


def where_all_hold(several: Sequence[SpansOfFilms]) -> SpansOfFilms:
    """The spans in which something of each holds, by film."""
    films = set.intersection(*(set(spans) for spans in several))
    held = {film: merged(combined([spans[film] for spans in several])) for film in sorted(films)}
    return {film: spans for film, spans in held.items() if spans}


def moment_of(line: FoundLine, others: Sequence[SpansOfFilms]) -> FoundMoment | None:
    """A line as a moment, with what else holds while it shows; None where never all of it holds at once."""
    shown = line.span
    there = [[shown], *([span for span in spans.get(line.movie_id, ()) if span.meets(shown)] for spans in others)]
    held = combined(there) if others else [shown]
    if not held:
        return None
    relevance = min(line.relevance, max(span.relevance for span in held))
    what = dict.fromkeys(span.what for spans in there for span in spans if any(map(span.meets, held)))
    return FoundMoment(line.movie_id, relevance, line.start_s, line.start_s, line.end_s, what=", ".join(what))


class DistinctMoments:
    """Moments of lines, each once, in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[FoundMoment] = []
        self._near: dict[tuple[str, int], list[FoundLine]] = {}
        """Film and minute → the lines that are in it: two that share time share one of these."""

    def add(self, moment: FoundMoment, line: FoundLine) -> bool:
        """Take a moment, unless it is there; returns whether it is new."""
        minutes = range(int(moment.start_s // 60), int(moment.end_s // 60) + 1)
        places = [(moment.movie_id, minute) for minute in minutes]
        if any(is_same(line, other) for at in places for other in self._near.get(at, ())):
            return False
        self.found.append(moment)
        for at in places:
            self._near.setdefault(at, []).append(line)
        return True


def is_same(line: FoundLine, other: FoundLine) -> bool:
    """Whether two lines are one moment: at least half of one is in the other, as of one speech in two languages.

    Lines that stand in a picture beside each other are two, unless they read the same.
    """
    shared_s = min(line.end_s, other.end_s) - max(line.start_s, other.start_s)
    shorter_s = min(line.end_s - line.start_s, other.end_s - other.start_s)
    shares = line.movie_id == other.movie_id and shared_s >= 0.5 * shorter_s
    return shares and (line.kind != "written" or line.text.casefold() == other.text.casefold())
