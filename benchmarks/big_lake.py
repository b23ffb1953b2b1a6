"""A lake of many films whose every cell is fresh, made quickly: the material of `plan_scale`.

    python -m benchmarks.big_lake FOLDER --films 10000
    python -m benchmarks.big_lake FOLDER --films 100000 --indexed     # empty files, whose footers are in the index

The films are files of a few bytes, all different. One real film of a second is run through every task; each cell of
the big lake is the first row of the real table under another `movie_id`, in Parquet as the project's own writer makes
it, with the very footer that a run would write (keys of the project's own plan). FOLDER holds `pipeline.yaml`,
`films/`, `lake/`; what is complete is not made again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figures import processors
from cinelake.lake.cells import FOOTER_KEY, Footer
from cinelake.lake.index import FooterEntry
from cinelake.manifest.document import load_manifest
from cinelake.media.ffmpeg import binary
from cinelake.plan.build import Planning, plan_manifest
from cinelake.plan.plan import Cell
from cinelake.run.step import run_step
from cinelake.storage.store import FileStat

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tasks:
  films: {}
  shots: {}
  frames: {fps: 1}
  sound: {}
  faces: {detector: dlib}
  embeddings: {backbone: descriptor}
  embeddings_b: {task: embeddings, backbone: descriptor}
  embeddings_c: {task: embeddings, backbone: descriptor}
"""
LONG_AGO_S = 1_000_000_000
"""When empty files were last changed: the index reads again those that are younger than two seconds."""
Template = tuple[pa.Table, Footer]


def make_big_lake(folder: Path, films: int, text: str = MANIFEST, shots: int = 1) -> Path:
    """Make the lake; returns the manifest. text: what the manifest says. shots: rows of each film's `shots`."""
    manifest = _manifest(folder, text)
    done = folder / "complete"
    if done.exists() and done.read_text() == str(films):
        return manifest
    template = _template(folder / "template", text)
    for number in range(films):
        (folder / "films" / f"film_{number:06d}.mp4").write_text(f"film {number}\n")
    for table in template:
        (folder / "lake" / table).mkdir(parents=True, exist_ok=True)
    make_stale(manifest, template, shots)
    done.write_text(str(films))
    return manifest


def make_indexed(folder: Path, films: int) -> Path:
    """Make a lake of empty files, whose footers only the index has: all that a plan looks at; returns the manifest."""
    manifest = _manifest(folder, MANIFEST)
    done = folder / "complete"
    if done.exists() and done.read_text() == f"{films} indexed":
        return manifest
    template = _template(folder / "template", MANIFEST)
    for number in range(films):
        (folder / "films" / f"film_{number:06d}.mp4").write_text(f"film {number}\n")
    planning = plan_manifest(load_manifest(manifest))
    for table, (_, footer) in template.items():
        (folder / "lake" / table).mkdir(parents=True, exist_ok=True)
        _index_cells(planning, table, footer)
    done.write_text(f"{films} indexed")
    return manifest


def _index_cells(planning: Planning, table: str, like: Footer) -> None:
    """Empty files of one table, and their footers in the lake's index."""
    content_hashes: dict[str, dict[str, str]] = {}
    for cell in planning.whole.cells:
        content_hashes.setdefault(cell.movie_id, {})[cell.table] = cell.content_hash
    readings: list[FooterEntry] = []
    for cell in planning.whole.cells:
        if cell.table == table and cell.state == "stale":
            path = Path(planning.lake.cell_path(table, cell.movie_id))
            path.touch()
            os.utime(path, (LONG_AGO_S, LONG_AGO_S))
            stat = path.stat()
            went_in = planning.whole.ingredients(cell, content_hashes[cell.movie_id])
            footer = Footer(cell.key, cell.content_hash, went_in, like.run)
            readings.append((path.name, FileStat(stat.st_size, stat.st_mtime_ns), footer))
    planning.index.store(table, readings, time.time_ns())


def make_stale(manifest: Path, template: dict[str, Template], shots: int = 1) -> None:
    """Write every cell that is not fresh."""
    planning = plan_manifest(load_manifest(manifest))
    todo = sorted(planning.plan.by_film().items())
    context = multiprocessing.get_context("fork")
    with context.Pool(processors(), _prepare, (manifest.parent / "lake", template, planning, shots)) as pool:
        pool.starmap(_write_film, todo, chunksize=50)


def template_of(folder: Path, text: str = MANIFEST) -> dict[str, Template]:
    """The template that a lake in this folder was made from."""
    return _template(folder / "template", text)


def _manifest(folder: Path, text: str) -> Path:
    (folder / "films").mkdir(parents=True, exist_ok=True)
    manifest = folder / "pipeline.yaml"
    manifest.write_text(text)
    return manifest


def _template(folder: Path, text: str) -> dict[str, Template]:
    """The first row and the footer of every table of one real film."""
    manifest = _manifest(folder, text)
    _draw(folder / "films" / "real.mp4")
    planning = plan_manifest(load_manifest(manifest))
    for movie_id, stale in planning.plan.by_film().items():
        run_step(planning.step(movie_id, stale))
    template: dict[str, Template] = {}
    for table in planning.manifest.tasks:
        footer = planning.lake.footer(table, "real")
        if footer is None:
            raise SystemExit(f"{table} of the template could not be made")
        template[table] = (planning.lake.reader(table, "real").read().slice(0, 1), footer)
    return template


def _draw(path: Path) -> None:
    if not path.exists():
        sources = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=1"]
        sources += ["-f", "lavfi", "-i", "sine=duration=1"]
        subprocess.run([binary(), "-loglevel", "error", *sources, "-pix_fmt", "yuv420p", str(path)], check=True)


_work: tuple[Path, dict[str, Template], Planning, int]


def _prepare(lake: Path, template: dict[str, Template], planning: Planning, shots: int) -> None:
    global _work
    _work = (lake, template, planning, shots)


def _write_film(movie_id: str, cells: list[Cell]) -> None:
    lake, template, planning, shots = _work
    content_hashes = {cell.table: cell.content_hash for cell in cells}
    for cell in cells:
        table, footer = template[cell.table]
        if cell.table == "shots" and shots > 1:
            table = many_shots(table, shots, cell.key)
        provenance = Footer(cell.key, cell.content_hash, planning.plan.ingredients(cell, content_hashes), footer.run)
        _write(lake / cell.table / f"{movie_id}.parquet", _renamed(table, movie_id), provenance)


def many_shots(table: pa.Table, count: int, seed: str) -> pa.Table:
    """So many shots, lengths log-normal about 3.5 s, motion as histograms of 1,000 pictures' parts."""
    random = np.random.default_rng(int(seed[:12], 16))
    ends = np.cumsum(np.maximum(8, random.lognormal(4.43, 0.7, count).astype(np.int64)))
    starts = np.concatenate([[0], ends[:-1]])
    bins = table.schema.field("motion").type.list_size
    motion = random.multinomial(1000, random.dirichlet(np.full(bins, 0.3)), count).astype(np.float32) / 1000
    transition = pa.array(random.choice(["cut", "fade", "dissolve"], count, p=[0.9, 0.05, 0.05]), pa.string())
    columns = {
        "movie_id": pa.repeat("film", count),
        "shot": np.arange(count),
        "start_frame": starts,
        "end_frame": ends,
        "start_s": starts / 24,
        "end_s": ends / 24,
        "transition": transition,
        "score": random.random(count),
        "motion": pa.FixedSizeListArray.from_arrays(pa.array(motion.reshape(-1)), bins),
    }
    arrays = [pa.array(columns[f.name]).cast(f.type) for f in table.schema]
    return pa.Table.from_arrays(arrays, schema=table.schema)


def _renamed(table: pa.Table, movie_id: str) -> pa.Table:
    place = table.schema.get_field_index("movie_id")
    values = pa.array([movie_id] * len(table), pa.string()).cast(table.schema.field(place).type)
    return table.set_column(place, table.schema.field(place), values)


def _write(path: Path, table: pa.Table, footer: Footer) -> None:
    """As `CellWriter` does, but without waiting for the disk 80,000 times."""
    unfinished = path.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, table.schema, compression="zstd") as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({FOOTER_KEY.decode(): footer.to_json()})
    unfinished.replace(path)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the lake is made")
    parser.add_argument("--films", type=int, default=10_000, help="how many films (default: %(default)s)")
    parser.add_argument("--indexed", action="store_true", help="empty files, whose footers are in the index")
    given = parser.parse_args()
    print((make_indexed if given.indexed else make_big_lake)(given.folder.absolute(), given.films))
    return 0


if __name__ == "__main__":
    sys.exit(main())
