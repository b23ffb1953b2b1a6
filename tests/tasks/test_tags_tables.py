"""Tables tag_shots, tags and beats: rows from a trained model, and a film's tags worked by hand."""

import numpy as np
import pyarrow as pa
import pytest

from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.task import Film, find_task
from cinelake.spec.training import Training
from models.tags import MODEL
from models.tags.config import Config

FILM = Film("film")
VOCABULARY = ("wet", "calm")
CONFIG = Config(vocabulary=VOCABULARY, epochs=60, learning_rate=0.05, calibration_folds=0, min_entropy=1)


def film_of(vectors: np.ndarray, entropy: list[float]) -> dict[str, MemoryTable]:
    """Tables of a film whose shots have one picture each."""
    numbers = np.arange(len(vectors))
    flat = pa.array(vectors.astype(np.float32).ravel())
    tables = {
        "shots": {"shot": numbers, "start_s": numbers * 2.0, "end_s": numbers * 2.0 + 2},
        "frames": {"frame": numbers, "shot": numbers, "is_middle": numbers >= 0, "entropy": entropy},
        "embeddings": {"frame": numbers, "embedding": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])},
    }
    return {name: MemoryTable(pa.table(columns)) for name, columns in tables.items()}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """A model that says wet where the first number is high, and calm where the second is."""
    folder, rng = tmp_path_factory.mktemp("tags"), np.random.default_rng(0)
    there = rng.random((40, 2)) < 0.5
    features = MODEL.features(film_of(there * 2.0 - 1, [5.0] * 40), CONFIG)
    targets = {"tags": there.astype(np.float32), "known": np.ones(40, bool)}
    found = MODEL.train([Example("a", "a", features, targets)], [], CONFIG, Training(folder / "work"))
    return write_artefact(folder / "model", "tags", CONFIG, found)


def rows(task: str, tables: dict[str, MemoryTable], *artefact: Artefact, **params: float) -> list[dict]:
    """What a task writes, checked against its contract."""
    spec = find_task(task)
    batches = list(spec.make(spec.params(**params), FILM, *artefact).run(tables))
    for batch in batches:
        spec.contract.check(batch, "film")
    return pa.Table.from_batches(batches).to_pylist() if batches else []


PICTURES = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [1.0, 1.0]])


def test_a_row_for_each_tag_that_a_shot_carries(artefact: Artefact):
    found = rows("tag_shots", film_of(PICTURES, [5.0, 5.0, 5.0, 0.5]), artefact)
    assert [(row["shot"], row["tag"]) for row in found] == [(0, "calm"), (0, "wet"), (1, "wet")]


def test_at_most_the_most_probable_tags_of_a_shot(artefact: Artefact):
    found = rows("tag_shots", film_of(PICTURES[1:2], [5.0]), artefact, threshold=0, top=1)
    assert [row["tag"] for row in found] == ["wet"]


TAGGED = MemoryTable(
    pa.table(
        {
            "shot": [0, 0, 1, 2, 3],
            "tag": ["war", "wet", "war", "wet", "war"],
            "probability": [0.9, 0.2, 0.7, 0.8, 1.0],
        }
    )
)
FRAMES = MemoryTable(
    pa.table(
        {"shot": [0, 0, 1, 2, 3, 4], "is_middle": [True, False, True, True, True, True],
         "entropy": [6.0, 0.0, 6.0, 6.0, 0.1, 6.0]}
    )
)  # fmt: skip


def test_a_films_tags_by_hand():
    """N = 4 (shot 3 is black). war on 2: 2/4 × (0.9 + 0.7) = 0.8. wet on 1: 1/4 × (0.2 + 0.8) = 0.25."""
    war, wet = rows("tags", {"tag_shots": TAGGED, "frames": FRAMES})
    assert (war["shots"], war["weight"], war["relevance"]) == (2, pytest.approx(0.8), 1)
    assert (wet["shots"], wet["weight"], wet["relevance"]) == (1, pytest.approx(0.25), 0)


def test_a_film_whose_shots_carry_nothing_has_no_tags():
    assert rows("tags", {"tag_shots": TAGGED, "frames": FRAMES}, threshold=1.0) == []


@pytest.fixture(scope="module")
def beats_artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """A model of two categories that looks at the first number."""
    from models import beats
    from models.beats.config import Config as BeatsConfig

    config = BeatsConfig.model_validate(
        {"categories": {"rest": {}, "fight": {}}, "use": ["picture"], "context": 0, "hidden": 0, "dropout": 0,
         "epochs": 40, "learning_rate": 0.05}
    )  # fmt: skip
    folder, kinds = tmp_path_factory.mktemp("beats"), np.arange(40) % 2
    features = beats.MODEL.features(film_of(np.stack([kinds * 2.0 - 1, kinds * 0.0], 1), [5.0] * 40), config)
    leaf = np.where(kinds == 1, config.leaves.index(("fight", "")), config.leaves.index(("rest", "")))
    category = np.where(kinds == 1, list(config.ordered).index("fight"), list(config.ordered).index("rest"))
    targets = {"category": category, "leaf": leaf, "known": np.ones(40, bool)}
    found = beats.MODEL.train([Example("a", "a", features, targets)], [], config, Training(folder / "work"))
    return write_artefact(folder / "model", "beats", config, found)


def test_shots_become_events_by_the_window(beats_artefact: Artefact):
    """The fourth shot stands alone between two of another kind."""
    pictures = np.array([[1.0, 0], [1, 0], [1, 0], [-1, 0], [1, 0], [1, 0], [-1, 0], [-1, 0]])
    found = rows("beats", film_of(pictures, [5.0] * 8), beats_artefact)
    assert [(row["category"], row["start_shot"], row["end_shot"]) for row in found] == [("fight", 0, 6), ("rest", 6, 8)]
    assert (found[1]["start_s"], found[1]["end_s"]) == (12.0, 16.0)


def test_events_that_the_model_is_not_sure_of_can_be_left_out(beats_artefact: Artefact):
    assert rows("beats", film_of(np.array([[0.0, 0.0]]), [5.0]), beats_artefact, min_confidence=0.99) == []
