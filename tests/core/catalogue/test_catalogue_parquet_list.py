"""A list of films that is small on disk and large in memory is refused before it is unpacked."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cinelake.catalogue import list as film_list
from cinelake.catalogue.list import read_list
from cinelake.errors import FileTooLarge, ManifestError
from cinelake.storage.foreign_parquet import Bounds, bounded_batches


def refused(path: Path) -> str:
    """What is said of a list that is not read."""
    with pytest.raises(ManifestError) as error:
        read_list(path)
    return str(error.value)


def test_a_pipe_and_a_device_have_no_end_and_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    for name in ("pipe.csv", "device.csv"):
        assert "expected a file, received a pipe or a device" in refused(tmp_path / name)


def test_a_text_larger_than_any_list_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "list.csv").open("wb") as file:
        file.truncate(2 << 30)
    assert "expected at most 1024 MB of text, received 2048 MB" in refused(tmp_path / "list.csv")


def test_more_lines_of_text_than_films_there_are_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_list, "BOUNDS", Bounds(rows=20))
    (tmp_path / "list.csv").write_text("uri\n" + 30 * "a.mp4\n")
    assert "it has more than 20 lines" in refused(tmp_path / "list.csv")


@pytest.mark.parametrize("knows_its_dictionaries", [True, False])
def test_one_long_text_that_many_rows_share_is_refused(tmp_path: Path, knows_its_dictionaries: bool) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), pa.array(["x" * 100_000]))
    with pq.ParquetWriter(
        tmp_path / "films.parquet", pa.schema({"uri": texts.type}), store_schema=knows_its_dictionaries
    ) as writer:
        writer.write_table(pa.table({"uri": texts}))
    assert (tmp_path / "films.parquet").stat().st_size < 200_000
    assert "a text in column 'uri' is longer than 65536 bytes" in refused(tmp_path / "films.parquet")


def test_many_texts_that_are_too_long_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_list, "BOUNDS", Bounds(all_bytes=1_000_000))
    pq.write_table(pa.table({"uri": ["x" * 1000] * 5000}), tmp_path / "films.parquet")
    assert "its values are longer than 1000000 bytes together" in refused(tmp_path / "films.parquet")


def test_columns_that_say_that_they_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_list, "BOUNDS", Bounds(all_bytes=1_000_000))
    pq.write_table(pa.table({"uri": ["x" * 2_000_000]}), tmp_path / "films.parquet", use_dictionary=False)
    assert "its columns unpack to" in refused(tmp_path / "films.parquet")


def test_more_rows_than_films_there_are_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_list, "BOUNDS", Bounds(rows=1000))
    pq.write_table(pa.table({"uri": ["a.mp4"] * 1001}), tmp_path / "films.parquet")
    assert "it has 1001 rows, more than 1000" in refused(tmp_path / "films.parquet")


@pytest.mark.parametrize("value", [["a.mp4"] * 1000, b"a.mp4", {"path": "a.mp4"}], ids=["list", "bytes", "struct"])
def test_a_column_that_holds_no_texts_is_refused(tmp_path: Path, value: object) -> None:
    pq.write_table(pa.table({"uri": [value]}), tmp_path / "films.parquet")
    assert "expected texts or numbers in column 'uri', received" in refused(tmp_path / "films.parquet")


def test_bytes_as_wide_as_a_disk_are_refused_before_one_row_of_them_is_read(tmp_path: Path) -> None:
    wide = pa.array([b"x" * 100_000], pa.binary(100_000)).take(pa.array([0] * 5000))
    pq.write_table(pa.table({"uri": ["a.mp4"] * 5000, "title": wide}), tmp_path / "films.parquet")
    assert "in column 'title', received fixed_size_binary" in refused(tmp_path / "films.parquet")


def test_texts_numbers_and_nothing_are_read_beside_other_columns(tmp_path: Path) -> None:
    table = {"uri": ["a.mp4", "b.mp4"], "title": ["A", None], "group": [1, 2], "cast": [{"x": [1]}, {"x": []}]}
    pq.write_table(pa.table(table), tmp_path / "films.parquet")
    rows = read_list(tmp_path / "films.parquet").rows
    assert [(row.line, row.uri, row.title, row.group) for row in rows] == [
        (1, "a.mp4", "A", "1"),
        (2, "b.mp4", "", "2"),
    ]


def test_columns_of_a_parquet_list_are_known_in_any_case(tmp_path: Path) -> None:
    pq.write_table(pa.table({"URI": ["a.mp4"], "Group": ["s1"]}), tmp_path / "films.parquet")
    assert [(row.uri, row.group) for row in read_list(tmp_path / "films.parquet").rows] == [("a.mp4", "s1")]


def test_no_wrong_byte_of_a_footer_is_more_than_an_error(tmp_path: Path) -> None:
    file = tmp_path / "films [1].parquet"
    pq.write_table(pa.table({"uri": ["dawn.mp4"], "movie_id": ["dawn"]}), file)
    good, told = file.read_bytes(), 0
    start = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    for at in range(start, start + 160, 4):
        file.write_bytes(good[:at] + bytes([good[at] ^ 2]) + good[at + 1 :])
        try:
            read_list(file)
        except ManifestError:
            told += 1
    assert told


def test_a_column_whose_name_has_a_point_is_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"a.b": ["x" * 2_000_000]}), tmp_path / "any.parquet", use_dictionary=False)
    with pytest.raises(FileTooLarge, match="its columns unpack to"):
        next(bounded_batches(tmp_path / "any.parquet", Bounds(all_bytes=1_000_000)))
