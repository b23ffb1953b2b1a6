"""Two short drawn films, a lake that has been made from them once, and a Prefect server that several runs may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from end_to_end._command import PASSWORDS, cinelake, end_started

from cinelake.lake.cells import FOOTER_KEY, Footer
from examples.draw import draw_catalogue
from flows.server import PrefectServer, free_port, start_prefect

TABLES = ("films", "shots", "frames", "sound", "faces", "embeddings")
MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
engine: {kind: local, workers: 2}
server: {keep_s: 0}
tasks:
  films: {}
  shots: {}
  frames: {fps: 1}
  sound: {}
  faces: {detector: dlib}
  embeddings: {backbone: descriptor}
"""
CopyOf = Callable[[], Path]


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `films/` (two of six seconds) and `pipeline.yaml`."""
    return _drawn(tmp_path_factory.getbasetemp() / "drawn once")


@pytest.fixture(scope="session")
def made(drawn: Path) -> Path:
    """The same folder after one run, with `lake/`, `mlflow.db` and the run's words in `first.txt`. Only for reading."""
    return _made(drawn)


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A project of one's own with everything fresh."""
    return copied(made, tmp_path / "project")


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that names one Prefect server, as an operator runs it, for all that need none of their own."""
    server = _server(tmp_path_factory.getbasetemp() / "server")
    yield server.environment()
    server.stop()
    _server.cache_clear()


@pytest.fixture(autouse=True)
def no_command_left() -> Iterator[None]:
    """Whatever a failed test started does not outlive it."""
    yield
    end_started()


def copied(project: Path, to: Path) -> Path:
    """A copy of a project, with the files' times, since these tell what was made anew."""
    left_out = shutil.ignore_patterns(".cinelake", "mlflow.db", "mlruns", "labels", "_index.sqlite*")
    return shutil.copytree(project, to, ignore=left_out)


@cache
def _drawn(folder: Path) -> Path:
    draw_catalogue(folder, 2, seed=5, workers=1, seconds=6.0)
    (folder / "pipeline.yaml").write_text(MANIFEST)
    return folder


@cache
def _made(drawn: Path) -> Path:
    folder = Path(shutil.copytree(drawn, drawn.with_name("made once"), ignore=shutil.ignore_patterns("labels")))
    done = cinelake("run", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "first.txt").write_text(done.stdout)
    return folder


@cache
def _server(folder: Path) -> PrefectServer:
    server = start_prefect(folder, free_port(), services=True)
    server.wait()
    PASSWORDS[server.url] = server.password
    return server


def change(project: Path, before: str, after: str) -> None:
    """Change the manifest."""
    manifest = project / "pipeline.yaml"
    text = manifest.read_text()
    assert before in text
    manifest.write_text(text.replace(before, after))


def cells(lake: Path) -> dict[str, Path]:
    """`table/movie_id` → file, of every cell."""
    files = [path for table in TABLES for path in lake.glob(f"{table}/*")]
    return {f"{path.parent.name}/{path.stem}": path for path in sorted(files)}


def identities(lake: Path) -> dict[str, tuple[int, int]]:
    """What tells a file that was made again: its inode and time."""
    return {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in cells(lake).items()}


def contents(lake: Path) -> dict[str, tuple[str, pa.Table]]:
    """`table/movie_id` → key and rows, without facts of the run."""
    return {name: (footer(path).key, read(path)) for name, path in cells(lake).items()}


def read(path: Path) -> pa.Table:
    """A cell's rows."""
    return pq.read_table(path, partitioning=None).replace_schema_metadata(None)


def footer(path: Path) -> Footer:
    """A cell's provenance."""
    return Footer.from_json(pq.read_metadata(path).metadata[FOOTER_KEY])


def other_files(lake: Path) -> set[str]:
    """Files of a lake that are no cells, no measures of them, and neither its index nor its format."""
    found = {str(path.relative_to(lake)) for path in lake.rglob("*") if not path.is_dir()}
    known = {os.path.relpath(path, lake) for path in cells(lake).values()}
    return {name for name in found - known if not name.startswith(("_index.sqlite", "_format.json", "quality/"))}
