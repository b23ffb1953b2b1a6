"""A person is forgotten: what names them goes, and what would put them back is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cinelake.errors import LakeBusy, UsageError
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.champions import read_champion_record, record_version, recorded_models
from cinelake.lake.control import refuse, turn
from cinelake.learning.images import forget_image_features
from cinelake.manifest.sections import TrackingSettings
from cinelake.spec.model import Trained
from cinelake.spec.task import find_task
from cinelake.tracking import registry
from cinelake.tracking.runs import TrainingRecord
from cli.main import app
from models.identities.config import Config

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tracking: {enabled: false}
tasks: {films: {}, shots: {}, frames: {}, faces: {}, persons: {}, actor_appearances: {}}
"""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Ada and Bo in one film, which three versions know; the last, the champion, knows nobody else than Bo."""
    (tmp_path / "films").mkdir()
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    (tmp_path / "films" / "dawn.mp4").write_text("a film")
    lake = Lake(str(tmp_path / "lake"))
    for number, people in enumerate((["ada", "bo"], ["ada"], ["bo"]), 1):
        trained = Trained(arrays={"centroids": np.eye(2)[: len(people)]}, facts={"people": people})
        artefact = write_artefact(tmp_path / "trained" / str(number), "identities", Config(), trained)
        record_version(lake, "identities", number, artefact, champion=True)
    show(lake, "dawn", "ada", "bo")
    return lake


def show(lake: Lake, movie_id: str, *people: str) -> None:
    """A film in which these are seen one after the other."""
    with lake.scratch() as scratch:
        spec, at = find_task("actor_appearances"), np.arange(len(people))
        writer = CellWriter(spec.contract, movie_id, scratch / "cell.parquet")
        spans = {"shot": at, "start_s": 2.0 * at, "end_s": 2.0 * at + 1, "confidence": 0.9 + 0.0 * at}
        writer.write(spec.contract.batch(movie_id, character=[*people], **spans))
        writer.close(Footer("key", "hash", {"task": "actor_appearances", "params": {}}, {}))
        lake.commit(writer, "actor_appearances")


def forget(lake: Lake, *words: str) -> dict:
    manifest = Path(str(lake.storage.local)).parent / "pipeline.yaml"
    done = CliRunner().invoke(app, ["forget", *words, "--json", "-m", str(manifest)], catch_exceptions=False)
    return json.loads(done.stdout)


def test_versions_and_tables_that_name_a_person_are_deleted_and_no_others(lake: Lake):
    told = forget(lake, "ada", "--yes")
    assert told["versions"] == {"identities": [1, 2]}
    assert told["cells"] == [{"table": "actor_appearances", "movie_id": "dawn"}]
    assert [*read_champion_record(lake, "identities").versions] == [3]
    assert not lake.footer("actor_appearances", "dawn") and not forget(lake, "ada")["versions"]


def test_without_a_yes_nothing_is_deleted(lake: Lake):
    assert forget(lake, "ada") == {**forget(lake, "ada"), "deleted": False}
    assert [*read_champion_record(lake, "identities").versions] == [1, 2, 3]
    assert lake.footer("actor_appearances", "dawn")


def test_a_champion_that_knows_the_person_stays_and_is_told(lake: Lake):
    told = forget(lake, "bo", "--yes")
    assert (told["champions"], told["versions"]) == ({"identities": 3}, {"identities": [1]})
    assert read_champion_record(lake, "identities").champion == 3


def test_a_number_is_no_name_and_it_is_said_in_which_films_it_stands(lake: Lake):
    show(lake, "dusk", "person_1", "person_11")
    show(lake, "noon", "ada", "person_1")
    with pytest.raises(UsageError, match=r"no name that people gave[.] Tables of dusk, noon name person_1[.]"):
        forget(lake, "person_1")


@pytest.mark.parametrize("name", ["", " "])
def test_faces_of_nobody_are_not_those_of_somebody_without_a_name(lake: Lake, name: str):
    show(lake, "dusk", name)
    with pytest.raises(UsageError, match=r"no name that people gave[.] Who has no name .* or such films taken out"):
        forget(lake, name)


@pytest.mark.parametrize("part", [0.2, 0.9], ids=["rows", "footer"])
def test_a_damaged_cell_is_told_and_the_rest_is_forgotten(lake: Lake, part: float):
    cell = Path(lake.cell_path("actor_appearances", "dawn"))
    whole = cell.read_bytes()
    lost, at = len(whole) // 20, int(part * len(whole))
    cell.write_bytes(whole[:at] + bytes(lost) + whole[at + lost :])
    told = forget(lake, "ada", "--yes")
    assert (told["versions"], told["cells"]) == ({"identities": [1, 2]}, [])
    assert [why for why in told["unreadable"] if "actor_appearances" in why and "damaged" in why]


@pytest.mark.slow
def test_a_champion_of_which_the_lake_has_no_record_stays_and_the_rest_is_forgotten(lake: Lake, tmp_path: Path):
    tracking = TrackingSettings(uri=f"sqlite:///{tmp_path}/mlflow.db")
    trained = Trained(arrays={"centroids": np.eye(1, 128)}, facts={"people": ["ada"]})
    artefact = write_artefact(tmp_path / "trained" / "elsewhere", "identities", Config(), trained)
    row = {"a": np.zeros(1)}
    for _ in range(2):
        with TrainingRecord(tracking, "elsewhere") as record:
            number = registry.register(
                tracking, record, "elsewhere", artefact, example=row, prediction=row, metric="f1", scores={"f1": 0.5},
                baseline={"f1": 0.1}, interval={}, card="# who",
            )  # fmt: skip
    registry.set_champion(tracking, "elsewhere", number)
    (tmp_path / "pipeline.yaml").write_text(MANIFEST.replace("enabled: false", f"uri: {tracking.uri}"))
    told = forget(lake, "ada", "--yes")
    assert told["champions"] == {"elsewhere": 2} and told["versions"] == {"elsewhere": [1], "identities": [1, 2]}
    assert not lake.footer("actor_appearances", "dawn") and recorded_models(lake) == ["identities"]


def test_a_version_whose_deletion_was_killed_is_found_by_its_facts(lake: Lake):
    lake.storage.delete("_models", "identities", "1", "arrays.npz")
    assert forget(lake, "ada", "--yes")["versions"] == {"identities": [1, 2]}
    assert not [*(lake.storage.local / "_models" / "identities" / "1").iterdir()]


def test_a_name_is_found_in_whichever_form_its_letters_are_written(lake: Lake, tmp_path: Path):
    trained = Trained(arrays={"centroids": np.eye(2)[:1]}, facts={"people": ["Zoe\u0308"]})
    record_version(
        lake, "identities", 4, write_artefact(tmp_path / "4", "identities", Config(), trained), champion=False
    )
    assert forget(lake, "Zo\u00eb")["versions"] == {"identities": [4]}


def test_what_trainings_keep_of_the_persons_photos_is_deleted(lake: Lake, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path / "cache"))
    for film in ("images_ada", "images_bo"):
        path = tmp_path / "cache" / "images" / "faces" / f"{film}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"movie_id": [film]}), path)
    forget_image_features(["images_ada"])
    assert [path.stem for path in path.parent.iterdir()] == ["images_bo"]


def test_nothing_is_deleted_while_a_run_works_on_the_lake(lake: Lake):
    with turn(lake, "a run", refuse(lake)), pytest.raises(LakeBusy):
        forget(lake, "ada", "--yes")
    assert [*read_champion_record(lake, "identities").versions] == [1, 2, 3]
