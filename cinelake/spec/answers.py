"""What a model said of labelled steps beside what people said, in the words of its field."""

from __future__ import annotations

from dataclasses import dataclass, field

from cinelake.spec.arrays import Array


@dataclass(frozen=True)
class Answers:
    """The labelled steps of one film, T of them, and what holds there of C classes by people and by a model.

    time_s: (T,) when each step begins. classes: C names (tags, persons; of lines the targets).
    truth, said: (T, C) bool; of lines numbers, NaN where nobody labelled.
    score: (T, C) how surely each class holds, greater is surer; None where the model does not say. is_probability:
        whether the score is one, so that it can be calibrated.
    unmoved: (T, C) the probabilities that count for calibration where a threshold has moved those of `score`.
    exclusive: whether one class at most holds at each step. none: what it is called where no class holds.
    """

    time_s: Array
    classes: tuple[str, ...]
    truth: Array
    said: Array
    score: Array | None = None
    unmoved: Array | None = field(default=None, kw_only=True)
    is_probability: bool = True
    exclusive: bool = False
    none: str = "nothing"

    @property
    def is_line(self) -> bool:
        """Whether the answers are numbers over time, not classes."""
        return self.truth.dtype.kind == "f"

    def __len__(self) -> int:
        return len(self.time_s)
