"""Films of the eluv.io challenge: read, checked, put into a lake, and predictions written in its form."""

import pickle

import numpy as np
import pytest
from core._eluv_films import FILES, FILM, changed, film_bytes

from cinelake.lake.cells import Lake
from cinelake.lake.pickles.reader import read_pickle_bytes
from cinelake.spec.task import find_task
from importers.eluv.format import commit_features, feature_batch, label_rows, prediction_bytes, read_eluv

CONTRACT = find_task("shot_features").contract


@pytest.fixture
def read(tmp_path):
    def reading(data):
        (tmp_path / "tt0000001.pkl").write_bytes(data)
        return read_eluv(tmp_path / "tt0000001.pkl")

    return reading


@pytest.mark.parametrize("form", FILES)
def test_a_film_has_features_of_four_kinds_its_shots_and_its_scenes(read, form):
    film, problems = read(film_bytes(form))
    assert not problems and film.movie_id == "tt0000001" and len(film) == 3
    assert {kind: values.shape for kind, values in film.features.items()} == {
        "place": (3, 4),
        "cast": (3, 2),
        "action": (3, 2),
        "audio": (3, 2),
    }
    assert film.scenes() == [(0, 2), (2, 3)]


def test_a_film_whose_scenes_are_kept_back_is_read_too(read):
    film, problems = read(changed(scene_transition_boundary_ground_truth=None))
    assert not problems and film.truth is None and label_rows(film, []).num_rows == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"place": None}, "place: is missing"),
        ({"place": np.zeros((2, 4))}, "place: expected 3 rows, as there are shots, received 2"),
        ({"cast": np.array([[np.nan], [0], [0]])}, "cast: 1 rows hold NaN or infinite numbers"),
        ({"audio": "loud"}, "audio: expected a matrix of numbers, one row a shot, received 'loud'"),
        ({"shot_end_frame": np.array([5, 5, 9])}, "shot_end_frame: expected each shot to end after the one before"),
        ({"shot_end_frame": np.array([0.5])}, r"shot_end_frame: expected whole numbers.*float64 of shape \(1,\)"),
        ({"scene_transition_boundary_ground_truth": np.ones(3, bool)}, "expected 2 values, one less than shots"),
        ({"scene_transition_boundary_ground_truth": np.array([0, 2])}, "expected true or false"),
        ({"imdb_id": "../etc"}, "imdb_id: expected an id as in tt0000001"),
    ],
)
def test_what_is_wrong_with_a_film_is_said_with_its_place(read, values, message):
    film, problems = read(changed(**values))
    assert film is None
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("\n".join(map(str, problems)))


def test_all_problems_of_a_film_are_told_at_once(read):
    _, problems = read(changed(place=np.zeros((2, 4)), cast=np.zeros(3), imdb_id=7))
    assert [problem.where for problem in problems] == ["imdb_id", "place", "cast"]


def test_shots_follow_each_other_in_frames_and_in_nominal_seconds(read):
    film, _ = read(film_bytes("plain"))
    rows = feature_batch(film, CONTRACT).to_pydict()
    assert rows["start_frame"] == [0, 24, 48] and rows["end_frame"] == [24, 48, 96]
    assert rows["start_s"] == [0.0, 1.0, 2.0] and rows["end_s"] == [1.0, 2.0, 4.0]


def test_features_in_the_lake_are_those_of_the_file_and_name_it(read, tmp_path):
    film, _ = read(film_bytes("plain"))
    lake = Lake(str(tmp_path / "lake"))
    commit_features(lake, "shot_features_eluv", film, CONTRACT)
    rows = lake.reader("shot_features_eluv", "tt0000001").read()
    footer = lake.footer("shot_features_eluv", "tt0000001")
    np.testing.assert_array_equal(np.stack(rows["place"].to_numpy()), FILM["place"])
    assert footer.ingredients["source"] == "tt0000001.pkl" and footer.ingredients["source_digest"] == film.digest


def test_predictions_come_back_as_they_were_written(read):
    data = prediction_bytes("tt0000001", np.array([0, 0.25, 0.75]), np.array([23, 47, 95]), np.array([False, True]))
    found = read_pickle_bytes(data)
    assert found["imdb_id"] == "tt0000001" and found["scene_transition_boundary_prediction"].tolist() == [0.25, 0.75]
    film, problems = read(changed(**found))
    assert not problems and film.prediction.tolist() == [0.25, 0.75] and film.scenes() == [(0, 2), (2, 3)]


@pytest.mark.filterwarnings("ignore:numpy.core")
def test_predictions_need_numpy_alone_of_any_version():
    data = prediction_bytes("tt0000001", np.array([0, 0.25, 0.75]), np.array([23, 47, 95]))
    assert b"numpy._core" not in data
    assert pickle.loads(data)["shot_end_frame"].tolist() == [23, 47, 95]  # noqa: S301 - bytes made two lines above
