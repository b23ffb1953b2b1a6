"""From labels to a champion to its tables, and what a second training changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from core.learning._taught import Project

from cinelake.errors import CannotTrain, DamagedFilm
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import read_champion_record
from cinelake.learning import candidate
from cinelake.learning.dataset import gather
from cinelake.learning.versions import list_versions, promote, restore, rollback
from cinelake.plan.build import plan_manifest
from cinelake.spec.example import Example
from cinelake.spec.model import Trained


def champion(project: Project) -> int | None:
    return read_champion_record(Lake(project.load().lake.place), "loud").champion


def test_without_a_champion_the_tables_of_a_model_are_blocked(project):
    (state,) = project.states("loud_windows")
    assert state == ("blocked", "needs a champion of loud: there is none yet: `cinelake train loud`")


def test_a_first_training_that_beats_the_baseline_becomes_champion(labelled):
    summary = labelled.train()
    assert (summary.version, summary.moved, champion(labelled)) == (1, True, 1)
    assert summary.scores["accuracy"] > summary.baseline["accuracy"]


def test_a_new_champion_makes_its_tables_and_their_descendants_stale_and_nothing_else(labelled):
    labelled.train()
    made = labelled.run()
    assert {table for _, table in made} == {"loud_windows", "loud_counts"}
    assert len(made) == 24 and labelled.run() == []


def test_another_champion_restales_the_same_tables_with_the_reason(labelled):
    labelled.train()
    labelled.run()
    labelled.write("{loud: {config: {shift: -3.0}}}")
    labelled.train()
    promote(labelled.load(), "loud", 2)
    assert labelled.states("loud_windows") == {("stale", "model loud 1→2")}
    assert labelled.states("sound") == {("fresh", "")} and len(labelled.run()) == 24


def test_a_candidate_that_is_no_better_leaves_the_champion_and_says_why(labelled):
    labelled.train()
    labelled.write("{loud: {config: {shift: -100.0}}}")
    summary = labelled.train()
    assert not summary.moved and champion(labelled) == 1
    assert "not surely better than the baseline" in summary.why


def test_five_new_labelled_films_are_learned_from_and_their_tables_made(project):
    project.label([f"film_{n:02d}" for n in range(12)])
    project.train()
    project.run()
    project.label(project.add_films(5, start=12))
    assert {table for _, table in project.run()} == {"films", "sound", "loud_windows", "loud_counts"}
    summary = project.train()
    promote(project.load(), "loud", summary.version)
    assert sum(map(len, summary.films.values())) == 17
    assert sorted({table for _, table in project.run()}) == ["loud_counts", "loud_windows"]


def test_a_series_is_never_on_both_sides_and_held_out_films_stay_held_out(labelled):
    first = labelled.train().films
    labelled.label(labelled.add_films(5, start=12))
    labelled.run()
    second = labelled.train().films
    assert set(first["test"]) <= set(second["test"])
    assert not set(second["test"]) & {*second["train"], *second["validation"]}


def test_a_champion_is_rolled_back_and_its_tables_are_made_again(labelled):
    labelled.train()
    labelled.write("{loud: {config: {shift: 0.5}}}")
    promote(labelled.load(), "loud", labelled.train().version)
    assert rollback(labelled.load(), "loud") == 1
    assert champion(labelled) == 1


def test_versions_are_listed_with_scores_baseline_and_champion(labelled):
    labelled.train()
    (version,) = list_versions(labelled.load())
    assert (version["name"], version["version"], version["champion"], version["in_lake"]) == ("loud", 1, True, True)
    assert version["metrics"]["accuracy"] > version["baseline"]["accuracy"]


def test_few_films_are_split_by_time_with_a_warning_and_promoted_by_hand_only(project):
    project.label([f"film_{n:02d}" for n in range(6)])
    summary = project.train()
    assert "blocks of time" in summary.warning and not summary.moved
    assert f"only a person promotes it: `cinelake models promote loud {summary.version}`" in summary.why


def test_a_refit_on_all_films_waits_for_a_person(labelled):
    summary = labelled.train(all_films=True)
    assert not summary.moved and "learned from the held-out films too" in summary.why


def test_a_champion_that_knows_the_held_out_films_does_not_shut_the_gate(labelled):
    promote(labelled.load(), "loud", labelled.train(all_films=True).version)
    labelled.write("{loud: {config: {shift: 0.5}}}")
    summary = labelled.train()
    assert summary.moved and "it has learned from 5 of today's held-out films" in summary.why


def test_a_champion_of_another_configuration_is_scored_by_the_same_held_out_stills(labelled, tmp_path, monkeypatch):
    stills = tuple(
        Example(f"source_{n}", f"source_{n}", {"time_s": np.arange(40.0), "level": np.arange(40) - n},
                {"loud": np.arange(40) > 20, "known": np.ones(40, bool)}, in_time=False)
        for n in range(9)
    )  # fmt: skip
    monkeypatch.setattr(candidate, "gather", lambda *_, **__: replace(dataset, examples=stills))
    entry, dataset = labelled.load().model("loud"), gather(labelled.load(), labelled.load().model("loud"))
    prepared = candidate.prepare(labelled.load(), entry)
    trained, config = Trained(arrays={"threshold": np.array(20.0)}), type(entry.config)(shift=1.0)
    champion = write_artefact(tmp_path / "champion", "loud", config, trained, dataset.inputs)
    film_scores, why = candidate.score_champion(labelled.load(), prepared, champion)
    assert not why and [s["all"] for s in film_scores] == [len(still) for still in prepared.split.test]


def test_a_damaged_champion_fails_its_films_and_is_restored_from_the_registry(labelled):
    labelled.train()
    model = labelled.folder / "lake" / "_models" / "loud" / "1" / "arrays.npz"
    model.write_bytes(b"damaged")
    with pytest.raises(AssertionError, match="model_unusable"):
        labelled.run()
    restore(labelled.load(), "loud")
    assert model.read_bytes() != b"damaged"


def test_a_model_trained_on_another_version_of_its_input_is_blocked_and_the_old_table_stays(labelled):
    labelled.train()
    labelled.run()
    manifest = labelled.folder / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("sound: ,", "sound: {silence_lufs: -40},"))
    (state,) = labelled.states("loud_windows")
    assert state == ("blocked", "loud 1 was trained on another version of sound: `cinelake train loud`")
    assert (labelled.folder / "lake" / "loud_windows" / "film_00.parquet").is_file()


def test_what_a_training_came_from_is_in_its_run(labelled):
    summary = labelled.train()
    from cinelake.tracking.store import connect

    client = connect(labelled.load().tracking.uri)
    files = {file.path for file in client.list_artifacts(summary.run_id)}
    assert {"card.md", "split.json", "data.json", "pipeline.yaml", "environment.txt", "model"} <= files
    run = client.get_run(summary.run_id)
    assert client.get_experiment(run.info.experiment_id).name == "cinelake/loud"
    assert [each.tags[0].value for each in run.inputs.dataset_inputs] == ["train", "validation", "test"]
    assert run.data.metrics["gate/accuracy"] == summary.scores["accuracy"]
    data = json.loads(Path(client.download_artifacts(summary.run_id, "data.json")).read_text())
    assert data["labels"]["set"] == "loud" and len(data["tables"]) == 12


def test_films_without_fresh_inputs_are_left_out_by_name(labelled):
    labelled.label(labelled.add_films(1, start=12))
    summary = labelled.train()
    assert summary.left_out == {"film_12": "its sound is stale: `cinelake run --select +sound --movie film_12`"}


def test_a_film_known_to_be_bad_is_left_out_with_the_command_that_tries_again(labelled):
    labelled.label(labelled.add_films(1, start=12))
    planning = plan_manifest(labelled.load())
    (cell,) = (cell for cell in planning.plan.stale if (cell.movie_id, cell.table) == ("film_12", "sound"))
    planning.lake.record_failure("sound", "film_12", cell.key, DamagedFilm("torn"))
    again = "`cinelake run --select +sound --movie film_12 --failed`"
    assert labelled.train().left_out == {"film_12": f"its sound is failed: {again}"}


def test_no_labels_are_said_with_the_command_that_imports_them(project):
    with pytest.raises(CannotTrain, match="cinelake labels import"):
        project.train()


def test_too_few_films_and_blocks_to_hold_any_out_are_said(project):
    project.label(["film_00"])
    with pytest.raises(CannotTrain, match="too few to hold any out"):
        project.train()
