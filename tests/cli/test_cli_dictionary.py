"""The data dictionary of a given lake: both pages say what the lake says, escaped, and need nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cinelake.errors import UsageError
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.index import Index
from cinelake.manifest.document import load_manifest
from cinelake.query.dictionary import describe
from cinelake.query.quality import measure_new, watched_tables
from cli.dictionary import as_html, as_markdown, states
from cli.lineage_picture import picture_of
from cli.main import app
from tasks.shots import MOTION_SIZE, SHOTS

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tasks:
  films: {}
  shots: {}
  frames: {}
  faces: {}
"""


def commit_shots(lake: Lake, movie_id: str, made: dict[str, object], lengths: list[float]) -> None:
    ends = np.cumsum(lengths)
    batch = SHOTS.batch(
        movie_id,
        shot=range(len(lengths)),
        start_frame=range(len(lengths)),
        end_frame=range(1, len(lengths) + 1),
        start_s=ends - lengths,
        end_s=ends,
        transition=["start"] * len(lengths),
        score=[1.0] * len(lengths),
        motion=np.zeros((len(lengths), MOTION_SIZE), np.float32),
    )
    with lake.scratch() as scratch:
        writer = CellWriter(SHOTS, movie_id, scratch / "cell.parquet")
        writer.write(batch)
        run = {"at": "2026-01-02T03:04:05+00:00", "rows": len(lengths)}
        writer.close(Footer(movie_id, movie_id, {"task": "shots", "version": 1, "params": {}} | made, run))
        lake.commit(writer, "shots")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with the shots of two films, one made by a task with a strange name."""
    folder = tmp_path_factory.mktemp("described")
    (folder / "films").mkdir()
    (folder / "pipeline.yaml").write_text(MANIFEST)
    lake = Lake(str(folder / "lake"))
    commit_shots(lake, "alien", {"params": {"note": "<script>alert(1)</script>"}}, [1.0, 2.0])
    commit_shots(lake, "brazil", {"model": {"name": "cuts", "version": 3}}, [4.0])
    measure_new(lake, Index(lake), watched_tables(load_manifest(folder / "pipeline.yaml")))
    return folder / "pipeline.yaml"


@pytest.fixture(scope="module")
def html(manifest: Path) -> str:
    return as_html(describe(load_manifest(manifest)), "<b>lake</b>")


@pytest.fixture(scope="module")
def markdown(manifest: Path) -> str:
    return as_markdown(describe(load_manifest(manifest)), "lake")


def test_a_table_tells_its_rows_films_and_age(manifest: Path) -> None:
    shots = next(table for table in describe(load_manifest(manifest)) if table.name == "shots")
    assert (shots.films, shots.rows, str(shots.newest)) == (2, 3, "2026-01-02 03:04:05+00:00")
    assert states(shots) == "in no film of the catalogue"


def test_both_pages_have_every_table_and_column(manifest: Path, html: str, markdown: str) -> None:
    for table in describe(load_manifest(manifest)):
        for column in table.contract.all_columns:
            assert f"<code>{column.name}</code>" in html and f"| `{column.name}` |" in markdown


def test_units_and_allowed_values_are_told(markdown: str) -> None:
    assert re.search(r"\| `start_s` \| double \| seconds \|", markdown)
    assert "start · cut · fade · dissolve" in markdown


def test_measures_of_the_lake_are_told(manifest: Path, markdown: str) -> None:
    shots = next(table for table in describe(load_manifest(manifest)) if table.name == "shots")
    rows = next(check for check in shots.checks if check.measure == "rows")
    assert (rows.films, rows.least, rows.median, rows.greatest) == (2, 1, 1.5, 2)
    assert "| rows rows | 2 | 1 | 1.5 | 2 | none |" in markdown


def test_models_are_told_with_their_licence(html: str, markdown: str) -> None:
    assert all("model cuts version 3: trained here, from your labels" in page for page in (html, markdown))


def test_values_are_escaped(html: str) -> None:
    assert "<script" not in html and "&lt;script&gt;alert(1)" in html and "<b>lake" not in html


def test_the_page_needs_no_network_and_no_script(html: str) -> None:
    assert not re.search(r"""(src|href)=["'](?!#)""", html) and "default-src 'none'" in html


def test_the_page_is_light_and_dark(html: str) -> None:
    assert "color-scheme: light dark" in html


def test_lineage_is_told_as_mermaid_and_as_a_picture(html: str, markdown: str) -> None:
    assert "  shots --> frames\n" in markdown and '<a href="#frames"><rect' in html


def test_a_table_stands_to_the_right_of_all_that_it_is_made_from() -> None:
    reads = {"a": [], "b": ["a"], "c": ["a", "b"], "d": [], "e": ["nowhere"]}
    picture = picture_of(reads)
    left = {box.name: box.x for box in picture.boxes}
    assert left["a"] < left["b"] < left["c"] and len(picture.lines) == 3
    assert len({(box.x, box.y) for box in picture.boxes}) == 5


def test_a_lake_of_one_table_has_a_picture() -> None:
    assert [box.name for box in picture_of({"a": []}).boxes] == ["a"]


def test_the_command_writes_both_pages(manifest: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["dictionary", "-m", str(manifest), "-o", str(tmp_path / "out"), "--json"])
    said = json.loads(done.stdout)
    assert said["tables"] == ["films", "shots", "frames", "faces"] and all(
        Path(page).is_file() for page in said["pages"]
    )


def test_a_folder_that_cannot_be_written_to_is_said(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, ["dictionary", "-m", str(manifest), "-o", str(tmp_path / "file")])
    assert isinstance(done.exception, UsageError) and "cannot be written to" in str(done.exception)


def test_a_link_in_a_page_s_place_is_replaced_not_followed(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("as it was")
    for page in ("dictionary.html", "dictionary.md"):
        (tmp_path / page).symlink_to("mine")
    assert CliRunner().invoke(app, ["dictionary", "-m", str(manifest), "-o", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "mine").read_text() == "as it was"
