"""Table funny: spans with their Q-values, from a trained agent."""

import numpy as np
import pyarrow as pa
import pytest

from cinelake.errors import ModelUnusable
from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.task import Film, find_task
from cinelake.spec.training import Training
from models.funny import MODEL
from models.funny.config import Config

CONFIG = Config(use=("rhythm",), context=0, scene_steps=8, scenes=400, memory=512, refit=False, dropout=0)


def film_of(loud: np.ndarray) -> dict[str, MemoryTable]:
    """A film with windows of a second, loud ones among them; two shots, the second begins at 10 s."""
    numbers, end_s = np.arange(len(loud)), float(len(loud))
    flat = pa.array(np.repeat(loud * 2.0, 6144).astype(np.float16))
    sound = {
        "start_s": numbers * 1.0,
        "end_s": numbers + 1.0,
        "loudness_lufs": np.where(loud, -15.0, -40.0).astype(np.float32),
        "logmel": pa.FixedSizeListArray.from_arrays(flat, 6144),
    }
    shots = {"shot": [0, 1], "start_s": [0.0, 10.0], "end_s": [10.0, max(end_s, 11.0)]}
    return {"shots": MemoryTable(pa.table(shots)), "sound": MemoryTable(pa.table(sound))}


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """A model to which loud is funny."""
    folder, rng = tmp_path_factory.mktemp("funny"), np.random.default_rng(0)
    loud = rng.random(80) < 0.4
    features = MODEL.features(film_of(loud), CONFIG)
    targets = {"funny": loud, "known": np.ones(80, bool)}
    found = MODEL.train([Example("a", "a", features, targets)], [], CONFIG, Training(folder / "work"))
    return write_artefact(folder / "model", "funny", CONFIG, found)


def rows(tables: dict[str, MemoryTable], artefact: Artefact, **params: object) -> list[dict]:
    """What the task writes, checked against its contract."""
    spec = find_task("funny")
    batches = list(spec.make(spec.params(**params), Film("film"), artefact).run(tables))
    for batch in batches:
        spec.contract.check(batch, "film")
    return pa.Table.from_batches(batches).to_pylist() if batches else []


LOUD = np.repeat([True, False], 10)


def test_spans_are_as_long_as_the_shots_that_decide_alike(artefact: Artefact):
    found = rows(film_of(LOUD), artefact)
    assert [(row["start_s"], row["end_s"], row["is_funny"]) for row in found] == [(0, 10, True), (10, 20, False)]
    assert all((row["q_funny"] > row["q_not_funny"]) == row["is_funny"] for row in found)


def test_spans_can_be_as_fine_as_steps_and_only_what_is_funny(artefact: Artefact):
    loud = np.repeat([True, False, True, False], 5)
    found = rows(film_of(loud), artefact, merge="steps", only_funny=True)
    assert [(row["start_s"], row["end_s"]) for row in found] == [(0, 5), (10, 15)]


def test_a_film_without_anything_that_the_model_looks_at_is_an_error_not_a_zero_line(artefact: Artefact):
    with pytest.raises(ModelUnusable, match="rhythm"):
        rows(film_of(LOUD[:0]), artefact)
