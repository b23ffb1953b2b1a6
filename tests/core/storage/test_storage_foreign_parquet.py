"""Parquet files from strangers: what their pages hold counts, whatever their footers tell."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _parquet_bombs import deep_schema, endless_list, wide_dictionary

from cinelake.errors import FileTooLarge
from cinelake.storage.foreign_parquet import Bounds, bounded_table, foreign_schema

BOUNDS = Bounds(lists=True, all_bytes=16_000_000)


@pytest.mark.parametrize("made", [endless_list, wide_dictionary], ids=["list", "dictionary"])
def test_a_footer_that_tells_less_than_the_pages_hold_hides_nothing(tmp_path, made):
    file = tmp_path / "a.parquet"
    file.write_bytes(made(1000))
    assert bounded_table(file, BOUNDS).num_columns == 1
    file.write_bytes(made(1_500_000 + random.randrange(1_000_000)))
    with pytest.raises(FileTooLarge, match="unpack to"):
        bounded_table(file, BOUNDS)


def test_columns_within_columns_without_end_are_an_error_and_not_the_end_of_the_process(tmp_path):
    (tmp_path / "a.parquet").write_bytes(deep_schema(20_000))
    with pytest.raises(pa.ArrowInvalid, match="nested"):
        foreign_schema(tmp_path / "a.parquet")


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN", None])
@pytest.mark.parametrize("form", ["1.0", "2.0"])
def test_texts_are_read_however_they_are_written(tmp_path, encoding, form):
    texts = ["x" * random.randrange(300) for _ in range(3000)]
    rows = pa.table({"text": texts, "numbers": [[n] * (n % 4) for n in range(3000)]})
    encoded = {"column_encoding": {"text": encoding}, "use_dictionary": False} if encoding else {}
    pq.write_table(rows, tmp_path / "a.parquet", data_page_version=form, data_page_size=4000, **encoded)
    assert bounded_table(tmp_path / "a.parquet", BOUNDS).equals(rows)


def test_texts_that_repeat_the_longest_in_a_few_bytes_are_read_some_at_a_time(tmp_path):
    texts = pa.table({"text": ["x" * 500_000 + str(number) for number in range(100)]})
    written = {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}, "data_page_size": 1 << 30}
    pq.write_table(texts, tmp_path / "a.parquet", **written)
    del texts
    usual, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        with pytest.raises(FileTooLarge, match="longer than"):
            bounded_table(tmp_path / "a.parquet", BOUNDS)
    finally:
        pa.set_memory_pool(usual)
    assert 0 < pool.max_memory() < 2 * BOUNDS.all_bytes
