"""From shots to beat events: a sliding window of three over the shots' labels.

After Ejaz et al., "Deep Learning based Beat Event Detection in Action Movie Franchises" (ICMV 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cinelake.spec.arrays import Array


@dataclass(frozen=True)
class Event:
    """Shots `start` … `end` (exclusive) of one label, and how sure it is: the mean of its shots' probabilities."""

    start: int
    end: int
    label: int
    confidence: float


def windowed(labels: Sequence[int] | Array) -> Array:
    """(T,) each shot's label by the window of it and its two neighbours (at the ends there is but one).

    All different: the shot keeps its own. Otherwise: the label that most of the window has; of two that differ, as at
    the ends, the shot keeps its own.
    """
    own = [int(label) for label in labels]
    decided = list(own)
    for shot in range(1, len(own) - 1):
        before, after = own[shot - 1], own[shot + 1]
        decided[shot] = before if before == after else own[shot]
    return np.array(decided, np.int64)


def find_events(probabilities: Array) -> list[Event]:
    """Events of a film, one after another, of (T, categories) probabilities of its shots.

    Each shot's label is the most probable; the window decides; an event is extended while the label stays.
    """
    if not len(probabilities):
        return []
    labels = windowed(probabilities.argmax(axis=1))
    starts = np.concatenate([[0], np.flatnonzero(labels[1:] != labels[:-1]) + 1])
    ends = np.concatenate([starts[1:], [len(labels)]])
    return [
        Event(int(start), int(end), int(labels[start]), float(probabilities[start:end, labels[start]].mean()))
        for start, end in zip(starts, ends, strict=True)
    ]
