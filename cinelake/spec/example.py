"""One film, or a block of one, as arrays that a model learns from."""

from __future__ import annotations

from dataclasses import dataclass

from cinelake.spec.arrays import Array, Arrays


@dataclass(frozen=True)
class Example:
    """One film, or one block of a film, as a model learns from it.

    features, targets: arrays of one length T along the first axis, one step each (a shot, a frame, a clip).
    features has `time_s` (T,), when each step begins, in order. targets has `known` (T,) bool: the steps that are
    trained on and scored. group: what must stay on one side of a split (the series; else the film itself).
    in_time: whether the steps follow one another; labelled stills do not, whatever second each has.
    """

    movie_id: str
    group: str
    features: Arrays
    targets: Arrays
    in_time: bool = True

    def __len__(self) -> int:
        return len(self.features["time_s"])

    def steps(self, start: int, end: int) -> Example:
        """The steps `start` … `end` (exclusive) alone."""
        return self._of(slice(start, end))

    def chosen(self, steps: Array) -> Example:
        """The steps whose numbers are given, in that order."""
        return self._of(steps)

    def _of(self, steps: slice | Array) -> Example:
        features = {name: values[steps] for name, values in self.features.items()}
        targets = {name: values[steps] for name, values in self.targets.items()}
        return Example(self.movie_id, self.group, features, targets, self.in_time)
