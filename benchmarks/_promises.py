"""What is promised of a lake at any moment, read while it is written, and looked at when all is over."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.lake.cells import FOOTER_KEY, Footer
from cinelake.spec.names import RESERVED

LEFT_WITHIN_S = 30.0
Cells = dict[str, tuple[str, pa.Table]]


@dataclass
class Reading:
    """Reads a lake's cells while it is written; `torn` names those that could not be read."""

    lake: Path
    torn: list[str] = field(default_factory=list)
    reads: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Read in a thread of its own until the block is left."""
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _read(self) -> None:
        while not self._ended.wait(0.2):
            for file in cell_files(self.lake):
                try:
                    cell_of(file)
                    self.reads += 1
                except FileNotFoundError:
                    continue
                except (OSError, pa.ArrowException, KeyError, ValueError) as error:
                    self.torn.append(f"{file.name}: {error}")


def cell_files(lake: Path) -> list[Path]:
    """Every cell's file."""
    return [f for f in lake.glob("*/*.parquet") if not f.parent.name.startswith("_") and f.parent.name not in RESERVED]


def cell_of(file: Path) -> tuple[str, pa.Table]:
    """A cell's key and rows."""
    key = Footer.from_json(pq.read_metadata(file).metadata[FOOTER_KEY]).key
    return key, pq.read_table(file, partitioning=None).replace_schema_metadata(None)


def cells_of(lake: Path) -> Cells:
    """`table/film` → key and rows."""
    return {f"{file.parent.name}/{file.stem}": cell_of(file) for file in cell_files(lake)}


def times_of(lake: Path) -> dict[str, tuple[int, int]]:
    """`table/film` → what changes when a cell is made again."""
    return {f"{f.parent.name}/{f.stem}": (f.stat().st_ino, f.stat().st_mtime_ns) for f in cell_files(lake)}


def broken_promises(wanted: Cells, project: Path, reading: Reading, kept: dict[str, tuple[int, int]]) -> Iterator[str]:
    """Each promise that does not hold in a project: what is torn, lost, other than wanted, made again, left behind.

    kept: what `times_of` said of cells that were made before the command was given again.
    """
    lake, now = project / "lake", times_of(project / "lake")
    yield from (f"torn while it was read: {words}" for words in reading.torn[:3])
    try:
        found = cells_of(lake)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        yield f"torn at the end: {error}"
        return
    yield from (f"lost or never made: {name}" for name in sorted(wanted.keys() - found.keys())[:3])
    differing = [name for name in wanted.keys() & found.keys() if found[name] != wanted[name]]
    yield from (f"differs: {name}" for name in sorted(differing)[:3])
    yield from (f"made again: {name}" for name, stamp in sorted(kept.items()) if now.get(name) != stamp)
    yield from (f"left unfinished: {path.name}" for path in (lake / "_tmp").glob("*"))
    yield from (f"still runs: {words}" for words in left_behind(project))


def left_behind(project: Path) -> list[str]:
    """Commands that still run in a project, a kept Prefect server apart, after some time to end."""
    deadline = time.monotonic() + LEFT_WITHIN_S
    while (left := list(_running_in(project))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def _running_in(project: Path) -> Iterator[str]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            ours = process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(str(project))
            if ours and "prefect" not in words:
                yield words[:200]
