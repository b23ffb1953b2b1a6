"""Contracts: what a table promises, and how a broken promise is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from _small_lake import MARKS, marks
from hypothesis import given
from hypothesis import strategies as st

from cinelake.errors import ContractViolation
from cinelake.spec.contract import ENUM, Column, Contract, Rule, vector


def replaced(batch: pa.RecordBatch, column: str, values: Any) -> pa.RecordBatch:
    """The batch with other values in one column, whatever the contract says of them."""
    index = batch.schema.get_field_index(column)
    return batch.set_column(index, pa.field(column, values.type), values)


def violation(batch: pa.RecordBatch, contract: Contract = MARKS, movie_id: str = "film") -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        contract.check(batch, movie_id)
    return caught.value


def one_column(column: Column, values: Any) -> tuple[Contract, pa.RecordBatch]:
    contract = Contract("t", "A table.", [column], key=[])
    return contract, contract.batch("film", **{column.name: values})


def test_rows_that_keep_every_promise_pass() -> None:
    MARKS.check(marks(numbers=range(100)), "film")


BROKEN = [
    ("mark", pa.array([-1, 0, 1], pa.int32()), "must be ≥ 0"),
    ("mark", pa.array([None, 0, 1], pa.int32()), "must not be null"),
    ("weight", pa.array([0, 1.5, 1], pa.float32()), "must be ≤ 1"),
    ("weight", pa.array([0, float("nan"), 1], pa.float32()), "must be finite"),
    ("kind", pa.array(["start", "middle", "end"]).cast(ENUM), "must be one of start, end"),
    ("movie_id", pa.array(["film", "other", "film"]), "is not the step's film"),
    ("movie_id", pa.array(["film", None, "film"]), "must not be null"),
]


@pytest.mark.parametrize(("column", "values", "check"), BROKEN)
def test_a_broken_promise_is_told_with_its_column_and_its_row(column: str, values: pa.Array, check: str) -> None:
    error = violation(replaced(marks(), column, values))
    assert (error.table, error.column, error.check, error.count) == ("marks", column, check, 1)
    assert len(error.examples) == 1


@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=40))
def test_exactly_the_rows_out_of_bounds_are_counted_and_five_shown(weights: list[float]) -> None:
    batch = marks(numbers=range(len(weights)), weight=weights)
    bad = [weight for weight in weights if weight < 0] or [weight for weight in weights if weight > 1]
    if bad:
        error = violation(batch)
        assert (error.count, len(error.examples)) == (len(bad), min(5, len(bad)))
    else:
        MARKS.check(batch, "film")


def test_an_enum_s_word_that_no_row_has_breaks_no_promise() -> None:
    unused = pa.DictionaryArray.from_arrays(pa.array([0, 0, 2], pa.int8()), ["start", "middle", "end"])
    MARKS.check(replaced(marks(), "kind", unused), "film")


def test_null_is_no_broken_promise_where_it_is_allowed() -> None:
    MARKS.check(marks(weight=[None, 0.5, None]), "film")


def test_a_nullable_enum_may_be_null() -> None:
    contract, batch = one_column(Column("kind", ENUM, "A kind.", nullable=True, one_of=("a",)), ["a", None])
    contract.check(batch, "film")


@pytest.mark.parametrize("value", [pa.float16(), pa.float32(), pa.float64()])
def test_a_vector_with_a_number_that_is_none_is_refused(value: pa.DataType) -> None:
    numbers = pa.array(np.array([[0, 1], [np.inf, 0]], value.to_pandas_dtype()).reshape(-1), value)
    contract, batch = one_column(
        Column("v", vector(2, value), "Numbers."), pa.FixedSizeListArray.from_arrays(numbers, 2)
    )
    assert violation(batch, contract).check == "must be finite"


def test_a_vector_has_no_holes() -> None:
    contract, batch = one_column(Column("v", vector(2), "Numbers."), [[0, None], [0, 1]])
    assert violation(batch, contract).check == "must hold no null"


def test_bounds_of_a_vector_hold_for_each_of_its_numbers() -> None:
    contract, batch = one_column(Column("v", vector(2), "Shares.", at_most=1), [[0, 1], [0, 2], [3, 4]])
    assert (violation(batch, contract).check, violation(batch, contract).count) == ("must be ≤ 1", 3)


@pytest.mark.parametrize("value", [pa.float16(), pa.float32(), pa.int8()])
def test_bounds_hold_for_numbers_of_any_width(value: pa.DataType) -> None:
    contract, batch = one_column(
        Column("n", value, "A number.", at_least=0), np.array([1, -1], value.to_pandas_dtype())
    )
    assert violation(batch, contract).check == "must be ≥ 0"


def test_a_rule_over_several_columns_names_the_rows_that_break_it() -> None:
    ends = Rule("must end after it starts", "end", lambda batch: pc.less_equal(batch["end"], batch["start"]))
    columns = [Column("start", pa.int64(), "Start."), Column("end", pa.int64(), "End.")]
    contract = Contract("spans", "Spans.", columns, key=["start"], rules=[ends])
    error = violation(contract.batch("film", start=[0, 5], end=[3, 5]), contract)
    assert (error.check, error.examples) == ("must end after it starts", ["{'start': 5, 'end': 5}"])


@pytest.mark.parametrize("names", [["mark"], ["kind", "mark"], ["mark", "kind", "extra"]])
def test_columns_are_those_of_the_contract_in_its_order(names: Sequence[str]) -> None:
    columns = [Column("mark", pa.int32(), "A number."), Column("kind", pa.string(), "A kind.")]
    batch = pa.RecordBatch.from_pydict({"movie_id": ["film"], **{name: [None] for name in names}})
    assert "columns are" in violation(batch, Contract("t", "A table.", columns, key=[])).check


def test_a_column_of_another_type_is_told_with_both_types() -> None:
    error = violation(replaced(marks(), "mark", pa.array([0, 1, 2], pa.int64())))
    assert (error.column, error.check) == ("mark", "has type int64, the contract says int32")


@pytest.mark.parametrize("size", [1, 4, 2048])
def test_a_vector_of_open_size_takes_any_size_that_is_fixed(size: int) -> None:
    MARKS.check(marks(embedding=np.ones((3, size), np.float32)), "film")
    lists = pa.array([[1.0] * size] * 3, pa.list_(pa.float32()))
    assert violation(replaced(marks(), "embedding", lists)).column == "embedding"


def test_a_vector_of_another_size_than_the_contract_says_is_refused() -> None:
    assert violation(marks(place=np.ones((3, 5), np.float32))).column == "place"


@pytest.mark.parametrize(("columns", "rule"), [({}, "missing"), ({"mark": [1], "extra": [1]}, "not a column")])
def test_a_batch_is_made_of_just_the_columns_of_the_table(columns: dict[str, list[int]], rule: str) -> None:
    contract = Contract("t", "A table.", [Column("mark", pa.int32(), "A number.")], key=[])
    with pytest.raises(ContractViolation, match=rule):
        contract.batch("film", **columns)


def test_values_that_are_not_of_the_column_s_type_are_named() -> None:
    with pytest.raises(ContractViolation, match="column 'mark': cannot be read as int32"):
        marks(mark=["one", "two", "three"])


def test_a_table_read_from_the_lake_can_be_made_into_a_batch_again() -> None:
    read = pa.array(["start", "end", "end"]).cast(pa.dictionary(pa.int32(), pa.string()))
    assert marks(kind=read)["kind"].type == ENUM


def test_an_empty_batch_has_all_columns_and_passes() -> None:
    batch = MARKS.empty()
    MARKS.check(batch, "film")
    assert (batch.num_rows, batch.schema.names) == (0, [column.name for column in MARKS.all_columns])
