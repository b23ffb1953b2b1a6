"""A lake of many films whose every cell is fresh, made quickly: the material of `plan_scale`.

    python -m benchmarks.big_lake FOLDER --films 10000

The films are files of a few bytes, all different. One real film of a second is run through every task; each cell of
the big lake is the first row of the real table under another `movie_id`, in Parquet as the project's own writer makes
it, with the very footer that a run would write (keys of the project's own plan). FOLDER holds `pipeline.yaml`,
`films/`, `lake/`; what is complete is not made again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figures import processors
from cinelake.lake import FOOTER_KEY, Footer
from cinelake.manifest import load_manifest
from cinelake.media.ffmpeg import binary
from cinelake.plan import Cell
from cinelake.planning import Planning, plan_manifest
from cinelake.step import run_step

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
Template = tuple[pa.Table, Footer]


def make_big_lake(folder: Path, films: int) -> Path:
    """Make the lake; gives the manifest."""
    manifest = _manifest(folder)
    done = folder / "complete"
    if done.exists() and done.read_text() == str(films):
        return manifest
    template = _template(folder / "template")
    for number in range(films):
        (folder / "films" / f"film_{number:06d}.mp4").write_text(f"film {number}\n")
    planning = plan_manifest(load_manifest(manifest))
    todo = sorted(planning.plan.by_film().items())
    for table in template:
        (folder / "lake" / table).mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("fork")
    with context.Pool(processors(), _prepare, (folder / "lake", template, planning)) as pool:
        pool.starmap(_write_film, todo, chunksize=50)
    done.write_text(str(films))
    return manifest


def _manifest(folder: Path) -> Path:
    (folder / "films").mkdir(parents=True, exist_ok=True)
    manifest = folder / "pipeline.yaml"
    manifest.write_text(MANIFEST)
    return manifest


def _template(folder: Path) -> dict[str, Template]:
    """The first row and the footer of every table of one real film."""
    manifest = _manifest(folder)
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


_work: tuple[Path, dict[str, Template], Planning]


def _prepare(lake: Path, template: dict[str, Template], planning: Planning) -> None:
    global _work
    _work = (lake, template, planning)


def _write_film(movie_id: str, cells: list[Cell]) -> None:
    lake, template, planning = _work
    meanings = {cell.table: cell.meaning for cell in cells}
    for cell in cells:
        table, footer = template[cell.table]
        provenance = Footer(cell.key, cell.meaning, planning.plan.ingredients(cell, meanings), footer.run)
        _write(lake / cell.table / f"{movie_id}.parquet", _renamed(table, movie_id), provenance)


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
    given = parser.parse_args()
    print(make_big_lake(given.folder.absolute(), given.films))
    return 0


if __name__ == "__main__":
    sys.exit(main())
