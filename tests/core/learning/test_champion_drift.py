"""What is applied to films unlike those learned from is told, by what was measured of the tables that it needs."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from core.learning._taught import Project

from cinelake.lake.champions import find_applied, learned_films
from cinelake.lake.records import QUALITY
from cinelake.query.champion_drift import champion_drifts

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
OTHERS = [f"film_{number:02d}" for number in range(12, 24)]


def measured(project: Project, table: str, quieter: float) -> None:
    """Write down loudness of all films, of those learned from drawn around −20, of the twelve others so much lower."""
    rng, folder = np.random.default_rng(3), project.folder / "lake" / "quality"
    known = [f"film_{number:02d}" for number in range(12)]
    values = [*rng.normal(-20, 2, 12), *(rng.normal(-20, 2, 12) - quieter)]
    about = {"table": table, "measure": "loudness_lufs", "unit": "LUFS", "key": "k", "at": AT}
    rows = [{"movie_id": film, "value": value, **about} for film, value in zip(known + OTHERS, values, strict=True)]
    folder.mkdir(exist_ok=True)
    with (project.folder / "pipeline.yaml").open("a") as manifest:
        manifest.write("" if "quality:" in project.load().text else "quality: {fewest_films: 6}\n")
    pq.write_table(pa.Table.from_pylist(rows, QUALITY.schema), folder / f"{table}.parquet")


def test_a_champion_is_named_with_what_is_otherwise_in_films_that_came_later(labelled: Project) -> None:
    labelled.train()
    labelled.add_films(12, start=12)
    measured(labelled, "sound", quieter=15)
    planning = labelled.plan()
    (found,) = champion_drifts(planning)
    applied = find_applied(planning.lake, "loud@champion")
    assert applied and found.learned == len(learned_films(planning.lake, applied)) < 12
    assert (found.model, found.version, found.differences[0].measure) == ("loud", 1, "loudness_lufs")
    assert found.differences[0].median < -30 < found.differences[0].learned


def test_films_of_the_same_kind_and_tables_that_it_does_not_need_say_nothing(labelled: Project) -> None:
    labelled.train()
    labelled.add_films(12, start=12)
    measured(labelled, "sound", quieter=0)
    measured(labelled, "loud_counts", quieter=15)
    assert champion_drifts(labelled.plan()) == []
