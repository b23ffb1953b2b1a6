"""The lake: a cell is committed whole or not at all, checked, with its provenance inside."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import textwrap
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _small_lake import MARKS, commit_marks, marks
from hypothesis import given
from hypothesis import strategies as st

from cinelake.errors import (
    ContractViolation,
    DamagedFilm,
    FilmMissing,
    InputChanged,
    UsageError,
    WorkerLost,
)
from cinelake.lake import cells as lake_module
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.records import FAILURES
from cinelake.spec.contract import Column, Contract, vector
from cinelake.storage.parquet_depth import TAIL_BYTES

FOOTER = Footer("key", "meaning", {"version": 1, "params": {"fps": 1.0, "é": None}}, {"wall_s": 0.1, "ffmpeg": "n9"})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def cell_file(lake: Lake, movie_id: str = "film") -> Path:
    return Path(lake.cell_path("marks", movie_id))


def write(lake: Lake, contract: Contract, *batches: pa.RecordBatch) -> pa.Table:
    """Commit these batches and read them again."""
    with lake.scratch() as scratch:
        writer = CellWriter(contract, "film", scratch / "cell.parquet")
        for batch in batches:
            writer.write(batch)
        writer.close(FOOTER)
        lake.commit(writer, contract.table)
    return lake.reader(contract.table, "film").read()


def provenance(lake: Lake) -> Footer:
    """The footer as it was given; the writer adds the digest of the rows."""
    footer = lake.footer("marks", "film")
    assert footer and footer.content_digest
    return replace(footer, content_digest="")


# --- commit


def test_what_was_written_is_read_again(lake: Lake) -> None:
    table = write(lake, MARKS, marks(numbers=[0, 1], weight=[None, 1]), marks(numbers=[5]))
    assert table["mark"].to_pylist() == [0, 1, 5]
    assert table["weight"].to_pylist() == [None, 1, 0.5]
    assert table["sketch"].to_pylist() == [[0, 0.5, 1]] * 3


def test_batches_and_the_whole_table_are_the_same_rows(lake: Lake) -> None:
    table = write(lake, MARKS, marks(numbers=range(3000)))
    batches = list(lake.reader("marks", "film").batches(["mark"]))
    assert pa.Table.from_batches(batches)["mark"].to_pylist() == table["mark"].to_pylist()
    assert max(batch.num_rows for batch in batches) <= 1024


def test_provenance_comes_back_as_it_was_given(lake: Lake) -> None:
    write(lake, MARKS, marks())
    assert provenance(lake) == FOOTER


def test_a_task_without_rows_gives_an_empty_table_with_all_columns(lake: Lake) -> None:
    table = write(lake, MARKS)
    assert (table.num_rows, table.column_names) == (0, [column.name for column in MARKS.all_columns])
    assert provenance(lake) == FOOTER


@pytest.mark.parametrize("moment", ["replace", "fsync"])
def test_a_crash_before_a_cell_is_in_place_leaves_the_old_one(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    commit_marks(lake, "film", marks(numbers=[1]), key="old")
    before = cell_file(lake).read_bytes()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*{"replace": (Path, "replace"), "fsync": (os, "fsync")}[moment], crash)
    with pytest.raises(KeyboardInterrupt):
        commit_marks(lake, "film", marks(numbers=[2]), key="new")
    assert cell_file(lake).read_bytes() == before


def test_a_process_killed_while_it_writes_leaves_the_old_cell_and_only_scratch(lake: Lake) -> None:
    commit_marks(lake, key="old")
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[1])!r})
        from _small_lake import MARKS, marks
        from cinelake.lake.cells import CellWriter, Lake
        with Lake({lake.storage.uri!r}).scratch() as scratch:
            writer = CellWriter(MARKS, "film", scratch / "marks.parquet")
            writer.write(marks(numbers=range(100_000)))
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert provenance(lake) == Footer("old", "meaning of old", {"version": 1}, {})
    assert (lake.storage.sweep(), lake.tables()) == (1, ["marks"])


def test_nothing_unfinished_lies_beside_the_tables(lake: Lake, tmp_path: Path) -> None:
    with lake.scratch() as scratch:
        writer = CellWriter(MARKS, "film", scratch / "marks.parquet")
        writer.write(marks(numbers=range(lake_module.ROWS_PER_GROUP)))
        assert not list((tmp_path / "lake").glob("[!_]*/**/*"))
        writer.abandon()


# --- contracts


def refused(lake: Lake, *batches: pa.RecordBatch, contract: Contract = MARKS) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        write(lake, contract, *batches)
    assert lake.footer(contract.table, "film") is None
    return caught.value


def test_a_table_that_breaks_its_contract_is_not_committed_and_shows_five_rows(lake: Lake) -> None:
    error = refused(lake, marks(numbers=range(0, 10)), marks(numbers=range(10, 20), weight=[2] * 10))
    assert (error.column, error.count, len(error.examples)) == ("weight", 10, 5)


ORDERS = {
    "unsorted in a batch": [[2, 1]],
    "unsorted between batches": [[5, 6], [4]],
    "twice in a batch": [[1, 1]],
    "twice between batches": [[1, 2], [2, 3]],
}


@pytest.mark.parametrize("numbers", ORDERS.values(), ids=ORDERS)
def test_rows_out_of_order_and_keys_given_twice_are_refused(lake: Lake, numbers: list[list[int]]) -> None:
    error = refused(lake, *(marks(numbers=each) for each in numbers))
    assert (error.column, error.check) == ("mark", "rows must be sorted by the key, each key once")


def test_a_table_without_a_key_has_one_row_at_most(lake: Lake) -> None:
    contract = Contract("facts", "One row a film.", [Column("fact", pa.int32(), "A number.")], key=[])
    refused(lake, contract.batch("film", fact=[1, 2]), contract=contract)
    refused(lake, contract.batch("film", fact=[1]), contract.batch("film", fact=[1]), contract=contract)
    assert write(lake, contract, contract.batch("film", fact=[1])).num_rows == 1


def test_vectors_of_open_size_have_the_same_size_all_through_a_film(lake: Lake) -> None:
    first, other = marks(numbers=[0]), marks(numbers=[1], embedding=np.ones((1, 8), np.float32))
    assert "batches differ" in refused(lake, first, other).check


def test_rows_of_another_film_are_refused(lake: Lake) -> None:
    assert refused(lake, marks("other")).check == "is not the step's film"


# --- memory


def test_memory_does_not_grow_with_a_film_s_length(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_module, "BYTES_PER_GROUP", 2 << 20)
    contract = Contract("big", "Vectors.", [Column("row", pa.int32(), "Number."), Column("v", vector(), "V.")], ["row"])
    noise = np.random.default_rng(1).random((256, 1024), np.float32)  # 1 MiB
    allocated = []
    with lake.scratch() as scratch:
        writer = CellWriter(contract, "film", scratch / "big.parquet")
        for start in range(0, 40 * 256, 256):
            writer.write(contract.batch("film", row=np.arange(start, start + 256, dtype=np.int32), v=noise))
            allocated.append(pa.total_allocated_bytes())
        writer.close(FOOTER)
        assert pq.read_metadata(writer.path).num_row_groups == 20
    assert max(allocated[10:]) < max(allocated[:10]) + (3 << 20)


class MeasuredBatch:
    """A record batch that counts how often its bytes are asked for."""

    def __init__(self, batch: pa.RecordBatch, asked: list[int]):
        self._batch, self._asked = batch, asked

    def __getattr__(self, name: str) -> Any:
        if name == "nbytes":
            self._asked.append(1)
        return getattr(self._batch, name)

    def __getitem__(self, column: str) -> pa.Array:
        return self._batch[column]


def test_each_batch_is_measured_once_however_many_wait(tmp_path: Path) -> None:
    asked: list[int] = []
    writer = CellWriter(MARKS, "film", tmp_path / "cell.parquet")
    for number in range(200):
        batch: Any = MeasuredBatch(marks(numbers=[number]), asked)
        writer.write(batch)
    assert len(asked) == 200


def test_rows_that_come_one_by_one_fill_groups_of_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_module, "ROWS_PER_GROUP", 10)
    writer = CellWriter(MARKS, "film", tmp_path / "cell.parquet")
    for number in range(35):
        writer.write(marks(numbers=[number]))
    writer.close(FOOTER)
    metadata = pq.read_metadata(writer.path)
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [10, 10, 10, 5]


# --- names


@given(st.text(max_size=12) | st.sampled_from(["..", "../x", "a/b", "", "a" * 97, "a\n", "a\0", "Ä", "a.b"]))
def test_ids_and_names_that_could_leave_the_folder_are_refused(name: str) -> None:
    lake = Lake("/lake")
    for table, movie_id in [("marks", name), (name, "film")]:
        try:
            path = lake.cell_path(table, movie_id)
        except UsageError:
            continue
        assert path == f"/lake/{table}/{movie_id}.parquet"
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") and 0 < len(name) <= 96


@pytest.mark.parametrize("table", ["failures", "_tmp", "1st", ".."])
def test_the_lake_s_own_folders_are_no_tables(lake: Lake, table: str) -> None:
    with pytest.raises(UsageError):
        lake.cell_path(table, "film")


# --- failures


def test_a_failure_becomes_a_row_with_its_reason_and_last_words(lake: Lake) -> None:
    lake.record_failure("marks", "film", "key", DamagedFilm("it ends early", log_tail="moov atom"))
    (row,) = pq.read_table(Path(lake.storage.uri) / "failures/marks/film.parquet").to_pylist()
    FAILURES.check(pa.RecordBatch.from_pylist([row], FAILURES.schema), "film")
    told = {name: row[name] for name in ("task", "key", "reason", "transient", "message", "log_tail", "attempt")}
    assert told == {
        "task": "marks",
        "key": "key",
        "reason": "damaged_film",
        "transient": False,
        "message": "it ends early",
        "log_tail": "moov atom",
        "attempt": 1,
    }


def test_the_last_words_of_a_damaged_record_say_so(lake: Lake) -> None:
    lake.record_failure("marks", "film", "key", DamagedFilm("broken", log_tail="moov atom not found"))
    file = Path(lake.storage.path("failures", "marks", "film.parquet"))
    good, told = file.read_bytes(), set()
    for at in range(4, len(good), 29):
        file.write_bytes(good[:at] + bytes([good[at] ^ 8]) + good[at + 1 :])
        told.add(lake.failure_log("marks", "film").partition(": ")[0])
    assert told == {"moov atom not found", f"{file} is damaged"}


def test_attempts_are_counted_while_the_key_stays(lake: Lake) -> None:
    rows = [lake.record_failure("marks", "film", key, WorkerLost("died")) for key in ("a", "a", "a", "b")]
    assert [(row["attempt"], row["transient"]) for row in rows] == [(1, True), (2, True), (3, True), (1, True)]


def test_a_failure_vanishes_when_the_cell_succeeds(lake: Lake, tmp_path: Path) -> None:
    lake.record_failure("marks", "film", "key", FilmMissing("not there"))
    lake.record_failure("marks", "other", "key", FilmMissing("not there"))
    commit_marks(lake)
    assert [path.name for path in tmp_path.glob("lake/failures/*/*")] == ["other.parquet"]


def test_a_failure_with_a_name_that_is_no_text_and_an_endless_log_can_be_recorded(lake: Lake) -> None:
    row = lake.record_failure("marks", "film", "key", DamagedFilm("caf\udce9.mp4", log_tail="x" * 10_000))
    assert (row["message"], len(row["log_tail"])) == ("caf\\udce9.mp4", 4000)


# --- what is no cell


def test_a_foreign_parquet_file_is_no_cell(lake: Lake) -> None:
    commit_marks(lake)
    pq.write_table(pa.table({"movie_id": ["film"]}), cell_file(lake))
    assert lake.footer("marks", "film") is None


def test_a_damaged_file_is_no_cell_and_no_crash(lake: Lake) -> None:
    commit_marks(lake)
    good = cell_file(lake).read_bytes()
    chance = random.Random(0)
    for _ in range(300):
        torn = bytearray(good[: chance.choice([len(good), chance.randrange(len(good))])])
        for _ in range(chance.randrange(1, 8)) if torn else ():
            torn[-chance.randrange(1, min(len(torn), 1500) + 1)] = chance.randrange(256)
        cell_file(lake).write_bytes(torn)
        assert isinstance(lake.footer("marks", "film"), Footer | None)


def test_no_wrong_byte_of_a_footer_is_taken_for_a_newer_format(lake: Lake) -> None:
    commit_marks(lake)
    stored = lake.footer("marks", "film").to_json().encode()
    for at, byte in itertools.product(range(len(stored)), b'_x"0'):
        with suppress(ValueError, TypeError, KeyError):  # damaged: made again
            Footer.from_json(stored[:at] + bytes([byte]) + stored[at + 1 :])


def test_a_footer_longer_than_what_is_read_at_once_is_read_whole(lake: Lake) -> None:
    commit_marks(lake, run={"log": "x" * 3 * TAIL_BYTES})
    found = lake.footer("marks", "film")
    assert found and len(found.run["log"]) == 3 * TAIL_BYTES


def test_a_cell_that_was_deleted_before_it_is_read_is_a_changed_input(lake: Lake) -> None:
    commit_marks(lake)
    reader = lake.reader("marks", "film")
    lake.delete_cell("marks", "film")
    with pytest.raises(InputChanged):
        reader.read()


def test_one_wrong_byte_among_the_rows_gives_no_other_rows(lake: Lake) -> None:
    commit_marks(lake, "film", marks(numbers=range(50)))
    good, rows = cell_file(lake).read_bytes(), lake.reader("marks", "film").read()
    pages = pq.read_metadata(cell_file(lake)).row_group(0)
    end = max(
        pages.column(n).data_page_offset + pages.column(n).total_compressed_size for n in range(len(rows.columns))
    )
    for at in range(4, min(end, len(good) - 8)):
        cell_file(lake).write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        with suppress(InputChanged):
            assert lake.reader("marks", "film").read().equals(rows)


def test_a_cell_with_damaged_pages_is_told_with_what_to_do_and_stops_no_run(lake: Lake) -> None:
    commit_marks(lake, "film", marks(numbers=range(2000)))
    good = cell_file(lake).read_bytes()
    chance = random.Random(0)
    refused = 0
    for _ in range(60):
        torn = bytearray(good)
        for _ in range(20):
            torn[chance.randrange(4, 3000)] = chance.randrange(256)
        cell_file(lake).write_bytes(torn)
        try:
            list(lake.reader("marks", "film").batches())
        except InputChanged as error:
            assert "marks/film.parquet is damaged" in str(error) and "delete it" in str(error)
            refused += 1
    assert refused > 10


# --- a lake that cannot be written

POWERLESS = "import ctypes; ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())"
NO_ROOM = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""


def in_a_process(lake: Lake, circumstances: str, act: str) -> str:
    """Act on the lake in a process without a superuser's powers, or without room; gives what it printed."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from _small_lake import MARKS, commit_marks, marks
from cinelake.errors import CinelakeError, DamagedFilm
from cinelake.lake.cells import Lake
lake = Lake({lake.storage.uri!r})
{circumstances}
try:
    {act}
except CinelakeError as error:
    print(type(error).__name__, error)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


WRITING = [
    "lake.record_failure('marks', 'film', 'key', DamagedFilm('bad'))",
    "lake.delete_cell('marks', 'film')",
    "lake.storage.check_writable()",
]


@pytest.mark.parametrize("act", WRITING)
def test_a_read_only_lake_is_a_storage_error_and_stays_as_it_is(lake: Lake, act: str) -> None:
    commit_marks(lake)
    root = Path(lake.storage.uri)
    before = cell_file(lake).read_bytes()
    folders = [root, root / "_tmp", root / "marks"]
    for folder in folders:
        folder.chmod(0o555)
    told = in_a_process(lake, POWERLESS, act)
    for folder in folders:
        folder.chmod(0o755)
    assert told.startswith("StorageError") and "Check the owner and mode" in told
    assert cell_file(lake).read_bytes() == before


NOISE = "import numpy; noise = numpy.random.default_rng(0).random((5_000, 4), 'float32')"


@pytest.mark.parametrize("numbers", ["range(5_000)", "range(100)"])
def test_a_disk_without_room_is_a_storage_error_and_leaves_the_old_cell(lake: Lake, numbers: str) -> None:
    commit_marks(lake, key="old")
    act = f"numbers = {numbers}; commit_marks(lake, 'film', marks(numbers=numbers, embedding=noise[:len(numbers)]))"
    told = in_a_process(lake, NOISE + NO_ROOM, act)
    assert told.startswith("StorageError") == (numbers == "range(5_000)")
    found = lake.footer("marks", "film")
    assert found and (found.key == "old") == (numbers == "range(5_000)")
    assert list((Path(lake.storage.uri) / "_tmp").iterdir()) == []


def test_a_file_that_may_not_be_read_is_a_storage_error(lake: Lake) -> None:
    commit_marks(lake)
    cell_file(lake).chmod(0)
    assert in_a_process(lake, POWERLESS, "lake.footer('marks', 'film')").startswith("StorageError reading marks/film")


def test_vectors_of_floats_are_written_to_be_read_fast(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    commit_marks(lake, "film")
    group = pq.read_metadata(lake.cell_path("marks", "film")).row_group(0)
    columns = {c.path_in_schema: c for c in map(group.column, range(group.num_columns))}
    written = {path: (column.compression, column.has_dictionary_page) for path, column in columns.items()}
    assert written["embedding.list.element"] == ("LZ4", False)
    assert written["sketch.list.element"] == ("ZSTD", False)  # of half floats
    assert written["mark"] == ("ZSTD", True)
