"""expressions: a row for every face, by a network that nobody needs to have trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cinelake.lake.artefact import write_artefact
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.model import Trained
from cinelake.spec.task import Film, find_task
from models.expressions.config import Config
from models.expressions.networks import EMBEDDING, EMOTIONS, build
from tasks.expressions import EXPRESSIONS, ExpressionsParams, TellExpressions

FACES = [(0, 0, True), (5, 0, False), (5, 1, True)]
"""frame, face, is_main"""


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    folder = tmp_path_factory.mktemp("untrained")
    return write_artefact(folder, "expressions", Config(), Trained(build("light", 0.0)))


def faces(rows: list[tuple[int, int, bool]]) -> MemoryTable:
    frames, numbers, mains = zip(*rows, strict=True) if rows else ((), (), ())
    noise = np.random.default_rng(0).integers(0, 256, len(rows) * 2304, np.uint8)
    times = pa.array([frame / 10 for frame in frames], pa.float64())
    columns = {"frame": pa.array(frames, pa.int64()), "time_s": times, "face": pa.array(numbers, pa.int32())}
    patch = pa.FixedSizeListArray.from_arrays(pa.array(noise), 2304)
    return MemoryTable(pa.table({**columns, "is_main": pa.array(mains, pa.bool_()), "patch": patch}))


def told(artefact: Artefact, rows: list[tuple[int, int, bool]], **params: Any) -> list[dict[str, Any]]:
    task = TellExpressions(ExpressionsParams(**params), Film("film"), artefact)
    batches = list(task.run({"faces": faces(rows)}))
    for batch in batches:
        EXPRESSIONS.check(batch, "film")
    return [row for batch in batches for row in batch.to_pylist()]


def test_all_faces_are_kept_and_the_main_one_is_marked(artefact: Artefact) -> None:
    assert [(row["frame"], row["face"], row["is_main"]) for row in told(artefact, FACES)] == FACES


def test_the_emotion_is_the_likeliest(artefact: Artefact) -> None:
    for row in told(artefact, FACES):
        assert row["emotion"] == EMOTIONS[int(np.argmax(row["probabilities"]))]
        assert sum(row["probabilities"]) == pytest.approx(1) and len(row["embedding"]) == EMBEDDING


def test_only_main_faces_are_told_where_no_others_are_wanted(artefact: Artefact) -> None:
    assert [(row["frame"], row["face"]) for row in told(artefact, FACES, only_main=True)] == [(0, 0), (5, 1)]


def test_a_film_without_faces_has_no_rows(artefact: Artefact) -> None:
    assert told(artefact, []) == []


def test_what_a_face_shows_does_not_depend_on_the_others(artefact: Artefact) -> None:
    alone, among = told(artefact, FACES[:1])[0], told(artefact, FACES)[0]
    assert alone["embedding"] == among["embedding"]


def test_faces_are_told_in_parts_as_they_are_together(artefact: Artefact) -> None:
    rows = [(frame, 0, True) for frame in range(300)]
    together = list(TellExpressions(ExpressionsParams(), Film("film"), artefact).run({"faces": faces(rows)}))
    size = find_task("expressions").apart(ExpressionsParams())
    for start, whole in zip(range(0, 300, size), together, strict=True):
        part = MemoryTable(faces(rows).read().slice(start, size))
        (told_apart,) = TellExpressions(ExpressionsParams(), Film("film"), artefact).run({"faces": part})
        assert told_apart.equals(whole)


def test_where_only_main_faces_are_told_they_are_told_together() -> None:
    assert find_task("expressions").apart(ExpressionsParams(only_main=True)) == 0
