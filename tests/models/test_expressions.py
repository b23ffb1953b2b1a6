"""expressions: what a face shows is learned from patches, whatever their light, and found again after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cinelake.errors import CannotTrain
from cinelake.lake.artefact import StoredArtefact, write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import Trained
from cinelake.spec.training import StopTraining, Training
from models.expressions import MODEL
from models.expressions.config import LABELS, Config
from models.expressions.fitting import batch_of, class_weights, optimizer_of, vary
from models.expressions.networks import EMBEDDING, EMOTIONS, build, parted
from models.expressions.pretrained import start
from models.expressions.scores import confusion, scores_of

MOUTHS = {"happy": 1, "sad": -1, "surprise": 0}
"""How the corners of a drawn mouth turn; surprise is a circle."""
SMALL = Config(network="light", epochs=12, again=0, batch_size=32, dropout=0.0)


def face(emotion: str, rng: np.random.Generator) -> np.ndarray:
    """A drawn face: two eyes and a mouth, somewhere, in some light."""
    import cv2

    light, dark = sorted(rng.integers(0, 256, 2), reverse=True)
    patch = np.full((48, 48), light if light - dark > 60 else 230, np.uint8)
    ink, (x, y) = int(dark if light - dark > 60 else 30), rng.integers(-3, 4, 2)
    for eye in (16, 32):
        cv2.circle(patch, (eye + int(x), 18 + int(y)), 3, ink, -1)
    middle = (24 + int(x), 33 + int(y))
    if MOUTHS[emotion]:
        cv2.ellipse(patch, middle, (9, 5), 0, *((0, 180) if MOUTHS[emotion] > 0 else (180, 360)), ink, 2)
    else:
        cv2.circle(patch, middle, 5, ink, 2)
    return patch


def faces(count: int, seed: int = 0, name: str = "film") -> Example:
    rng = np.random.default_rng(seed)
    drawn = [str(emotion) for emotion in rng.choice(list(MOUTHS), count)]
    numbers = np.arange(count)
    features = {
        "time_s": numbers.astype(float),
        "frame": numbers,
        "face": np.zeros(count, int),
        "is_main": np.ones(count, bool),
        "patch": np.stack([face(emotion, rng) for emotion in drawn]),
    }
    emotion = np.array([EMOTIONS.index(name) for name in drawn])
    return Example(name, name, features, {"emotion": emotion, "known": np.ones(count, bool)})


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    folder = tmp_path_factory.mktemp("expressions")
    trained = MODEL.train([faces(320)], [faces(64, 1)], SMALL, Training(folder))
    return write_artefact(folder / "artefact", "expressions", SMALL, trained)


def accuracy(artefact: Artefact, example: Example) -> float:
    prediction = MODEL.predict(artefact, example.features)
    film_scores = MODEL.score_film(example.features, example.targets, prediction, artefact.config)
    return float(MODEL.summarise([film_scores])["accuracy"])


@pytest.mark.slow
def test_expressions_of_faces_never_seen_are_told(artefact: Artefact) -> None:
    assert accuracy(artefact, faces(100, 2)) >= 0.9


@pytest.mark.slow
def test_light_and_contrast_do_not_matter(artefact: Artefact) -> None:
    example = faces(100, 2)
    darker = {**example.features, "patch": (example.features["patch"] * 0.5).astype(np.uint8)}
    assert accuracy(artefact, Example("film", "film", darker, example.targets)) >= 0.85


@pytest.mark.slow
def test_a_face_and_its_mirror_image_show_the_same(artefact: Artefact) -> None:
    example = faces(20, 2)
    turned = {**example.features, "patch": example.features["patch"][:, :, ::-1]}
    found = [MODEL.predict(artefact, features)["probabilities"] for features in (example.features, turned)]
    assert found[0] == pytest.approx(found[1], abs=1e-5)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    config, learn, stop = Config(network="light", epochs=2, again=1, batch_size=16), [faces(48)], [faces(16, 1)]

    def killed(epoch: int, _metrics: Any) -> None:
        if epoch == 1:
            raise StopTraining

    with pytest.raises(StopTraining):
        MODEL.train(learn, stop, config, Training(tmp_path / "killed", report=killed))
    resumed = MODEL.train(learn, stop, config, Training(tmp_path / "killed")).network.get_weights()
    whole = MODEL.train(learn, stop, config, Training(tmp_path / "whole")).network.get_weights()
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(resumed, whole, strict=True))


def judges(folder: Path, views: dict[str, int]) -> Artefact:
    """A network of one layer with random weights, of so many views."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Flatten(), keras.layers.Rescaling(0.01), keras.layers.Dense(len(EMOTIONS) + EMBEDDING)]
    network = keras.Sequential([keras.Input((48, 48, 1)), *layers])
    return write_artefact(folder, "expressions", Config(), Trained(network, {}, views))


def test_a_face_is_told_by_the_mean_over_its_views(tmp_path: Path) -> None:
    import cv2

    artefact, patches = judges(tmp_path, {"views": 3}), faces(8).features["patch"]
    each = []
    for way in (patches, patches[:, :, ::-1]):
        for degrees in (0, 6, -6):
            turn = cv2.getRotationMatrix2D((23.5, 23.5), degrees, 1)
            view = np.stack([cv2.warpAffine(patch, turn, (48, 48), borderMode=cv2.BORDER_REFLECT) for patch in way])
            each.append(parted(artefact.run_rows(view[..., None])))
    found = MODEL.predict(artefact, {"patch": patches})
    for name in ("probabilities", "embedding"):
        assert found[name] == pytest.approx(np.mean([view[name] for view in each], axis=0), abs=1e-5)
    assert np.ptp([view["probabilities"] for view in each], axis=0).max() > 0.01


def test_a_version_that_knows_of_no_views_sees_a_face_and_its_mirror_image(tmp_path: Path) -> None:
    artefact, patches = judges(tmp_path, {}), faces(8).features["patch"]
    both = [parted(artefact.run_rows(way[..., None]))["probabilities"] for way in (patches, patches[:, :, ::-1])]
    assert MODEL.predict(artefact, {"patch": patches})["probabilities"] == pytest.approx((both[0] + both[1]) / 2)


@pytest.mark.slow
def test_the_faces_that_choose_the_epoch_are_seen_as_they_will_be(tmp_path: Path) -> None:
    config, stop = Config(network="light", epochs=1, again=0, batch_size=16, views=3), faces(16, 1)
    said: dict[str, float] = {}
    training = Training(tmp_path, report=lambda _epoch, metrics: said.update(metrics))
    trained = MODEL.train([faces(48)], [stop], config, training)
    found = MODEL.predict(write_artefact(tmp_path / "artefact", "expressions", config, trained), stop.features)
    loss = -np.log(found["probabilities"][np.arange(16), stop.targets["emotion"]]).mean()
    assert said["val_loss"] == pytest.approx(loss, rel=0.02)


@pytest.mark.parametrize(("step", "rate"), [(19, 1.752e-4), (20, 0.01), (25, 5.05e-3), (30, 1e-4)])
def test_a_second_round_begins_at_the_full_learning_rate_and_falls_again(step: int, rate: float) -> None:
    optimizer = optimizer_of(Config(epochs=2, again=1, learning_rate=0.01), steps=10)
    optimizer.iterations.assign(step)
    assert float(optimizer.learning_rate) == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize(("count", "at_once"), [(10, 16), (1000, 62), (27000, 128)])
def test_few_faces_are_learned_in_small_steps(count: int, at_once: int) -> None:
    assert batch_of(Config(), count) == at_once


@pytest.mark.parametrize("network", ["seed", "light", "recogniser"])
def test_a_network_gives_seven_logits_and_an_embedding_of_512(network: Any) -> None:
    output = build(network, 0.0)(np.zeros((2, 48, 48, 1), np.float32), training=False)
    assert output.shape == (2, len(EMOTIONS) + EMBEDDING)


@pytest.mark.slow
def test_a_beginning_from_the_recogniser_computes_the_same_whichever_faces_it_saw() -> None:
    network, patches = build("recogniser", 0.0), faces(24).features["patch"]
    outputs = []
    for seen in (patches[:8], patches[8:]):
        start(network, seen)
        outputs.append(np.asarray(network(patches[..., None].astype(np.float32), training=False)))
    assert outputs[0] == pytest.approx(outputs[1], abs=1e-3) and np.ptp(outputs[0], axis=0).max() > 0.1


def test_the_seeds_network_has_its_layers() -> None:
    layers = [layer for layer in build("seed", 0.0).layers if hasattr(layer, "kernel")]
    assert [layer.kernel.shape[-1] for layer in layers] == [64, 64, 128, 128, 256, 512, 7]


def test_light_has_fewer_weights_than_the_seeds_network() -> None:
    assert build("light", 0.0).count_params() < 1_000_000 < build("seed", 0.0).count_params()


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    output = np.zeros((1, 7 + EMBEDDING))
    output[0, 3] = np.log(6.0)
    assert parted(output)["probabilities"][0] == pytest.approx([1 / 12] * 3 + [1 / 2] + [1 / 12] * 3)


def test_varied_patches_are_others_of_the_same_brightness() -> None:
    patches = faces(16).features["patch"]
    varied = vary(patches, np.random.default_rng(0))
    assert np.abs(varied - patches).mean() > 5 and varied.min() >= 0 and varied.max() <= 255.01


def test_without_variation_patches_stay_as_they_are() -> None:
    patches = faces(4).features["patch"]
    assert (vary(patches, np.random.default_rng(0), 0.0) == patches).all()


def test_rare_expressions_weigh_as_much_as_frequent_ones() -> None:
    emotion = np.repeat([3, 4], [30, 10])
    assert class_weights(emotion, 1.0)[[3, 4]] == pytest.approx([2 / 3, 2.0])
    assert class_weights(emotion, 0.0)[[3, 4]] == pytest.approx([1.0, 1.0])


def test_scores_are_those_of_the_confusion() -> None:
    scores = scores_of(confusion(np.array([0, 0, 0, 3]), np.array([0, 0, 3, 3])))
    assert (scores["accuracy"], scores["balanced_accuracy"]) == pytest.approx((0.75, (2 / 3 + 1) / 2))
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)


def table(times: list[float], main: list[bool]) -> MemoryTable:
    count, seen = len(times), dict.fromkeys(times, 0)
    numbers = []
    for time in times:
        numbers.append(seen[time])
        seen[time] += 1
    patch = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(count * 2304, np.uint8)), 2304)
    frames = [round(time * 10) for time in times]
    return MemoryTable(pa.table({"time_s": times, "frame": frames, "face": numbers, "is_main": main, "patch": patch}))


def labels(*rows: tuple[float, str, int | None]) -> pa.Table:
    columns = zip(*rows, strict=True)
    names = ("time_s", "emotion", "face")
    given = dict(zip(names, columns, strict=True))
    return pa.table({"movie_id": ["film"] * len(rows), **given}, schema=LABELS.schema)


def targets(said: pa.Table) -> dict[str, Any]:
    features = MODEL.features({"faces": table([0.0, 1.0, 1.0, 2.0], [True, False, True, True])}, Config())
    found = MODEL.targets(said, features, Config())
    return {str(row): EMOTIONS[found["emotion"][row]] for row in np.flatnonzero(found["known"])}


def test_a_label_speaks_of_the_main_face_of_the_nearest_picture() -> None:
    assert targets(labels((1.2, "happy", None))) == {"2": "happy"}


def test_a_label_may_say_which_face_it_means() -> None:
    assert targets(labels((1.0, "sad", 0), (1.0, "happy", 1))) == {"1": "sad", "2": "happy"}


def test_a_label_far_from_any_picture_says_nothing() -> None:
    assert targets(labels((3.0, "sad", None), (1.0, "sad", 7))) == {}


def test_a_film_without_faces_has_no_predictions(tmp_path: Path) -> None:
    features = MODEL.features({"faces": table([], [])}, Config())
    found = MODEL.predict(StoredArtefact(tmp_path, "expressions", 1, Config()), features)
    assert (found["probabilities"].shape, found["embedding"].shape) == ((0, 7), (0, EMBEDDING))


def test_one_emotion_alone_cannot_be_learned(tmp_path: Path) -> None:
    example = faces(20)
    example.targets["emotion"][:] = 3
    with pytest.raises(CannotTrain, match="20 labelled faces with 1 emotions"):
        MODEL.train([example], [], Config(), Training(tmp_path))
