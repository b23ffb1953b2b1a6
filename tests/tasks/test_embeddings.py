"""Embeddings: what the descriptor tells apart, and how networks in files are run."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _drawn_face import Rows, draw_face, frames_table
from _made_networks import (
    counted_words,
    face_pack,
    grey_bytes,
    mean_colour,
    mean_of_clip,
    mean_of_sound,
    not_to_be_computed,
    weights_beside,
)
from pydantic import ValidationError

from cinelake.errors import ModelUnusable, UnknownName, WeightsMissing
from cinelake.spec.task import Film, find_task
from tasks.embeddings.descriptor import SIZE, describe
from tasks.embeddings.keras_networks import find_network

EMBEDDINGS = find_task("embeddings")
FILM = Film("film")


def embed(tables: dict[str, Rows], **params: object) -> pa.Table:
    worker = EMBEDDINGS.make(EMBEDDINGS.params(**params), FILM)
    batches = list(worker.run(tables))
    for batch in batches:
        EMBEDDINGS.contract.check(batch, FILM.movie_id)
    return pa.Table.from_batches(batches)


def vectors(table: pa.Table) -> np.ndarray:
    return np.stack(table["embedding"].to_numpy(zero_copy_only=False))


def scene(seed: int, shift: int = 0, gain: float = 1.0) -> np.ndarray:
    """A place of coloured boxes; `shift` moves the camera, `gain` changes the light."""
    rng = np.random.default_rng(seed)
    picture = np.full((180, 320, 3), rng.integers(20, 220, 3), np.float64)
    for _ in range(25):
        x, y, w, h = rng.integers([0, 0, 20, 20], [300, 160, 120, 90])
        picture[y : y + h, x + shift : x + shift + w] = rng.integers(0, 255, 3)
    return np.clip(picture * gain, 0, 255).astype(np.uint8)


def test_the_descriptor_knows_a_place_again_after_a_pan_and_a_change_of_light() -> None:
    for seed in range(8):
        here, panned, other = describe(scene(seed)), describe(scene(seed, 8, 0.9)), describe(scene(seed + 50))
        assert here @ panned > 0.85
        assert here @ panned > here @ other + 0.15


@pytest.mark.parametrize("picture", [np.zeros((90, 160, 3)), np.full((7, 9, 3), 255), np.ones((1, 1, 3))])
def test_the_descriptor_of_any_picture_is_finite_and_of_length_one(picture: np.ndarray) -> None:
    vector = describe(picture.astype(np.uint8))
    assert vector.shape == (SIZE,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_every_picture_gets_a_row_whatever_the_batch_size() -> None:
    tables = {"frames": frames_table(*[scene(seed) for seed in range(5)])}
    two, many = (embed(tables, backbone="descriptor", batch_size=size) for size in (2, 64))
    assert two.combine_chunks() == many.combine_chunks()
    assert two["frame"].to_pylist() == [0, 24, 48, 72, 96]
    assert set(two["backbone"].to_pylist()) == {"descriptor"}


def test_faces_are_cut_out_of_their_pictures() -> None:
    faces = find_task("faces")
    frames = frames_table(draw_face(scene(1), 40, 20, 100), scene(2), draw_face(scene(3), 150, 30, 110))
    found = Rows(*faces.make(faces.params(detector="dlib"), FILM).run({"frames": frames}))
    table = embed({"faces": found, "frames": frames}, source="faces", backbone="descriptor")
    assert table["frame"].to_pylist() == [0, 48]
    assert table["face"].to_pylist() == [0, 0]
    assert vectors(table)[0] @ vectors(table)[1] > 0.7


@pytest.mark.parametrize("name", ["inception_v3", "InceptionV3", "Inception-V3", "INCEPTIONV3"])
def test_a_network_is_found_whatever_its_spelling(name: str) -> None:
    assert EMBEDDINGS.params(backbone=name).backbone == "inception_v3"


def test_an_unknown_network_gets_its_close_matches() -> None:
    with pytest.raises(UnknownName, match=r"did you mean .*'vgg16'"):
        find_network("vgg61")
    with pytest.raises(ValidationError, match="did you mean 'inception_v3'"):
        EMBEDDINGS.params(backbone="inceptoin_v3")


def test_missing_weights_are_told_with_each_place_and_file_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsMissing, match=r"models/vgg16_weights.*_notop\.h5.*nothing is downloaded"):
        EMBEDDINGS.preflight(EMBEDDINGS.params(backbone="VGG16"))


PINK = np.full((40, 60, 3), (255, 128, 64), np.uint8)


@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        ("0-1", [1, 128 / 255, 64 / 255]),
        ("-1-1", [1, 128 / 127.5 - 1, 64 / 127.5 - 1]),
        ("tf", [1, 128 / 127.5 - 1, 64 / 127.5 - 1]),
        ("torch", [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (64 / 255 - 0.406) / 0.225]),
        ("caffe", [64 - 103.939, 128 - 116.779, 255 - 123.68]),
        ("raw", [255, 128, 64]),
    ],
)
def test_pixels_are_scaled_as_the_network_was_trained(tmp_path: Path, preprocess: str, expected: list[float]) -> None:
    file = mean_colour(tmp_path / "colour.onnx")
    table = embed({"frames": frames_table(PINK)}, backbone={"file": file}, preprocess=preprocess)
    assert vectors(table)[0] == pytest.approx(np.array(expected), abs=0.02 * max(1, max(map(abs, expected)) / 2))
    assert table["backbone"].to_pylist() == ["colour.onnx"]


@pytest.mark.parametrize(("pooling", "size"), [("avg", 3), ("flatten", 3 * 16 * 16)])
def test_a_layer_by_name_and_what_becomes_of_its_map(tmp_path: Path, pooling: str, size: int) -> None:
    backbone = {"file": mean_colour(tmp_path / "colour.onnx")}
    table = embed({"frames": frames_table(PINK)}, backbone=backbone, layer="doubled", pooling=pooling, preprocess="raw")
    assert vectors(table).shape == (1, size)
    assert vectors(table).max() == pytest.approx(510, abs=4)


def test_a_map_without_pooling_is_refused_with_its_shape(tmp_path: Path) -> None:
    backbone = {"file": mean_colour(tmp_path / "colour.onnx")}
    with pytest.raises(ModelUnusable, match=r"shape \(3, 16, 16\).*pooling: avg"):
        embed({"frames": frames_table(PINK)}, backbone=backbone, layer="double", pooling="none")


def test_a_network_that_cannot_be_computed_is_named(tmp_path: Path) -> None:
    file = not_to_be_computed(tmp_path / "broken.onnx")
    with pytest.raises(ModelUnusable, match=r"broken\.onnx cannot be computed: .*Reshape"):
        embed({"frames": frames_table(PINK)}, backbone={"file": file}, preprocess="raw")


@pytest.mark.parametrize("wants", [{"side": 1 << 20}, {"batch": 1 << 40}])
def test_a_network_that_declares_an_input_without_bound_is_refused_before_it_is_filled(
    tmp_path: Path, wants: dict[str, int]
) -> None:
    """Pictures were made as large as it says: a worker's memory for two hundred bytes."""
    network = mean_colour(tmp_path / "greedy.onnx", **wants)
    with pytest.raises(ModelUnusable, match=r"greedy\.onnx takes an input of shape .*: at most"):
        embed({"frames": frames_table(scene(1))}, backbone={"file": network})


def test_an_unknown_layer_gets_its_close_matches(tmp_path: Path) -> None:
    backbone = {"file": mean_colour(tmp_path / "colour.onnx")}
    with pytest.raises(ModelUnusable, match="no layer 'dubled': did you mean 'double"):
        embed({"frames": frames_table(PINK)}, backbone=backbone, layer="dubled")


@pytest.mark.parametrize(("batch", "side"), [("n", "side"), (2, 16), (1, 16)])
def test_the_vectors_do_not_depend_on_how_rows_are_batched(tmp_path: Path, batch: int | str, side: int | str) -> None:
    backbone = {"file": mean_colour(tmp_path / "colour.onnx", batch, side)}
    frames = {"frames": frames_table(*[scene(seed) for seed in range(5)])}
    tables = [embed(frames, backbone=backbone, batch_size=size, input_size=16) for size in (1, 3, 64)]
    assert tables[0].combine_chunks() == tables[1].combine_chunks() == tables[2].combine_chunks()


def test_a_grey_network_is_given_the_patches_of_the_faces(tmp_path: Path) -> None:
    frames = frames_table(draw_face(scene(1), 40, 20, 100))
    faces = find_task("faces")
    found = next(iter(faces.make(faces.params(detector="dlib"), FILM).run({"frames": frames})))
    backbone = {"file": grey_bytes(tmp_path / "grey.onnx")}
    table = embed({"faces": Rows(found), "frames": frames}, source="faces", backbone=backbone, pooling="flatten")
    assert vectors(table)[0].tolist() == found["patch"][0].as_py()


def test_sound_goes_through_as_log_mel_windows(tmp_path: Path) -> None:
    logmel = np.random.default_rng(0).normal(size=(3, 96, 64)).astype(np.float16)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(logmel.ravel()), 96 * 64)
    sound = Rows(pa.RecordBatch.from_pydict({"start_s": pa.array([0, 0.96, 1.92]), "logmel": flat}))
    table = embed({"sound": sound}, source="sound", backbone={"file": mean_of_sound(tmp_path / "sound.onnx")})
    assert table["time_s"].to_pylist() == [0, 0.96, 1.92]
    assert table["frame"].null_count == 3
    assert vectors(table) == pytest.approx(logmel.astype(np.float32).mean(axis=1), abs=1e-5)


def test_pictures_do_not_go_into_a_network_for_sound(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="takes log-mel windows of sound, but the source is 'frames'"):
        embed({"frames": frames_table(PINK)}, backbone={"file": mean_of_sound(tmp_path / "sound.onnx")})


def test_a_missing_model_file_is_told_before_any_film_is_touched(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"nowhere\.onnx"):
        EMBEDDINGS.preflight(EMBEDDINGS.params(backbone={"file": tmp_path / "nowhere.onnx"}))


def test_weights_beside_a_network_are_part_of_the_key(tmp_path: Path) -> None:
    params = EMBEDDINGS.params(backbone={"file": face_pack(tmp_path) / "recogniser.onnx"})
    weights = weights_beside(tmp_path / "recogniser.onnx")
    before = EMBEDDINGS.preflight(params)
    weights.write_bytes(bytes(weights.stat().st_size))
    assert EMBEDDINGS.preflight(params) != before


def test_the_descriptor_names_no_classes_and_so_has_no_features_beside_its_vector() -> None:
    table = embed({"frames": frames_table(scene(1), scene(2))})
    assert [row for row in table["features"].to_pylist() if row != [None]] == []


@pytest.mark.parametrize("channels_first", [True, False])
def test_a_network_of_clips_sees_several_pictures_on_end(tmp_path: Path, channels_first: bool) -> None:
    greys = [np.full((40, 60, 3), 10 * n, np.uint8) for n in range(6)]
    backbone = {"file": mean_of_clip(tmp_path / "clips.onnx", channels_first)}
    table = embed({"frames": frames_table(*greys)}, source="clips", backbone=backbone, preprocess="raw")
    # two clips of four: the last pictures are number 3, and number 5, which stands for those that are missing
    assert vectors(table)[:, 0] == pytest.approx([30, 50], abs=2)
    assert table["frame"].to_pylist() == [0, 96] and table["time_s"].to_pylist() == [0, 4]


def test_a_network_of_texts_reads_the_lines(tmp_path: Path) -> None:
    columns = {"track": [1, 1, 1, 0], "start_s": [2.0, 0.5, 2.0, 0.5], "text": ["ha", "no", "ha", "nein"]}
    lines = Rows(pa.RecordBatch.from_pydict(columns))
    backbone = {"file": counted_words(tmp_path / "words.onnx", ("no", "ha\nha"))}
    table = embed({"subtitles": lines}, source="lines", backbone=backbone)
    assert table["time_s"].to_pylist() == [0.5, 2.0] and vectors(table).tolist() == [[1, 0], [0, 1]]


def test_a_network_of_texts_cannot_look_at_pictures(tmp_path: Path) -> None:
    backbone = {"file": counted_words(tmp_path / "words.onnx", ("no",))}
    with pytest.raises(ModelUnusable, match="takes texts, but the source is 'frames'"):
        embed({"frames": frames_table(PINK)}, backbone=backbone)
