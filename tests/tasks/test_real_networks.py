"""Real packs and networks, where the folder of real data is there."""

import numpy as np
import pytest
from _drawn_face import frames_table
from _real_data import REAL

from cinelake.errors import ModelUnusable
from cinelake.spec.task import Film, find_task

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)"),
]
PERMISSIVE = REAL / "models" / "permissive"


@pytest.fixture(scope="module")
def one_woman() -> list[np.ndarray]:
    """Six pictures of a film with a face in each."""
    import av

    with av.open(str(REAL / "films" / "faces_one_woman.mp4")) as film:
        frames = [frame for i, frame in enumerate(film.decode(video=0)) if i % 60 == 0][:6]
        return [frame.to_ndarray(format="rgb24", width=640, height=360) for frame in frames]


def table(task: str, pictures: list[np.ndarray], **params: object) -> dict[str, np.ndarray]:
    spec = find_task(task)
    worker = spec.make(spec.params(**params), Film("film"))
    batches = list(worker.run({"frames": frames_table(*pictures)}))
    for batch in batches:
        spec.contract.check(batch, "film")
    names = batches[0].schema.names
    return {name: np.concatenate([b[name].to_numpy(zero_copy_only=False) for b in batches]) for name in names}


@pytest.mark.parametrize(
    "detector",
    [
        {"detector": "dlib"},
        {"detector": "onnx", "file": PERMISSIVE / "face_detection_yunet_2026may.onnx"},
        {"detector": "onnx", "file": PERMISSIVE / "ultraface_rfb_320.onnx"},
        {"detector": "insightface", "pack": str(REAL / "models" / "research_only" / "face_pack")},
    ],
    ids=["dlib", "yunet", "ultraface", "insightface"],
)
def test_every_detector_finds_her_in_the_same_place(one_woman: list[np.ndarray], detector: dict[str, object]) -> None:
    found = table("faces", one_woman, **detector)
    assert found["frame"].tolist() == [0, 24, 48, 72, 96, 120]
    assert found["x"] + found["width"] / 2 == pytest.approx(0.48, abs=0.08)
    assert found["y"] + found["height"] / 2 == pytest.approx(0.47, abs=0.1)


def test_insightface_knows_her_again(one_woman: list[np.ndarray]) -> None:
    pack = str(REAL / "models" / "research_only" / "face_pack")
    vectors = np.stack(table("faces", one_woman, detector="insightface", pack=pack)["embedding"])
    assert (vectors @ vectors.T).mean() > 0.75


@pytest.mark.slow
@pytest.mark.parametrize("file", ["mobilenet_v2_1.0_224_quant.tflite", "tf2_mobilenet_v2_1.0_224_ptq.tflite"])
def test_a_quantised_network_sees_what_she_wears(one_woman: list[np.ndarray], file: str) -> None:
    names = (PERMISSIVE / "imagenet_labels.txt").read_text().splitlines()
    mean = np.stack(table("embeddings", one_woman, backbone={"file": PERMISSIVE / file})["embedding"]).mean(axis=0)
    assert "suit" in names[int(mean.argmax())]


@pytest.mark.slow
def test_a_network_that_wants_a_waveform_is_refused_in_clear_words() -> None:
    spec = find_task("embeddings")
    params = spec.params(backbone={"file": PERMISSIVE / "yamnet.tflite"}, source="sound")
    with pytest.raises(ModelUnusable, match=r"\[1, 15600\].*waveforms are not in the table"):
        list(spec.make(params, Film("film")).run({}))
