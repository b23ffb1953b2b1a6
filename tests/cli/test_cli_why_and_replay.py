"""`why` and `replay`: a cell's origin down to the film, and the same cell made again."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from end_to_end._command import answer_of, cinelake

from cinelake.errors import DamagedFilm
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_film, plan_manifest
from cinelake.plan.lineage import remaking, trace
from cinelake.plan.replay import compare, replay
from cli.why import _chosen, _model_facts

FILM = "the_golden_road_001"


@pytest.fixture
def planning(made):
    return plan_film(load_manifest(made / "pipeline.yaml"), FILM)


def test_a_film_is_planned_alone_as_with_all_others(made, planning):
    whole = plan_manifest(load_manifest(made / "pipeline.yaml"))
    assert planning.plan.cells == tuple(cell for cell in whole.plan.cells if cell.movie_id == FILM)


def test_a_cell_is_traced_down_to_the_stream_that_was_decoded(planning):
    found = trace(planning, "faces", FILM)
    assert [one.table for one in found.inputs] == ["frames"] and not found.stream
    assert found.inputs[0].inputs[0].stream == "VideoStream(width=64, height=36, pixel_format=rgb24)"


def test_a_row_is_shown_with_the_rows_below_it(made):
    found = answer_of("why", "frames", FILM, "--row", "0", "-m", made / "pipeline.yaml")
    assert (found["row"]["frame"], found["rows_below"]) == (0, {"shots": 1})


def test_a_row_that_is_not_there_is_told(made):
    said = cinelake("why", "shots", FILM, "--row", "shot=99", "-m", made / "pipeline.yaml")
    assert said.returncode == 2 and "no row of shots has shot=99" in said.stderr


def test_a_training_is_told_with_its_run_and_labels():
    origin = {"run_id": "r1", "seed": 3, "labels": {"set": "scenes", "key": "k", "imports": 2}}
    told = dict(
        _model_facts({"name": "scenes", "version": 1, "digest": "d", "kind": "scenes", "code": 1, "origin": origin})
    )
    assert told["training"] == "run r1 in MLflow, seed 3" and told["labels"] == "scenes, 2 imports, key k"


def test_it_is_told_which_pictures_were_decoded():
    some, every = {"choice": "economical", "frames": 60, "pictures": 100}, {"choice": "exact", "why": "no index"}
    assert _chosen(some)[0][1].startswith("60 pictures, for 100 that the film has")
    assert _chosen(every) == [("decoded", "all pictures: no index")] and _chosen({"frames": 100}) == []


@pytest.mark.parametrize("table", ["shots", "sound", "embeddings"])
def test_a_table_comes_out_the_same_to_the_last_bit(planning, table):
    assert replay(planning, table, FILM).identical


def test_a_replay_leaves_the_lake_as_it_is(project):
    path = project / "lake" / "shots" / f"{FILM}.parquet"
    before = path.stat().st_mtime_ns
    again = cinelake("replay", "shots", FILM, "--json", "-m", project / "pipeline.yaml")
    assert again.returncode == 0 and json.loads(again.stdout)["identical"] and path.stat().st_mtime_ns == before


def test_differences_are_counted_by_column():
    kept = pa.table({"a": [1.0, 2.0], "b": ["x", "y"], "c": pa.array(np.eye(2).tolist(), pa.list_(pa.float64(), 2))})
    again = pa.table(
        {"a": [1.0, 2.5], "b": ["x", "z"], "c": pa.array([[1.0, 0], [0.25, 1]], pa.list_(pa.float64(), 2))}
    )
    found = compare("t", "film", kept, again)
    assert [(d.column, d.rows, d.largest) for d in found.differences] == [("a", 1, 0.5), ("b", 1, None), ("c", 1, 0.25)]
    assert not found.within(1.0) and compare("t", "film", kept.select(["a"]), again.select(["a"])).within(0.5)


def test_the_commands_that_make_a_cell_again_are_ones_that_work(project):
    manifest = load_manifest(project / "pipeline.yaml")
    assert [line.split()[1] for line in remaking(plan_film(manifest, FILM), "shots", FILM)] == ["replay", "run"]
    planned = plan_film(manifest, FILM)
    planned.lake.delete_cell("shots", FILM)
    planned.lake.record_failure("shots", FILM, "key", DamagedFilm("torn"))
    (again,) = remaking(plan_film(manifest, FILM), "shots", FILM)
    assert again.endswith("--failed")


def test_what_is_stale_is_not_replayed(project):
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("shots: {}", "shots: {sensitivity: 0.5}"))
    said = cinelake("replay", "shots", FILM, "-m", manifest)
    assert said.returncode == 2 and "stale (parameter sensitivity 1.0→0.5)" in said.stderr
