"""What a table promises: its columns, key, order and checks, with a sentence on each.

A contract is declared beside the task that writes the table. The lake checks every record batch against it
before anything is committed; the data dictionary, the views of `cinelake query` and the documentation are
generated from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import ContractViolation
from cinelake.spec.arrow_values import arrow_array, words

ENUM = pa.dictionary(pa.int8(), pa.string())


def vector(size: int | None = None, value: pa.DataType | None = None) -> pa.DataType:
    """A fixed-size list. `size=None`: any size, the same for every row of a file (embeddings of any backbone)."""
    return pa.list_(value or pa.float32(), size if size is not None else -1)


@dataclass(frozen=True)
class Column:
    """One column: name (with its unit), Arrow type, the sentence of the dictionary, and its simple checks.

    Where a nullable vector is missing, it holds nulls: Parquet as Arrow reads it has no null vectors of fixed size.
    """

    name: str
    type: pa.DataType
    doc: str
    nullable: bool = False
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()

    @property
    def any_size(self) -> bool:
        """A vector whose size the contract leaves open; a list of structs is no vector."""
        return bool(pa.types.is_list(self.type)) and not pa.types.is_struct(self.type.value_type)

    def accepts(self, received: pa.DataType) -> bool:
        """Whether a batch's column of type `received` keeps the promise."""
        if self.any_size:
            return bool(pa.types.is_fixed_size_list(received) and received.value_type == self.type.value_type)
        return bool(received == self.type)


@dataclass(frozen=True)
class Rule:
    """A check over several columns: `broken(batch)` returns a boolean mask of the rows that break it."""

    name: str
    column: str
    broken: Callable[[pa.RecordBatch], Any]


@dataclass(frozen=True)
class Measure:
    """What is measured of a film's rows and watched over the catalogue (see `cinelake.query.quality`).

    sql: an aggregate in SQL over the film's rows. unit: of its value. per: a table that the task reads; the value is
    divided by the number of its rows. of_nothing: the value of a film without a row; None: it has no value.
    """

    name: str
    sql: str
    doc: str
    unit: str = ""
    per: str = ""
    of_nothing: float | None = None


@dataclass(frozen=True)
class Contract:
    """The contract of one table. Every table begins with `movie_id`, which is added here; not so where `of_films` is
    false: a published table over the whole catalogue.

    key: columns that identify a row within a film; rows are sorted by it. measures: what is watched over the catalogue.
    """

    table: str
    doc: str
    columns: Sequence[Column]
    key: Sequence[str]
    rules: Sequence[Rule] = field(default=())
    measures: Sequence[Measure] = field(default=())
    of_films: bool = True

    @cached_property
    def all_columns(self) -> tuple[Column, ...]:
        """`movie_id` and then the declared columns."""
        if not self.of_films:
            return tuple(self.columns)
        movie_id = Column("movie_id", pa.string(), "The film, as the catalogue names it.")
        return (movie_id, *self.columns)

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema; vectors of open size appear as lists."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.all_columns])

    def batch(self, movie_id: str, **columns: Any) -> pa.RecordBatch:
        """A record batch of this table from columns (lists, NumPy or Arrow arrays; a vector as a 2-D array).

        Raises `ContractViolation` when a column is missing, is not of the table, or cannot be cast.
        """
        wanted = [c.name for c in self.columns]
        for name in [*wanted, *columns]:
            if name not in columns or name not in wanted:
                rule = "is missing from the batch" if name not in columns else "is not a column of the table"
                raise ContractViolation(self.table, rule, name, 0, [])
        arrays = [self._array(c, columns[c.name]) for c in self.columns]
        rows = len(arrays[0])
        ids = arrow_array([movie_id] * rows, pa.string())
        fields = [pa.field("movie_id", pa.string(), False)]
        fields += [pa.field(c.name, a.type, c.nullable) for c, a in zip(self.columns, arrays, strict=True)]
        return pa.RecordBatch.from_arrays([ids, *arrays], schema=pa.schema(fields))

    def _array(self, column: Column, values: Any) -> pa.Array:
        try:
            return _to_arrow(column, values)
        except (pa.ArrowException, TypeError, ValueError) as error:
            rule = f"cannot be read as {column.type}: {error}"
            raise ContractViolation(self.table, rule, column.name, len(values), []) from error

    def empty(self) -> pa.RecordBatch:
        """No rows, with the contract's columns (a vector of open size gets size 1: Parquet has no lists of 0)."""
        fields = [
            pa.field(c.name, pa.list_(c.type.value_type, 1) if c.any_size else c.type, c.nullable)
            for c in self.all_columns
        ]
        return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in fields], schema=pa.schema(fields))

    def check(self, batch: pa.RecordBatch, movie_id: str) -> None:
        """Raise `ContractViolation` for the first promise that the batch breaks."""
        self._check_schema(batch)
        if any(other != movie_id for other in batch["movie_id"].unique().to_pylist()):
            self._fail("is not the step's film", "movie_id", batch, pc.not_equal(batch["movie_id"], movie_id))
        for column in self.all_columns:
            self._check_column(column, batch)
        for rule in self.rules:
            self._fail(rule.name, rule.column, batch, rule.broken(batch))

    def _check_schema(self, batch: pa.RecordBatch) -> None:
        names = [c.name for c in self.all_columns]
        if batch.schema.names != names:
            rule = f"columns are {batch.schema.names}, the contract says {names}"
            raise ContractViolation(self.table, rule, "*", batch.num_rows, [])
        for column in self.all_columns:
            received = batch.schema.field(column.name).type
            if not column.accepts(received):
                rule = f"has type {received}, the contract says {column.type}"
                raise ContractViolation(self.table, rule, column.name, batch.num_rows, [])

    def _check_column(self, column: Column, batch: pa.RecordBatch) -> None:
        values = batch[column.name]
        if not column.nullable and values.null_count:
            self._fail("must not be null", column.name, batch, pc.is_null(values))
        flat = values.flatten() if pa.types.is_fixed_size_list(values.type) else values
        if flat is not values and flat.null_count and not column.nullable:
            raise ContractViolation(self.table, "must hold no null", column.name, flat.null_count, [])
        flat = flat.cast(pa.float32()) if pa.types.is_float16(flat.type) else flat
        if pa.types.is_floating(flat.type):
            finite = pc.is_finite(flat)
            if finite.true_count + flat.null_count < len(flat):
                self._fail("must be finite", column.name, batch, pc.invert(finite))
        if column.at_least is not None or column.at_most is not None:
            self._check_range(column, flat, batch)
        if column.one_of and not _is_among(values, column.one_of):
            strange = pc.invert(pc.is_in(values.cast(pa.string()), arrow_array([*column.one_of], pa.string())))
            strange = pc.and_(strange, pc.is_valid(values))
            self._fail(f"must be one of {', '.join(column.one_of)}", column.name, batch, strange)

    def _check_range(self, column: Column, flat: pa.Array, batch: pa.RecordBatch) -> None:
        """Compare the extremes first: which rows are out of range is found only where there are any."""
        least, most = pc.min_max(flat).as_py().values()
        if least is None:
            return
        if column.at_least is not None and least < column.at_least:
            self._fail(f"must be ≥ {column.at_least}", column.name, batch, pc.less(flat, column.at_least))
        if column.at_most is not None and most > column.at_most:
            self._fail(f"must be ≤ {column.at_most}", column.name, batch, pc.greater(flat, column.at_most))

    def _fail(self, check: str, column: str, batch: pa.RecordBatch, broken: Any) -> None:
        if not (broken.true_count if isinstance(broken, pa.BooleanArray) else pc.any(broken).as_py()):
            return
        if len(broken) != batch.num_rows:
            raise ContractViolation(self.table, check, column, pc.sum(broken).as_py(), [])
        keys = [name for name in dict.fromkeys([*self.key, column]) if name in batch.schema.names]
        rows = batch.select(keys).filter(pc.fill_null(broken, False))
        examples = [str(row)[:160] for row in rows.slice(0, 5).to_pylist()]
        raise ContractViolation(self.table, check, column, rows.num_rows, examples)


def _is_among(values: pa.Array, accepted: tuple[str, ...]) -> bool:
    """Whether the few words of a dictionary already show that no value is another one."""
    return bool(pa.types.is_dictionary(values.type)) and set(values.dictionary.to_pylist()) <= {*accepted}


def _to_arrow(column: Column, values: Any) -> pa.Array:
    """Values as an Arrow array of the column's type; 2-D (or deeper) NumPy arrays become fixed-size lists."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if column.any_size or pa.types.is_fixed_size_list(column.type):
        return _to_vectors(column, values)
    if isinstance(values, pa.Array):
        return values.cast(column.type)
    if pa.types.is_dictionary(column.type):
        listed = list(values)
        if all(isinstance(value, str) for value in listed) and column.type == ENUM:
            return words(listed, column.type)
        return pa.array(listed, pa.string()).cast(column.type)
    return arrow_array(values, column.type)


def _to_vectors(column: Column, values: Any) -> pa.Array:
    if isinstance(values, pa.Array):
        return values if column.accepts(values.type) else values.cast(column.type)
    if hasattr(values, "reshape"):
        size = int(values[0].size) if len(values) else _size_of(column)
        flat = arrow_array(values.reshape(-1), column.type.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, size)
    size = next((len(v) for v in values if v is not None), _size_of(column))
    return pa.array(list(values), pa.list_(column.type.value_type, size))


def _size_of(column: Column) -> int:
    """The size of a vector column where no value shows it: the contract's, or 1 where that is open."""
    return 1 if column.any_size else int(column.type.list_size)


ROWS = Measure("rows", "count(*)", "Rows of the film.", "rows", of_nothing=0)
COVERAGE = "coverage"
"""The share of the catalogue's films that have a table: a bound may be set on it as on a measure."""


@dataclass(frozen=True)
class Watched:
    """A table that is watched: its contract, and which entry provides each table that it reads."""

    contract: Contract
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured of it; what counts another table's rows only where the entry reads that table."""
        own = (measure for measure in self.contract.measures if not measure.per or measure.per in self.inputs)
        return (*((ROWS,) if self.contract.key else ()), *own)
