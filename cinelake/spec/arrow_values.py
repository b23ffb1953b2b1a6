"""Arrow arrays of ordinary values and back, without pandas, and the digest of a table's content.

`pyarrow.array`, `to_numpy` and comparisons with a value of Python import pandas to find out whether they were given
something of it: a second of a worker's time, a third of what a short film costs. What tasks usually give (numbers,
words, bytes, lists and records of these, NumPy arrays) is laid into Arrow's buffers here; anything else is left to
`pyarrow.array`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from cinelake.spec.arrays import Array
from cinelake.storage.content import digest


def arrow_array(values: Any, kind: pa.DataType) -> pa.Array:
    """Values as an Arrow array of a type; raises what `pyarrow.array` raises for values that do not fit into it."""
    if isinstance(values, np.ndarray) and values.ndim == 1 and _is_close(values.dtype, kind):
        return _of_numbers(values, kind)
    if isinstance(values, list) and values:
        made = _of_list(values, kind)
        if made is not None:
            return made
    return pa.array(values, kind)


def words(values: Sequence[str], kind: pa.DataType) -> pa.Array:
    """Words as a dictionary, in the order in which they first come."""
    known = {word: number for number, word in enumerate(dict.fromkeys(values))}
    places = _of_numbers(np.array([known[word] for word in values], np.int32), pa.int32())
    return pa.DictionaryArray.from_arrays(places, arrow_array([*known], pa.string())).cast(kind)


def as_numpy(values: pa.Array) -> Array:
    """Whole or floating numbers without a null as a NumPy array."""
    if values.null_count or not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    letter = "f" if pa.types.is_floating(values.type) else "i" if pa.types.is_signed_integer(values.type) else "u"
    numbers = np.frombuffer(values.buffers()[1], f"{letter}{values.type.bit_width // 8}")
    return np.asarray(numbers[values.offset : values.offset + len(values)])


def known_to_duckdb(kind: pa.DataType) -> pa.DataType:
    """The type in which pyarrow passes a column to DuckDB, which takes no half floats and one list size per column."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return pa.list_(known_to_duckdb(kind.value_type))
    return pa.float32() if pa.types.is_float16(kind) else kind


def _is_close(numbers: np.dtype[Any], kind: pa.DataType) -> bool:
    """Whether numbers of this type of NumPy's become those of `kind` by a cast that checks them."""
    if pa.types.is_float16(kind):
        return numbers == np.float16
    if pa.types.is_integer(kind):
        return numbers.kind in "iu"
    return numbers.kind in "iuf" if pa.types.is_floating(kind) else pa.types.is_boolean(kind) and numbers.kind == "b"


def _of_list(values: list[Any], kind: pa.DataType) -> pa.Array | None:
    """None where the values are not all of one ordinary type, or missing."""
    present = [value for value in values if value is not None]
    if not present and not pa.types.is_struct(kind):
        return pa.nulls(len(values), kind)
    held = None if len(present) == len(values) else np.array([value is not None for value in values])
    types = {type(value) for value in present}
    if types == {str} and pa.types.is_string(kind):
        return _of_bytes([(value or "").encode() for value in values], kind, held)
    if types == {bytes} and pa.types.is_binary(kind):
        return _of_bytes([value or b"" for value in values], kind, held)
    if types <= {list, tuple} and pa.types.is_list(kind):
        return _of_lists(values, kind, held)
    if types <= {dict} and pa.types.is_struct(kind):
        return _of_records(values, kind, held)
    if len(types) > 1 or not isinstance(present[0], int | float | np.number | np.bool_):
        return None
    numbers = np.array([present[0] if value is None else value for value in values])
    return _of_numbers(numbers, kind, held) if _is_close(numbers.dtype, kind) else None


def _of_numbers(values: Array, kind: pa.DataType, held: Array | None = None) -> pa.Array:
    own = pa.from_numpy_dtype(values.dtype)
    array = pa.Array.from_buffers(own, len(values), [_bits(held), _data(values)])
    return array if own == kind else array.cast(kind)


def _of_bytes(values: Sequence[bytes], kind: pa.DataType, held: Array | None) -> pa.Array | None:
    ends = np.cumsum([0, *map(len, values)])
    if ends[-1] > np.iinfo(np.int32).max:
        return None
    buffers = [_bits(held), _data(ends.astype(np.int32)), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _of_lists(values: list[Any], kind: pa.DataType, held: Array | None) -> pa.Array:
    ends = np.cumsum([0, *(len(value or ()) for value in values)]).astype(np.int32)
    items = [item for value in values for item in value or ()]
    child = arrow_array(items, kind.value_type) if items else pa.nulls(0, kind.value_type)
    return pa.Array.from_buffers(kind, len(values), [_bits(held), _data(ends)], children=[child])


def _of_records(values: list[Any], kind: pa.DataType, held: Array | None) -> pa.Array:
    """A record that is missing has a blank beneath it, since its parts may have to be there."""
    blank = _blank(kind)
    records = [blank if value is None else value for value in values]
    children = [arrow_array([record.get(part.name) for record in records], part.type) for part in kind]
    return pa.Array.from_buffers(kind, len(values), [_bits(held)], children=children)


def _blank(kind: pa.DataType) -> Any:
    """A value of the type that says nothing."""
    if pa.types.is_struct(kind):
        return {part.name: _blank(part.type) for part in kind}
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return "" if pa.types.is_string(kind) else b""
    if pa.types.is_list(kind):
        return []
    return 0 if pa.types.is_integer(kind) or pa.types.is_floating(kind) else False


def _bits(held: Array | None) -> Any:
    """Arrow's bitmap of which values are there; None where all are."""
    return None if held is None else pa.py_buffer(np.packbits(held, bitorder="little"))


def _data(values: Array) -> Any:
    return _bits(values) if values.dtype.kind == "b" else pa.py_buffer(np.ascontiguousarray(values))


class TableDigest:
    """The digest of a table's content: equal for equal rows of equal columns, however they are cut into batches.

    Takes the batches in order. What a table is stored with (compression, row groups, dictionaries) and its footer do
    not enter. Numbers count by their bits, nulls as nulls whatever lies below them.
    """

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._schema: list[list[str]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next rows; all batches have one schema."""
        if not batch.num_rows and self._schema:
            return
        self._schema = [[field.name, str(_plain(field.type))] for field in batch.schema]
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            self._add(name, column)

    def hexdigest(self) -> str:
        """32 hexadecimal digits of all rows so far."""
        parts = {path: part.hexdigest() for path, part in self._parts.items()}
        return digest([self._schema, self._counts, parts])

    def _add(self, path: str, values: pa.Array) -> None:
        """Take a column's values, or those within a nested one: where it has nulls, lengths and values each apart."""
        if isinstance(values, pa.DictionaryArray):
            values = values.dictionary_decode()
        if isinstance(values, pa.ExtensionArray):
            values = values.storage
        before, kind = self._counts.get(path, 0), values.type
        self._counts[path] = before + len(values)
        if values.null_count:
            nulls = np.flatnonzero(as_numpy(values.is_null().cast(pa.uint8()))) + before
            self._part(f"{path}?").update(nulls.astype("<i8").tobytes())
        if pa.types.is_struct(kind):
            for number, field in enumerate(kind):
                self._add(f"{path}.{field.name}", pc.struct_field(values, [number]))
        elif pa.types.is_fixed_size_list(kind):
            self._add(f"{path}[]", values.drop_null().flatten())
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._take(f"{path}#", pc.list_value_length(values).drop_null())
            self._add(f"{path}[]", values.drop_null().flatten())
        elif pa.types.is_boolean(kind):
            self._take(path, values.drop_null().cast(pa.uint8()))
        elif pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_large_string(kind):
            self._take_bytes(path, values.drop_null())
        elif not pa.types.is_null(kind):
            self._take(path, values.drop_null())

    def _take(self, path: str, values: pa.Array) -> None:
        """Take the bytes of values of a fixed width, none of them null."""
        width, buffer = values.type.bit_width // 8, values.buffers()[1]
        if len(values) and buffer is not None:
            self._part(path).update(memoryview(buffer)[values.offset * width : (values.offset + len(values)) * width])

    def _take_bytes(self, path: str, values: pa.Array) -> None:
        """Take texts or bytes: how long each is, and all of them on end."""
        self._take(f"{path}#", pc.binary_length(values))
        _, offsets, data = values.buffers()
        if len(values) and data is not None:
            kind = np.int64 if pa.types.is_large_string(values.type) else np.int32
            ends = np.frombuffer(offsets, kind)[[values.offset, values.offset + len(values)]]
            self._part(path).update(memoryview(data)[ends[0] : ends[1]])

    def _part(self, path: str) -> Any:
        return self._parts.setdefault(path, blake3())


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without what a file's format changes of it: dictionaries, and the names of lists' elements."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_element(kind.value_field), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(_element(kind.value_field))
    return pa.struct([field.with_type(_plain(field.type)) for field in kind]) if pa.types.is_struct(kind) else kind


def _element(field: pa.Field) -> pa.Field:
    return field.with_name("item").with_type(_plain(field.type))
