"""What a model's labels look like: declared beside the model, checked when labels are imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from cinelake.spec.contract import Column

Shape = Literal["spans", "moments", "films"]
"""What a label refers to: a span of a film, a moment of it, or the whole film."""

SPAN = (
    Column("start_s", pa.float64(), "Where the span begins, in seconds; null when it is given by shots.", True, 0),
    Column("end_s", pa.float64(), "Where it ends (exclusive).", True, 0),
    Column("start_shot", pa.int32(), "First shot of the span; null when it is given by time.", True, 0),
    Column("end_shot", pa.int32(), "Shot after the last.", True, 1),
)
MOMENT = (Column("time_s", pa.float64(), "The moment, in seconds.", False, 0),)


@dataclass(frozen=True)
class LabelContract:
    """Columns of a model's labels, after `movie_id` and those of the shape's extent.

    shape: `spans` have start_s and end_s, or start_shot and end_shot (ends exclusive; where both are given, time
    counts), or neither: the whole film. `moments` have time_s. `films` have no extent.
    class_column: the column that holds the class, where there is one. overlap: whether two spans of one film may
    overlap. about: columns of what a label is about at its time: two that share these and a time, and say different
    things, contradict each other; None: labels never do (several classes at once). quantity: the columns of the name
    and the value of any quantity that has no column of its own.
    """

    doc: str
    shape: Shape
    columns: tuple[Column, ...] = ()
    class_column: str | None = None
    overlap: bool = True
    about: tuple[str, ...] | None = None
    quantity: tuple[str, str] | None = None

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """All columns in order, `movie_id` first."""
        extent = {"spans": SPAN, "moments": MOMENT, "films": ()}[self.shape]
        return (Column("movie_id", pa.string(), "The film."), *extent, *self.columns)

    @property
    def schema(self) -> pa.Schema:
        """The schema of a table of such labels; enums as plain strings."""
        return pa.schema(
            [(c.name, pa.string() if pa.types.is_dictionary(c.type) else c.type) for c in self.all_columns]
        )
