"""Films of the eluv.io challenge through the commands: imported, learned from, predicted, exported."""

import json

import numpy as np
import pytest
from core._eluv_films import changed, harmful
from end_to_end._command import answer_of, cinelake
from typer.testing import CliRunner

from cinelake.errors import BadLabels, UnknownName, UsageError
from cinelake.labels.store import read_labels
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import record_version
from cinelake.lake.pickles.reader import read_pickle
from cinelake.spec.example import Example
from cinelake.spec.model import find_model
from cinelake.spec.training import Training
from cli.main import app
from importers.eluv.format import PREDICTION, TRUTH, read_eluv

MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
tasks: {films: {}}
models:
  scenes: {labels: scenes, inputs: {shot_features: shot_features_eluv}, config: {epochs: 20, members: 1}}
"""
SHOTS = 40


@pytest.fixture
def project(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    return tmp_path


def film(number, **values):
    """A film whose places change with its scenes, every four to eight shots."""
    rng = np.random.default_rng(number)
    starts = np.cumsum(rng.integers(4, 9, 20))
    scene = np.searchsorted(starts, np.arange(SHOTS), side="right")
    place = rng.normal(size=(21, 8))[scene] + 0.1 * rng.normal(size=(SHOTS, 8))
    noise = {kind: rng.normal(size=(SHOTS, 4)).astype(np.float32) for kind in ("cast", "action", "audio")}
    about = {
        "imdb_id": f"tt{number:07d}",
        "place": place.astype(np.float32),
        "scene_transition_boundary_ground_truth": np.diff(scene) > 0,
        "scene_transition_boundary_prediction": np.zeros(SHOTS - 1),
        "shot_end_frame": np.cumsum(np.full(SHOTS, 48)) - 1,
    }
    return changed(**{**about, **noise, **values})


def files(project, count, **values):
    paths = [project / f"tt{number:07d}.pkl" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(film(number, **values))
    return paths


def run(project, *words):
    return CliRunner().invoke(app, [*map(str, words), "-m", str(project / "pipeline.yaml")])


def imported(project, *paths):
    return run(project, "labels", "import", *paths, "--model", "scenes", "--json")


def test_features_go_into_the_lake_and_scenes_among_the_labels(project):
    done = imported(project, *files(project, 2))
    assert done.exit_code == 0, done.exception
    found = json.loads(done.output)
    labels = read_labels(project / "labels", "scenes", find_model("scenes").labels)
    assert found["films"] == ["tt0000000", "tt0000001"] == labels.films()
    truth = read_eluv(project / "tt0000000.pkl")[0].scenes()
    assert list(zip(*(labels.of("tt0000000")[n].to_pylist() for n in ("start_shot", "end_shot")), strict=True)) == truth
    assert Lake(str(project / "lake")).reader("shot_features_eluv", "tt0000001").read().num_rows == SHOTS


def test_of_several_bad_files_all_problems_are_told_and_nothing_is_imported(project):
    good, bad, worse = files(project, 3)
    bad.write_bytes(film(1, place=np.zeros((2, 4)), imdb_id=7))
    worse.write_bytes(harmful(str(project / "made"))["eval"])
    error = imported(project, good, bad, worse).exception
    assert isinstance(error, BadLabels) and [p.where for p in error.problems] == ["imdb_id", "place", ""]
    assert not (project / "made").exists() and not (project / "lake").exists() and not (project / "labels").exists()


def test_two_files_of_one_film_are_refused(project):
    assert "is in tt0000000.pkl too" in str(imported(project, *files(project, 2, imdb_id="tt0000000")).exception)


def test_a_dry_run_writes_nothing(project):
    done = run(project, "labels", "import", *files(project, 1), "--model", "scenes", "--dry-run")
    assert done.exit_code == 0 and not (project / "lake").exists() and not (project / "labels").exists()


def test_an_export_without_a_model_says_what_to_do(project):
    imported(project, *files(project, 1))
    error = run(project, "export", "eluv", "--model", "scenes", "-o", project / "out").exception
    assert isinstance(error, UsageError) and "`cinelake train scenes`" in str(error)


@pytest.fixture
def with_champion(project):
    """Two imported films, and a small regression as the champion."""
    spec, table = find_model("scenes"), "shot_features_eluv"
    imported(project, *files(project, 2))
    lake, config = Lake(str(project / "lake")), spec.config(network="logistic", members=1)
    films = ["tt0000000", "tt0000001"]
    labels = read_labels(project / "labels", "scenes", spec.labels)
    features = {film: spec.features({"shot_features": lake.reader(table, film)}, config) for film in films}
    targets = {film: spec.targets(labels.of(film), features[film], config) for film in films}
    learn, stop = (Example(film, film, features[film], targets[film]) for film in films)
    trained = spec.train([learn], [stop], config, Training(project / "training", 0, lambda *_: None))
    artefact = write_artefact(project / "artefact", "scenes", config, trained)
    record_version(lake, "scenes", 1, artefact, champion=True)
    return lambda film: spec.predict(artefact, features[film])["probability"][1:]


def test_an_exported_film_is_read_as_the_challenge_s_own_with_the_same_numbers(project, with_champion):
    done = run(project, "export", "eluv", "tt0000001", "--model", "scenes", "-o", project / "out")
    assert done.exit_code == 0 and [path.name for path in (project / "out").iterdir()] == ["tt0000001.pkl"]
    given, _ = read_eluv(project / "tt0000001.pkl")
    found, problems = read_eluv(project / "out" / "tt0000001.pkl")
    assert not problems and found.scenes() == given.scenes() and found.end_frames.tolist() == given.end_frames.tolist()
    np.testing.assert_array_equal(found.prediction.astype(np.float32), with_champion("tt0000001"))
    for kind, values in given.features.items():
        np.testing.assert_array_equal(found.features[kind], values)


def test_predictions_alone_are_exported_without_features(project, with_champion):
    run(project, "export", "eluv", "--model", "scenes", "-o", project / "out", "--predictions-only")
    found = read_pickle(project / "out" / "tt0000000.pkl")
    assert set(found) == {"imdb_id", PREDICTION, TRUTH, "shot_end_frame"}


def test_a_film_that_was_not_imported_is_not_exported(project, with_champion):
    error = run(project, "export", "eluv", "tt0000007", "--model", "scenes", "-o", project / "out").exception
    assert isinstance(error, UnknownName) and "tt0000001" in str(error)


@pytest.mark.slow
def test_what_was_learned_from_such_films_is_exported_in_their_form(project):
    manifest = ("-m", project / "pipeline.yaml")
    imported(project, *files(project, 12))
    version = answer_of("train", "scenes", *manifest)["version"]
    out = ("--version", str(version), "-o", project / "out")
    done = cinelake("export", "eluv", "--model", "scenes", *out, *manifest)
    assert done.returncode == 0, done.stderr
    found = [read_pickle(project / "out" / f"tt{number:07d}.pkl") for number in range(12)]
    assert np.mean([((film[PREDICTION] >= 0.5) == film[TRUTH]).mean() for film in found]) > 0.9
