"""Who is in a frame, as a model of characters holds it: one string a frame, so that any number may be there.

Names stand in alphabetical order, separated by a line break; an empty string is a frame without anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array, Arrays
from models.characters.config import Config

BETWEEN = "\n"
TOLERANCE_S = 1e-6
"""Seconds by which times that are meant to be equal may differ."""


def cast_of(who: Array) -> list[str]:
    """Everybody who is in any of the frames, in alphabetical order."""
    return sorted({name for frame in np.unique(who) for name in _names(str(frame))})


def _names(frame: str) -> list[str]:
    return [name for name in frame.split(BETWEEN) if name]


def joined_names(names: Iterable[str]) -> str:
    """One frame's string."""
    return BETWEEN.join(sorted(set(names)))


def as_columns(who: Array, cast: Sequence[str]) -> Array:
    """(T, C) float32: 1 where that member of the cast is in the frame."""
    place = {name: column for column, name in enumerate(cast)}
    present = np.zeros((len(who), len(cast)), np.float32)
    for row, frame in enumerate(who):
        for name in _names(str(frame)):
            if name in place:
                present[row, place[name]] = 1
    return present


def as_strings(present: Array, cast: Sequence[str]) -> Array:
    """(T,) strings of a (T, C) mask."""
    frames = [joined_names(name for name, is_there in zip(cast, row, strict=True) if is_there) for row in present]
    return np.array(frames, dtype=np.str_)


def sampling_step_s(time_s: Array) -> float:
    """Seconds between frames: the median; 1 for a single frame."""
    return float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """character (T,) strings as above, and known (T,): frames with a label within half a sampling step.

    Each label goes to the frame nearest in time; where characters are listed, others are left out.
    """
    time_s = features["time_s"]
    moments: dict[float, set[str]] = {}
    for at, name in zip(labels["time_s"].to_pylist(), labels["character"].to_pylist(), strict=True):
        moments.setdefault(at, set()).update([name] if name not in config.nobody else [])
    who: list[str] = [""] * len(time_s)
    known, reach = np.zeros(len(time_s), bool), sampling_step_s(time_s) / 2 + TOLERANCE_S
    for at, names in sorted(moments.items()):
        near = int(np.abs(time_s - at).argmin()) if len(time_s) else 0
        if len(time_s) and abs(time_s[near] - at) <= reach:
            who[near], known[near] = joined_names(names), True
    character = np.array(who, dtype=np.str_)
    if config.characters:
        character = as_strings(as_columns(character, config.characters) > 0, config.characters)
    return {"character": character, "known": known}
