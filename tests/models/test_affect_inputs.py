"""What a clip shows: steps in time, what is missing, what normalises it."""

import numpy as np
import pyarrow as pa
import pytest

from cinelake.learning.images import MemoryTable
from models._affect_inputs import clip_inputs, held, learn_scaling, means, scaled_clips, tables_of


def table(**columns: object) -> MemoryTable:
    return MemoryTable(pa.table(columns))


def vectors(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


SHOTS = table(start_s=[0.0, 3.0], end_s=[3.0, 5.0], motion=vectors(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)))
NOBODY = {name: [] for name in ("time_s", "x", "y", "width", "height", "is_main")}


def no_faces() -> MemoryTable:
    columns = {name: pa.array([], pa.bool_() if name == "is_main" else pa.float64()) for name in NOBODY}
    return table(**columns, patch=pa.array([], pa.list_(pa.uint8(), 48 * 48)))


def test_rows_are_averaged_within_their_step() -> None:
    found, there = means(np.array([0.1, 0.4, 1.5]), np.array([[1.0], [3.0], [9.0]]), np.arange(4.0))
    assert (found[:, 0].tolist(), there.tolist()) == ([2, 9, 0], [True, True, False])


def test_a_step_without_a_row_takes_the_nearest_one_that_is_not_far() -> None:
    found, there = held(np.array([0.5, 5.5]), np.array([[1.0], [2.0]]), np.arange(7.0), longest_s=1.5)
    assert there.tolist() == [True, True, False, False, True, True]
    assert found[[1, 4], 0].tolist() == [1, 2]


def test_clips_tile_the_film_and_the_last_one_ends_with_it() -> None:
    found = clip_inputs({"shots": SHOTS}, ("motion",), 2.0, 4)
    assert (found["time_s"].tolist(), found["end_s"].tolist()) == ([0, 2, 4], [2, 4, 5])
    assert found["motion"].shape == (3, 4, 5)


def test_a_film_shorter_than_a_clip_is_one_clip() -> None:
    assert len(clip_inputs({"shots": SHOTS}, ("motion",), 60.0, 2)["time_s"]) == 1


def test_a_film_without_faces_says_that_none_are_there() -> None:
    found = clip_inputs({"shots": SHOTS, "faces": no_faces()}, ("faces",), 2.0, 2)
    assert not found["faces_there"].any() and not found["faces"].any()


def test_a_film_without_sound_says_that_it_is_silent() -> None:
    empty = pa.array([], pa.float64())
    sound = table(start_s=empty, end_s=empty, loudness_lufs=empty, logmel=pa.array([], pa.list_(pa.float16(), 6144)))
    found = clip_inputs({"shots": SHOTS, "sound": sound}, ("sound",), 2.0, 2)
    assert not found["sound_there"].any() and found["sound"].shape[:2] == (3, 2)


def test_what_is_not_there_is_zero_after_scaling() -> None:
    features = {"sound": np.full((1, 2, 1), 5.0), "sound_there": np.array([[1.0, 0.0]])}
    learned = learn_scaling([{"sound": np.arange(8.0).reshape(4, 2, 1), "sound_there": np.ones((4, 2))}], ["sound"], 4)
    assert scaled_clips(features, learned, ["sound"])[0] == pytest.approx(np.array([[0.6547, 1], [0, 0]]), abs=1e-3)


def test_modalities_of_many_numbers_become_principal_components() -> None:
    rng = np.random.default_rng(0)
    features = {"place": rng.normal(size=(20, 2, 9)), "place_there": np.ones((20, 2))}
    learned = learn_scaling([features], ["place"], 3)
    assert scaled_clips(features, learned, ["place"]).shape == (20, 2, 4)


def test_each_modality_asks_for_its_table() -> None:
    assert tables_of(["sound", "faces"]) == ["shots", "sound", "faces"]
