"""Fine-tuning the top of a backbone for tags: a tiny backbone that is drawn here learns colours."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from _tagged_films import shots, spans

from cinelake.errors import CannotTrain, WeightsMissing
from cinelake.lake.artefact import write_artefact
from cinelake.lake.onnx import import_tensorflow
from cinelake.learning.candidate import with_learner
from cinelake.learning.images import MemoryTable
from cinelake.manifest.document import load_manifest
from cinelake.spec.example import Example
from cinelake.spec.training import Training
from models.tags import MODEL
from models.tags.config import Config
from models.tags.fitting import build_fine_tuned

SIDE = 16
COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}


def config_for(file: Path, **given: object) -> Config:
    settings = {"backbone": file, "side": SIDE, "layers": 1, "learning_rate": 0.02, "epochs": 30, **given}
    return Config.model_validate({"vocabulary": list(COLOURS), "min_entropy": 0, "fine_tune": settings})


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two convolutions with random weights, (n, 16, 16, 3) → (n, 14, 14, 8), as a .keras file."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(1)
    start = keras.Input((SIDE, SIDE, 3))
    low = keras.layers.Conv2D(4, 1, activation="relu", name="low")(start)
    file = tmp_path_factory.mktemp("backbone") / "tiny.keras"
    keras.Model(start, keras.layers.Conv2D(8, 3, activation="relu", name="top")(low)).save(file)
    return file


def film(number: int, config: Config, count: int = 12) -> Example:
    """Shots whose middle pictures are red or blue, with noise, in the tables that the model reads."""
    rng = np.random.default_rng(number)
    names = [list(COLOURS)[n] for n in rng.integers(0, 2, count)]
    pictures = [np.clip(np.array(COLOURS[n]) + rng.normal(0, 25, (24, 32, 3)), 0, 255).astype(np.uint8) for n in names]
    jpegs = [cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes() for picture in pictures]
    own = shots(count)
    tables = {
        "shots": pa.table({"shot": own["shot"], "start_s": own["time_s"], "end_s": own["end_s"]}),
        "frames": pa.table({"shot": own["shot"], "is_middle": [True] * count, "jpeg": jpegs}),
    }
    features = MODEL.features({name: MemoryTable(table) for name, table in tables.items()}, config)
    labels = spans(MODEL.labels, *({"start_shot": s, "end_shot": s + 1, "tag": n} for s, n in enumerate(names)))
    return Example(f"film_{number}", f"film_{number}", features, MODEL.targets(labels, features, config))


def test_pictures_that_a_backbone_is_to_learn_from_come_from_the_frames(backbone: Path):
    example = film(0, config_for(backbone))
    reds = example.features["pixels"][example.targets["tags"][:, 0] > 0]
    assert example.features["pixels"].shape == (12, SIDE, SIDE, 3)
    assert reds.mean(axis=(0, 1, 2)) == pytest.approx(COLOURS["red"], abs=12)


@pytest.mark.slow
def test_the_top_learns_and_the_export_tells_the_tags_of_another_film(backbone: Path, tmp_path: Path):
    config = config_for(backbone)
    found = MODEL.train([film(n, config) for n in range(3)], [film(3, config)], config, Training(tmp_path / "work"))
    artefact, example = write_artefact(tmp_path / "model", "tags", config, found), film(9, config)
    said = MODEL.predict(artefact, example.features)["probability"] >= 0.5
    assert (said == (example.targets["tags"] > 0)).mean() > 0.9


@pytest.mark.slow
def test_only_the_last_layers_change(backbone: Path, tmp_path: Path):
    config = config_for(backbone, epochs=2)
    before, after = (
        build_fine_tuned(config.fine_tune, config.as_head(), 2, 0),
        MODEL.train([film(0, config)], [], config, Training(tmp_path)).network,
    )
    changed = {name: bool(np.abs(weights(before, name) - weights(after, name)).max() > 1e-4) for name in ("low", "top")}
    assert changed == {"low": False, "top": True}


def weights(network: object, layer: str) -> np.ndarray:
    inner = next(part for part in network.layers if hasattr(part, "layers"))
    return inner.get_layer(layer).get_weights()[0]


def test_a_backbone_that_is_not_there_is_named_before_anything_is_learned(tmp_path: Path):
    config = config_for(tmp_path / "gone.keras")
    with pytest.raises(WeightsMissing, match="nothing is downloaded"):
        MODEL.train([film(0, config)], [], config, Training(tmp_path))


def test_a_backbone_for_other_pictures_is_refused(backbone: Path, tmp_path: Path):
    config = config_for(backbone, side=20)
    with pytest.raises(CannotTrain, match="set `side`"):
        MODEL.train([film(0, config)], [], config, Training(tmp_path))


def test_fine_tuning_reads_pictures_and_nothing_else(tmp_path: Path):
    assert MODEL.reads(config_for(tmp_path / "any.keras")) == ["shots", "frames"]
    with pytest.raises(ValueError, match="leave out 'use'"):
        Config.model_validate({"use": ["picture"], "fine_tune": {"backbone": "a.keras"}})


@pytest.mark.parametrize("learner", ["kernel", "mlp", "auto"])
def test_a_learner_that_is_no_head_of_a_backbone_is_refused_with_fine_tuning(tmp_path: Path, learner: str):
    tasks = "tasks: {films: {}, shots: {}, frames: {}, embeddings: {}}\n"
    tags = f"models: {{tags: {{learner: {learner}, config: {{fine_tune: {{backbone: net.keras}}}}}}}}\n"
    (tmp_path / "pipeline.yaml").write_text("lake: lake\ncatalogue: {films: films}\n" + tasks + tags)
    with pytest.raises(
        CannotTrain, match=r"reads embeddings, which fine_tune of its config does without: leave out fine_tune"
    ):
        with_learner(load_manifest(tmp_path / "pipeline.yaml").model("tags"))
