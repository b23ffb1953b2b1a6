"""What a clip shows: steps in time, what is missing, what normalises it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cinelake.learning.images import MemoryTable
from cinelake.manifest.document import load_manifest
from cinelake.spec.task import Film, find_task
from models.affect.config import Config
from models.affect.features import features as clip_features
from models.affect.features import held, learn_scaling, means, reads, scaled_clips


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
    found, there = held(np.array([0.5, 5.5]), np.array([[1.0], [2.0]]), np.arange(7.0), max_gap_s=1.5)
    assert there.tolist() == [True, True, False, False, True, True]
    assert found[[1, 4], 0].tolist() == [1, 2]


def test_clips_tile_the_film_and_the_last_one_ends_with_it() -> None:
    found = clip_features({"shots": SHOTS}, Config(use=("motion",), clip_s=2.0, steps=4))
    assert (found["time_s"].tolist(), found["end_s"].tolist()) == ([0, 2, 4], [2, 4, 5])
    assert found["motion"].shape == (3, 4, 5)


def test_a_film_shorter_than_a_clip_is_one_clip() -> None:
    assert len(clip_features({"shots": SHOTS}, Config(use=("motion",), clip_s=60.0, steps=2))["time_s"]) == 1


def test_a_film_without_faces_says_that_none_are_there() -> None:
    found = clip_features({"shots": SHOTS, "faces": no_faces()}, Config(use=("faces",), clip_s=2.0, steps=2))
    assert not found["faces_there"].any() and not found["faces"].any()


def test_a_film_without_sound_says_that_it_is_silent() -> None:
    empty = pa.array([], pa.float64())
    sound = table(start_s=empty, end_s=empty, loudness_lufs=empty, logmel=pa.array([], pa.list_(pa.float16(), 6144)))
    found = clip_features({"shots": SHOTS, "sound": sound}, Config(use=("sound",), clip_s=2.0, steps=2))
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
    assert reads(Config(use=("sound", "faces", "embeddings_sound"))) == ["shots", "sound", "faces", "embeddings_sound"]


def test_the_main_faces_emotions_are_what_is_expressed() -> None:
    shown = vectors(np.eye(7, dtype=np.float32)[[3, 5]])
    expressions = table(time_s=[0.5, 0.5], is_main=[False, True], probabilities=shown)
    found = clip_features(
        {"shots": SHOTS, "expressions": expressions}, Config(use=("expressions",), clip_s=2.0, steps=1)
    )
    assert found["expressions"][0, 0].tolist() == [0, 0, 0, 0, 0, 1, 0]


def test_subtitles_tell_whether_and_how_fast_is_spoken() -> None:
    subtitles = table(start_s=[2.0], end_s=[4.0], text=["Where are you?"])
    found = clip_features({"shots": SHOTS, "subtitles": subtitles}, Config(use=("subtitles",), clip_s=2.0, steps=1))
    assert found["subtitles"][:, 0].tolist() == [[0, 0, 0], [1, 1.5, 1], [0, 0, 0]]


def test_a_network_for_sound_in_a_file_is_a_modality(tmp_path: Path) -> None:
    logmel = np.repeat(np.arange(3, dtype=np.float16), 96 * 64).reshape(3, -1)
    sound = table(start_s=[0.0, 0.96, 1.92], logmel=vectors(logmel))
    made = find_task("embeddings")
    params = made.params(source="sound", backbone={"file": loudest_band(tmp_path / "sound.onnx")})
    heard = MemoryTable(pa.Table.from_batches(list(made.make(params, Film("film")).run({"sound": sound}))))
    found = clip_features(
        {"shots": SHOTS, "embeddings_sound": heard}, Config(use=("embeddings_sound",), clip_s=0.96, steps=1)
    )
    assert found["embeddings_sound"][:3, 0, 0].tolist() == [0, 1, 2]


def loudest_band(path: Path) -> Path:
    """A network in a file: (n, 96, 64, 1) log-mel in, its maximum (n, 1) out."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [helper.make_node("ReduceMax", ["sound"], ["most"], axes=[1, 2], keepdims=0)]
    given = helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["n", 96, 64, 1])
    made = helper.make_tensor_value_info("most", TensorProto.FLOAT, ["n", 1])
    graph = helper.make_graph(nodes, "made", [given], [made])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def test_the_manifest_says_which_table_holds_the_vectors(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text("""
        lake: lake
        catalogue: {films: "*.mp4"}
        models: {affect: {config: {use: [motion, embeddings_sound]}}}
        tasks:
          {shots: , sound: , affect: , embeddings_sound: {task: embeddings, source: sound, backbone: {file: n.onnx}}}
    """)
    assert load_manifest(tmp_path / "pipeline.yaml").tasks["affect"].inputs["embeddings_sound"] == "embeddings_sound"
