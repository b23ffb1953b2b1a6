"""What a newer Cinelake wrote is refused in words: never misread, never taken for missing, never made again."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from _labelled import SCENES, scene, take
from _small_lake import MARKS, marks

import cinelake
from cinelake.errors import NewerFormat, UsageError
from cinelake.labels.store import read_labels
from cinelake.lake.artefact import read_artefact
from cinelake.lake.cells import FOOTER_KEY, CellWriter, Footer, Lake
from cinelake.lake.format import NAME, note_format, open_known
from cinelake.lake.index import Index


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    with lake.scratch() as scratch:
        writer = CellWriter(MARKS, "film", scratch / "cell.parquet")
        writer.write(marks())
        writer.close(Footer("key", "meaning", {"version": 1}, {}))
        lake.commit(writer, MARKS.table)
    return lake


def rewrite_footer(file: Path, key: bytes, **changes: object) -> None:
    """Put changed facts into a Parquet file's footer, as another version would have written them."""
    table = pq.read_table(file, partitioning=None)
    facts = {**json.loads(pq.read_metadata(file).metadata[key]), **changes}
    pq.write_table(table.replace_schema_metadata({key: json.dumps(facts).encode()}), file)


@pytest.mark.parametrize("changes", [{"format": 2}, {"format": "b"}, {"signature": "a field more"}])
def test_a_newer_cell_stops_the_plan_and_is_named(lake, changes):
    file = Path(lake.cell_path("marks", "film"))
    rewrite_footer(file, FOOTER_KEY, **changes)
    before = file.read_bytes()
    with pytest.raises(NewerFormat, match=r"film\.parquet.*newer"):
        Index(lake).cells("marks")
    assert file.read_bytes() == before


def test_a_newer_lake_is_refused_before_anything_is_read(lake):
    note_format(lake)
    assert open_known(lake.storage.uri).tables() == ["marks"]
    Path(lake.storage.path(NAME)).write_text('{"format": 2}')
    with pytest.raises(NewerFormat, match="format 2; this Cinelake reads formats up to 1"):
        cinelake.open(lake.storage.uri)


def test_a_folder_that_is_full_of_something_else_is_no_lake(tmp_path):
    (tmp_path / "pictures").mkdir()
    open_known(str(tmp_path))
    (tmp_path / "passwd").touch()
    with pytest.raises(UsageError, match=r"holds something else \(passwd\)"):
        open_known(str(tmp_path))
    (tmp_path / "_tmp").mkdir()
    assert open_known(str(tmp_path)), "a lake of an older release, with a file of somebody's"


def test_an_empty_disk_is_a_place_for_a_lake(tmp_path):
    for name in ("lost+found", "@eaDir", ".Trash-1000"):
        (tmp_path / name).mkdir()
    assert open_known(str(tmp_path)).tables() == []


def test_a_lake_from_before_formats_were_written_is_of_the_first(lake):
    assert not Path(lake.storage.path(NAME)).exists()
    assert Index(open_known(lake.storage.uri)).cells("marks")["film"].key == "key"


def test_newer_labels_are_refused(tmp_path):
    take(tmp_path, scene())
    rewrite_footer(tmp_path / "toy" / "000001.parquet", b"cinelake.labels", format=2)
    with pytest.raises(NewerFormat, match=r"000001\.parquet has format 2"):
        read_labels(tmp_path, "toy", SCENES)


def test_a_newer_model_is_refused(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"format": 2, "kind": "unknown here"}))
    with pytest.raises(NewerFormat, match="has format 2"):
        read_artefact(tmp_path)
