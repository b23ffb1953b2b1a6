"""The digest of a table's content: equal for equal rows of equal columns, however they are cut into batches.

What a table is stored with (compression, row groups, dictionaries) and its footer do not enter. Numbers count by their
bits, nulls as nulls whatever lies below them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3

from cinelake.spec.arrow_values import as_numpy
from cinelake.storage.content import digest


class TableDigest:
    """Takes the batches of a table in order."""

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
