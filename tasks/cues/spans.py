"""From what each picture shows to spans: pure functions over arrays of times and flags."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cinelake.spec.arrays import Array


@dataclass(frozen=True)
class Cue:
    """A span of a film. frames: first and last + 1, −1 where it is of the sound. detail: what its kind measures."""

    kind: str
    start_s: float
    end_s: float
    start_frame: int = -1
    end_frame: int = -1
    detail: float | None = None


def runs(flags: Array) -> list[tuple[int, int]]:
    """Where flags hold: (first, last + 1) of each stretch."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flags, np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def bridged(flags: Array, times: Array, gap_s: float) -> Array:
    """The flags with gaps of at most so many seconds between stretches filled."""
    filled = np.array(flags, bool)
    stretches = runs(flags)
    for (_, end), (start, _) in pairwise(stretches):
        if times[start] - times[end - 1] <= gap_s:
            filled[end:start] = True
    return filled


def letterboxed(edges: Array, lit: Array, apart: Array, min_share: float) -> list[tuple[int, int]]:
    """Stretches whose pictures have bars of at least this share at two opposite sides, of about one size.

    edges: (n, 2) shares of the two sides. lit: pictures that say so; what is dark between them belongs to both, and a
    stretch begins and ends with one of them. apart: pictures that belong to no stretch (colour bars, credits).
    """
    has = (edges.min(axis=1) >= min_share) & (np.abs(edges[:, 0] - edges[:, 1]) <= 0.03) & (edges.max(axis=1) < 0.45)
    known = np.flatnonzero(lit)
    if not len(known):
        return []
    nearest = known[np.clip(np.searchsorted(known, np.arange(len(edges))), 0, len(known) - 1)]
    stretches = []
    for start, end in runs(has[nearest] & ~apart):
        within = np.flatnonzero(lit[start:end])
        stretches += [(start + int(within[0]), start + int(within[-1]) + 1)] if len(within) else []
    return stretches


def steady_size(edges: Array, lit: Array) -> tuple[float, float]:
    """The size of bars over a stretch, and the share of lit pictures that reach to them (a dark scene does not)."""
    sizes = edges.min(axis=1)[lit]
    if not len(sizes):
        return 0.0, 0.0
    size = float(np.quantile(sizes, 0.1))
    return size, float((sizes <= size + 0.03).mean())


def credit_spans(
    text: Array, dark: Array, times: Array, end_s: float, min_s: float, begin_s: float = 0.0
) -> list[tuple[str, int, int]]:
    """Opening and end credits: kind, first sample and last + 1.

    text: samples that are writing on a plain ground; dark: black ones, which may stand between. begin_s: where black
    and bars before the film end. End credits are the last stretch, and end within 10 s of the film's end; opening
    credits the first, and begin in its first tenth: at most 5 min after its begin, and 10 s are always allowed.
    """
    stretches = [(a, b) for a, b in _written(text, dark, times) if times[b - 1] - times[a] >= min_s]
    credits = []
    if stretches and end_s - times[stretches[-1][1] - 1] <= 10 + _black_after(dark, times, stretches[-1][1], end_s):
        credits.append(("end_credits", *stretches.pop()))
    if stretches and times[stretches[0][0]] - begin_s <= max(10.0, min(300.0, end_s / 10)):
        credits.insert(0, ("opening_credits", *stretches[0]))
    return credits


def _written(text: Array, dark: Array, times: Array) -> list[tuple[int, int]]:
    """Stretches of writing, where black of at most 3 s, or anything of at most 1 s, may stand between."""
    joined: list[tuple[int, int]] = []
    for start, end in runs(text):
        if joined:
            before = joined[-1][1]
            gap_s = times[start] - times[before - 1]
            if gap_s <= 1.0 or (gap_s <= 3.0 and dark[before:start].mean() > 0.5):
                joined[-1] = (joined[-1][0], end)
                continue
        joined.append((start, end))
    return joined


def _black_after(dark: Array, times: Array, end: int, end_s: float) -> float:
    """Seconds of black from a sample to the film's end."""
    return float(end_s - times[end]) if end < len(times) and dark[end:].all() else 0.0
