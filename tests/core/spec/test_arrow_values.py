"""What `arrow_array` makes is what `pyarrow.array` makes, and pandas stays where it is."""

import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cinelake.spec.arrow_values import arrow_array, as_numpy, words
from cinelake.spec.contract import ENUM

RECORD = pa.struct([("name", pa.string()), ("width", pa.int32()), ("taken", pa.bool_())])

ORDINARY = [
    pytest.param([1, 2, 3], pa.int32(), id="whole numbers"),
    pytest.param([1, None, 3], pa.int64(), id="a number is missing"),
    pytest.param([1, 2], pa.float64(), id="whole numbers for floating ones"),
    pytest.param([0.5, float("nan")], pa.float32(), id="not a number"),
    pytest.param([np.float32(0.1)], pa.float32(), id="a scalar of NumPy"),
    pytest.param([True, False, None] * 5, pa.bool_(), id="truths"),
    pytest.param(["", "é", None], pa.string(), id="words"),
    pytest.param([b"\0\1", b""], pa.binary(), id="bytes"),
    pytest.param([None, None], pa.string(), id="nothing"),
    pytest.param([[1, 2], None, []], pa.list_(pa.int32()), id="lists"),
    pytest.param([[{"name": "a", "width": 3}, {"name": None, "taken": True}]], pa.list_(RECORD), id="records"),
    pytest.param([{"name": "a", "width": 1, "taken": False}, None], RECORD, id="a record is missing"),
    pytest.param([None], pa.struct([pa.field("left", pa.int32(), False)]), id="no record, whose parts must be there"),
    pytest.param(np.arange(9)[::2], pa.int16(), id="every other number"),
    pytest.param(np.array([True, False, True]), pa.bool_(), id="truths of NumPy"),
    pytest.param(np.array([0.1, 0.2]), pa.float32(), id="doubles as floats"),
    pytest.param(np.array([0.1], np.float16), pa.float16(), id="half precision"),
    pytest.param([], pa.int32(), id="empty"),
]


@pytest.mark.parametrize(("values", "kind"), ORDINARY)
def test_ordinary_values_become_what_pyarrow_makes_of_them(values: Any, kind: pa.DataType) -> None:
    made = arrow_array(values, kind)
    made.validate(full=True)
    assert str(made.to_pylist()) == str(pa.array(values, kind).to_pylist())
    assert made.type == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1 << 40], pa.int32()),
        (["a", 1], pa.string()),
        ([True, "no"], pa.bool_()),
        (np.array([70_000]), pa.int16()),
    ],
)
def test_what_does_not_fit_is_refused_as_pyarrow_refuses_it(values: Any, kind: pa.DataType) -> None:
    with pytest.raises((pa.ArrowException, TypeError, ValueError)):
        pa.array(values, kind)
    with pytest.raises((pa.ArrowException, TypeError, ValueError)):
        arrow_array(values, kind)


def test_words_are_a_dictionary_of_those_that_come() -> None:
    given = ["cut", "fade", "cut"]
    assert words(given, ENUM).equals(pa.array(given, pa.string()).cast(ENUM))


def test_a_part_of_a_column_is_read_as_numbers() -> None:
    assert as_numpy(pa.array([1, 2, 3, 4])[1:3]).tolist() == [2, 3]


def test_a_batch_is_made_checked_and_digested_without_pandas() -> None:
    code = """
import sys
import numpy as np
from cinelake.spec.arrow_values import TableDigest
from tasks.shots import SHOTS
row = dict(shot=[0], start_frame=[0], end_frame=[9], start_s=[0.0], end_s=[1.0], transition=["start"], score=[1.0])
SHOTS.check(SHOTS.batch("film", **row, motion=np.zeros((1, 26), np.float32)), "film")
TableDigest().add(SHOTS.batch("film", **(row | {"score": [None]}), motion=np.zeros((1, 26), np.float32)))
SHOTS.check(SHOTS.empty(), "film")
assert "pandas" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
