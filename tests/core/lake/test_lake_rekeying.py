"""A cell's footer in place of another, and what makes that honest."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from _small_lake import commit_marks, marks

from cinelake.lake.cells import Footer, Lake
from cinelake.lake.footer_bytes import replace_value
from cinelake.lake.index import Index
from cinelake.lake.rekeying import differs_in_tables_only, is_made_from


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    commit_marks(lake, "film", marks(numbers=range(3000)))
    return lake


def footer_of(lake: Lake) -> Footer:
    footer = lake.footer("marks", "film")
    assert footer
    return footer


def rekey(lake: Lake, **changed: Any) -> None:
    before = footer_of(lake)
    lake.rekey("marks", "film", replace(before, **changed), before=before)


@pytest.mark.parametrize("note", ["", "a" * 100_000, "é\0x"])
def test_another_footer_leaves_every_byte_of_the_data_where_it_is(lake: Lake, note: str) -> None:
    path, before = Path(lake.cell_path("marks", "film")), lake.reader("marks", "film").read()
    old = path.read_bytes()
    rekey(lake, key="another", run={"note": note})
    start = len(old) - 8 - int.from_bytes(old[-8:-4], "little")
    assert path.read_bytes()[:start] == old[:start]
    assert lake.reader("marks", "film").read().equals(before)
    assert (footer_of(lake).key, footer_of(lake).run) == ("another", {"note": note})


def test_the_content_s_digest_is_that_of_the_rows_and_survives_another_key(lake: Lake) -> None:
    digest = footer_of(lake).content_digest
    rekey(lake, key="another")
    rekeyed = footer_of(lake).content_digest
    commit_marks(lake, "film", marks("film", range(1000)), marks("film", range(1000, 3000)))
    assert digest == rekeyed and digest and footer_of(lake).content_digest == digest


def test_the_index_sees_the_new_key(lake: Lake) -> None:
    assert Index(lake).cells("marks")["film"].key == "k"
    rekey(lake, key="x")
    assert Index(lake).cells("marks")["film"].key == "x"


def test_a_cell_that_another_writer_made_meanwhile_keeps_its_own_footer(lake: Lake) -> None:
    before = footer_of(lake)
    commit_marks(lake, "film", marks(numbers=range(5)))
    theirs = footer_of(lake)
    with pytest.raises(ValueError, match="made again, deleted or damaged meanwhile"):
        lake.rekey("marks", "film", replace(before, key="another"), before=before)
    assert footer_of(lake) == theirs


def test_no_byte_of_a_cell_that_was_damaged_meanwhile_stops_more_than_its_rekeying(lake: Lake) -> None:
    before, path = footer_of(lake), Path(lake.cell_path("marks", "film"))
    good = path.read_bytes()
    for at in range(len(good) - 8 - int.from_bytes(good[-8:-4], "little"), len(good), 11):
        path.write_bytes(good[:at] + bytes([good[at] ^ 8]) + good[at + 1 :])
        with suppress(ValueError):
            lake.rekey("marks", "film", replace(before, key="another"), before=before)


def test_a_cell_that_was_deleted_meanwhile_does_not_come_back(lake: Lake) -> None:
    before = footer_of(lake)
    lake.delete_cell("marks", "film")
    with pytest.raises(ValueError, match="made again, deleted or damaged meanwhile"):
        lake.rekey("marks", "film", replace(before, key="another"), before=before)
    assert lake.footer("marks", "film") is None


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"x" * 50 + b"\xff\0\0\0PAR1"])
def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "file").write_bytes(damage)
    with pytest.raises((ValueError, OSError)):
        replace_value(tmp_path / "file", b"cinelake", b"{}")


OLD: dict[str, Any] = {"task": "faces", "version": 1, "params": {"fps": 1}, "inputs": {"frames": "a", ".srt": "s"}}


@pytest.mark.parametrize(
    ("changed", "only"),
    [
        ({"inputs": {"frames": "b", ".srt": "s"}}, True),
        ({"inputs": {"frames": "b", ".srt": "t"}}, False),
        ({"inputs": {"frames": "b"}}, False),
        ({"inputs": {"frames": "b", ".srt": "s", "streams.video": "c"}}, False),
        ({"params": {"fps": 2}}, False),
        ({"version": 2}, False),
        ({"model": {"name": "tags"}}, False),
    ],
)
def test_whatever_else_goes_in_must_be_equal(changed: dict[str, Any], only: bool) -> None:
    assert differs_in_tables_only(OLD, {**OLD, **changed}, ["frames"]) is only


@pytest.mark.parametrize(
    ("was", "now", "same"),
    [({"frames": "x"}, {"frames": "x"}, True), ({"frames": "x"}, {"frames": "y"}, False), ({}, {"frames": ""}, False)],
)
def test_a_cell_whose_inputs_contents_are_not_known_is_not_the_same(was: Any, now: Any, same: bool) -> None:
    assert is_made_from(Footer("k", "c", {}, {}, input_digests=was), now) is same
