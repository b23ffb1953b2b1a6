"""A lake with one small table, for tests of what stands on lakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.spec.contract import ENUM, Column, Contract, vector

MARKS = Contract(
    table="marks",
    doc="Numbers with a kind and two vectors.",
    columns=[
        Column("mark", pa.int32(), "Number of the mark.", at_least=0),
        Column("kind", ENUM, "What it marks.", one_of=("start", "end")),
        Column("weight", pa.float32(), "Its weight.", nullable=True, at_least=0, at_most=1),
        Column("place", vector(2), "Where it is."),
        Column("sketch", vector(3, pa.float16()), "What it looks like."),
        Column("embedding", vector(), "What it is like."),
    ],
    key=["mark"],
)


def marks(movie_id: str = "film", numbers: Sequence[int] = (0, 1, 2), **columns: Any) -> pa.RecordBatch:
    """A batch of the table; columns given take the place of good ones."""
    count = len(numbers)
    good: dict[str, Any] = {
        "mark": list(numbers),
        "kind": ["start"] * count,
        "weight": [0.5] * count,
        "place": [[0.0, 1.0]] * count,
        "sketch": pa.array([[0.0, 0.5, 1.0]] * count, vector(3, pa.float16())),
        "embedding": [[1.0, 2.0, 3.0, 4.0]] * count,
    }
    return MARKS.batch(movie_id, **{**good, **columns})


def commit_marks(
    lake: Lake,
    movie_id: str = "film",
    *batches: pa.RecordBatch,
    key: str = "k",
    run: dict[str, Any] | None = None,
    ingredients: dict[str, Any] | None = None,
) -> None:
    """Commit a cell of `marks`; without batches, the good three rows."""
    with lake.scratch() as scratch:
        writer = CellWriter(MARKS, movie_id, scratch / "marks.parquet")
        for batch in batches or [marks(movie_id)]:
            writer.write(batch)
        writer.close(Footer(key, f"meaning of {key}", {"version": 1, **(ingredients or {})}, run or {}))
        lake.commit(writer, "marks")
