"""Tables of numbers beside a time, as tools that analyse sound write them, as rows of vectors.

openSMILE has `name;frameTime;F0_sma;…`, a column each number, in CSV or ARFF; a contract with one vector of any size
(`embeddings`) takes such columns as this vector, in their order. What is read as something else is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from cinelake.errors import Problem
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.film_names import SYNONYMS
from cinelake.labels.lines import seconds_of
from cinelake.labels.values import cast_column, in_seconds
from cinelake.spec.contract import Contract

NAME, UNNAMED = "name", ("unknown", "noname", "")
"""openSMILE's column of the sound's name, and what stands there where nobody said it."""
MIN_NUMBERS = 2
SHOWN = 3


def with_films(rows: pa.Table, contract: Contract, notes: list[str]) -> pa.Table:
    """The rows with openSMILE's `name` as their film, without its quotes; without it where it names none.

    As they are where the contract has a `name` of its own.
    """
    headers = {header.casefold() for header in rows.column_names}
    if NAME not in rows.column_names or {"movie_id", *SYNONYMS} & headers or NAME in {c.name for c in contract.columns}:
        return rows
    named = [str(value or "").strip().strip("'") for value in rows[NAME].to_pylist()]
    if all(text in UNNAMED for text in named):
        return rows.drop_columns([NAME])
    notes.append(f"the column {NAME!r} is taken for the film")
    at = rows.column_names.index(NAME)
    return rows.set_column(at, "movie_id", pa.array(named, pa.string()))


def as_vectors(rows: pa.Table, contract: Contract, notes: list[str]) -> tuple[pa.Table, list[Problem]]:
    """The rows with their columns of numbers as the contract's one vector, and a time's header as time_s.

    As they are where the contract has no such vector, or the file has it itself. `backbone` is the file's name where
    it has none. Problems are the cells of these columns that hold no number.
    """
    rows = _with_time(rows, contract, notes)
    own = {column.name for column in contract.columns}
    vectors = [column.name for column in contract.columns if column.any_size and not column.nullable]
    others = [name for name in rows.column_names if name not in {*own, "movie_id", LINE, FILE}]
    if len(vectors) != 1 or _has(rows.column_names, vectors[0]):
        return rows, []
    empty = [name for name in others if _is_empty(rows[name])]
    read = {name: cast_column(name, rows[name].combine_chunks(), pa.float64()) for name in others if name not in empty}
    numbers = {name: column for name, column in read.items() if column[0].null_count < len(rows)}
    if len(numbers) < MIN_NUMBERS:
        return rows, []
    problems = _problems(rows, numbers)
    matrix = np.stack([column.to_numpy(zero_copy_only=False) for column, _ in numbers.values()], axis=1)
    vector = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), len(numbers))
    rows = rows.drop_columns([*numbers, *empty]).append_column(vectors[0], vector)
    notes.append(f"{len(numbers)} columns ({_shown([*numbers])}) are the vector {vectors[0]}, in this order")
    notes += [f"the columns {_shown(empty)} are empty and left out"] if empty else []
    if "backbone" in own and "backbone" not in rows.column_names:
        rows = rows.append_column("backbone", pa.array([Path(file).stem for file in rows[FILE].to_pylist()]))
    return rows, problems


def _with_time(rows: pa.Table, contract: Contract, notes: list[str]) -> pa.Table:
    timed = [name for name in rows.column_names if seconds_of(name)]
    if "time_s" in rows.column_names or "time_s" not in {c.name for c in contract.columns} or len(timed) != 1:
        return rows
    unit_s = seconds_of(timed[0])
    at, column = rows.column_names.index(timed[0]), rows[timed[0]].combine_chunks()
    notes.append(f"the column {timed[0]!r} is taken for time_s, in {'seconds' if unit_s == 1 else 'milliseconds'}")
    return rows.set_column(at, "time_s", column if unit_s == 1 else in_seconds(column, unit_s))


def _has(names: Sequence[str], vector: str) -> bool:
    return vector in names or f"{vector}_0" in names


def _is_empty(column: pa.ChunkedArray) -> bool:
    return all(value is None or not str(value).strip() for value in column.to_pylist())


def _problems(rows: pa.Table, numbers: Mapping[str, tuple[pa.Array, list[tuple[int, str]]]]) -> list[Problem]:
    """The cells that are no number: what cannot be read, and what is missing."""
    lines, files = rows[LINE].to_pylist(), rows[FILE].to_pylist()
    problems = []
    for name, (column, wrong) in numbers.items():
        unread = dict(wrong)
        for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
            why = unread.get(row, "expected a number, received none")
            problems.append(Problem(files[row], lines[row], name, why))
    return problems


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
