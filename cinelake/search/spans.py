"""Spans of seconds of a film: where several conditions hold at once, clipped, merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

TOUCH_S = 1e-4
"""Spans with no more than this between them are adjacent."""


@dataclass(frozen=True)
class Span:
    """Seconds of a film (end exclusive), how relevant they are, and what they show."""

    start_s: float
    end_s: float
    relevance: float = 1.0
    what: str = ""

    @property
    def length_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s

    def meets(self, other: Span) -> bool:
        """Whether there is a time that both have."""
        return self.start_s < other.end_s and other.start_s < self.end_s


def combined(selectors: Sequence[Sequence[Span]], *, either: bool = False) -> list[Span]:
    """The spans, disjoint and in film order, in which every selector holds (`either`: at least one).

    They are cut wherever a span of a selector begins or ends, so that each has one relevance.
    """
    edges = sorted({edge for spans in selectors for span in spans for edge in (span.start_s, span.end_s)})
    starts = sorted((span.start_s, number, k) for number, spans in enumerate(selectors) for k, span in enumerate(spans))
    active: set[tuple[int, int]] = set()
    pieces: list[tuple[frozenset[tuple[int, int]], Span]] = []
    at = 0
    for begin, end in pairwise(edges):
        while at < len(starts) and starts[at][0] <= begin:
            active.add(starts[at][1:])
            at += 1
        active = {(number, k) for number, k in active if selectors[number][k].end_s > begin}
        span = _held(selectors, active, begin, end, either=either)
        if span is None:
            continue
        if pieces and pieces[-1][0] == active and pieces[-1][1].end_s == begin:
            pieces[-1] = (pieces[-1][0], replace(pieces[-1][1], end_s=end))
        else:
            pieces.append((frozenset(active), span))
    return [span for _, span in pieces]


def _held(
    selectors: Sequence[Sequence[Span]], active: Iterable[tuple[int, int]], begin: float, end: float, *, either: bool
) -> Span | None:
    """What holds between two neighbouring edges; None where too little does."""
    best: dict[int, float] = {}
    names: list[str] = []
    for number, k in sorted(active):
        span = selectors[number][k]
        best[number] = max(best.get(number, 0.0), span.relevance)
        names.append(span.what)
    if not best or (len(best) < len(selectors) and not either):
        return None
    relevance = max(best.values()) if either else min(best.values())
    return Span(begin, end, relevance, ", ".join(dict.fromkeys(filter(None, names))))


def within(spans: Iterable[Span], end_s: float) -> list[Span]:
    """The parts that lie in a film of this length."""
    clipped = (replace(span, start_s=max(0.0, span.start_s), end_s=min(end_s, span.end_s)) for span in spans)
    return [span for span in clipped if span.length_s > TOUCH_S]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in film order, overlapping and adjacent ones as one; its relevance is their mean, weighted by length."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start_s):
        if not whole or span.start_s > whole[-1].end_s + TOUCH_S:
            whole.append(span)
            continue
        last = whole[-1]
        lengths = last.length_s, span.length_s
        relevance = (last.relevance * lengths[0] + span.relevance * lengths[1]) / max(sum(lengths), 1e-9)
        what = ", ".join(dict.fromkeys([*last.what.split(", "), *span.what.split(", ")]))
        whole[-1] = Span(last.start_s, max(last.end_s, span.end_s), relevance, what)
    return whole
