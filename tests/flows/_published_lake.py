"""A lake of many small films, as a plan with everything fresh, for tests of publishing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cinelake.lake.cells import CellWriter, Footer
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.spec.task import find_task

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tasks: {films: {}, shots: {}}
"""


def write_films(folder: Path, films: int, more: str = "") -> Planning:
    """Films of a few bytes with three shots each in the lake."""
    (folder / "films").mkdir(parents=True, exist_ok=True)
    (folder / "pipeline.yaml").write_text(MANIFEST + more)
    for number in range(films):
        (folder / "films" / f"film_{number}.mp4").write_text(f"film {number}")
    return write_shots(planned(folder))


def planned(folder: Path) -> Planning:
    """The plan of the manifest in a folder."""
    return plan_manifest(load_manifest(folder / "pipeline.yaml"))


def write_shots(planning: Planning, length_s: float = 2.0) -> Planning:
    """Commit the stale cells of `shots`, each with three shots of this length."""
    for movie_id, cells in planning.plan.by_film().items():
        for cell in (cell for cell in cells if cell.table == "shots"):
            with planning.lake.scratch() as scratch:
                writer = CellWriter(find_task("shots").contract, movie_id, scratch / "shots.parquet")
                writer.write(_shots(movie_id, length_s))
                writer.close(
                    Footer(cell.key, cell.content_hash, planning.step(movie_id, [cell]).cells[0].ingredients, {})
                )
                planning.lake.commit(writer, "shots")
    return planned(planning.manifest.folder)


def _shots(movie_id: str, length_s: float):
    starts = np.arange(3)
    return find_task("shots").contract.batch(
        movie_id,
        shot=starts,
        start_frame=starts * 50,
        end_frame=starts * 50 + 50,
        start_s=starts * length_s,
        end_s=(starts + 1) * length_s,
        transition=["start", "cut", "fade"],
        score=[1.0, 0.5, 0.5],
        motion=np.zeros((3, 26), np.float32),
    )
