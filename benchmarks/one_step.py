"""One film's step in a process of its own, without any engine: what other benchmarks measure.

    python -m benchmarks.one_step FILM --tables films,shots,frames,sound

Plans a manifest with these tables, runs the one step that is stale, and prints what was decoded as JSON. The lake is
made under a temporary folder, or `--folder`, and begins empty.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
from pathlib import Path

FOUR = "films,shots,frames,sound"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--tables", default=FOUR, help="(default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the lake is made")
    parser.add_argument("--parameters", type=json.loads, default={}, help="of tables, as JSON by their names")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cinelake-step-", dir=given.folder) as folder:
        print(json.dumps(_step(given.film.absolute(), given.tables.split(","), given.parameters, Path(folder))))
    return 0


def _step(film: Path, tables: list[str], parameters: dict[str, dict[str, object]], folder: Path) -> dict[str, object]:
    from cinelake.manifest.document import load_manifest
    from cinelake.plan.build import plan_manifest
    from cinelake.run.step import run_step

    manifest = folder / "pipeline.yaml"
    entries = {
        "lake": "lake",
        "catalogue": {"films": str(film)},
        "tasks": {table: parameters.get(table, {}) for table in tables},
    }
    manifest.write_text(json.dumps(entries))
    planning = plan_manifest(load_manifest(manifest))
    ((movie_id, stale),) = planning.plan.by_film().items()
    report = run_step(planning.step(movie_id, stale))
    wrong = [f"{cell.table}: {cell.message}" for cell in report.cells if cell.outcome != "made"]
    if wrong:
        raise SystemExit("; ".join(wrong))
    rows = {cell.table: cell.rows for cell in report.cells}
    counted = planning.lake.reader("films", movie_id).read(["frame_count"]) if "films" in tables else None
    count = counted["frame_count"][0].as_py() if counted is not None else None
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "frames_decoded": report.frames_decoded,
        "frame_count": count,
        "rows": rows,
        "wall_s": report.wall_s,
        "worker_s": own.ru_utime + own.ru_stime,
        "ffmpeg_s": children.ru_utime + children.ru_stime,
    }


if __name__ == "__main__":
    sys.exit(main())
