"""Films whose titles are in an old encoding: their tables are those of the same film with another title."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from core.media._films import X264, make_film, titled

from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step

TABLES = ("films", "shots", "frames", "sound", "subtitles")
OWN = {"movie_id", "title", "uri", "fingerprint"}
"""Columns of `films` that name the file."""


@pytest.mark.parametrize("container", ["avi", "mp4", "mkv", "flv", "wav"])
def test_a_title_that_is_no_utf8_changes_no_table(tmp_path: Path, container: str) -> None:
    (tmp_path / "films").mkdir()
    source = make_film(
        tmp_path / "source.mkv",
        "testsrc2=d=3:s=64x48:r=25",
        "sine=d=3:r=44100",
        options=[*X264, "-pix_fmt", "yuv420p", "-c:a", "aac"],
    )
    for name, byte in (("plain", b"I"), ("latin", b"\xe9"), ("none", b"\xff")):
        titled(source, tmp_path / f"films/{name}.{container}", byte)
        (tmp_path / f"films/{name}.txt").unlink()
    tables = _made(tmp_path)
    assert tables["plain"]["sound"] and (container == "wav" or tables["plain"]["shots"])
    assert tables["latin"] == tables["plain"] == tables["none"]


def _made(folder: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Every film's tables, as one run makes them."""
    entries = "\n".join(f"  {table}: {{}}" for table in TABLES)
    manifest = folder / "pipeline.yaml"
    manifest.write_text(f"lake: lake\ncatalogue: {{films: films}}\ntasks:\n{entries}\n")
    planning = plan_manifest(load_manifest(manifest))
    for film, cells in planning.plan.by_film().items():
        report = run_step(planning.step(film, cells))
        assert {cell.outcome for cell in report.cells} == {"made"}, report.failed()
    lake = Lake(str(folder / "lake"))
    return {
        film: {
            table: [
                _untitled({name: value for name, value in row.items() if name not in OWN})
                for row in lake.reader(table, film).read().to_pylist()
            ]
            for table in TABLES
        }
        for film in ("plain", "latin", "none")
    }


def _untitled(row: dict[str, Any]) -> dict[str, Any]:
    """The row without the titles of the film's streams, which differ as its own does."""
    streams = row.get("streams") or []
    return {**row, "streams": [{**stream, "title": None} for stream in streams]} if streams else row
