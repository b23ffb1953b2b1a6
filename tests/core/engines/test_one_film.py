"""A single film on a machine of several processors: one process is started, and it may use all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _deadly_job import Borrowing, Inferring, Resizing

from cinelake.engines import make_engine
from cinelake.manifest.document import load_manifest

PROCESSORS = len(os.sched_getaffinity(0))


@pytest.fixture
def engine_of(tmp_path: Path, draw_film: Callable[..., Path]) -> Iterator[Callable[[int, int], Any]]:
    """The engine of a manifest, by its workers and how many films there are to make."""
    engines = []
    draw_film(tmp_path / "films" / "film.mp4")

    def make(workers: int, films: int) -> Any:
        (tmp_path / "pipeline.yaml").write_text(
            "lake: lake\ncatalogue: {films: films}\ntasks: {films: {}}\n"
            f"engine: {{kind: local, workers: {workers}}}\n"
        )
        engines.append(make_engine(load_manifest(tmp_path / "pipeline.yaml"), lambda _: None, films=films))
        return engines[-1]

    yield make
    for engine in engines:
        engine.stop(now=True)


@pytest.mark.parametrize(("workers", "films", "lent"), [(3, 1, 2), (2, 5, 1), (1, 1, 0)])
def test_processors_beyond_the_films_are_lent_to_the_step(engine_of: Any, workers: int, films: int, lent: int) -> None:
    assert engine_of(workers, films).place(Borrowing()) == lent


@pytest.mark.parametrize(("workers", "films"), [(1, 1), (PROCESSORS, 1), (PROCESSORS, 5), (2 * PROCESSORS, 1)])
def test_an_inference_has_its_workers_share_of_the_processors_however_many_films_there_are(
    engine_of: Any, monkeypatch: pytest.MonkeyPatch, workers: int, films: int
) -> None:
    monkeypatch.delenv("CINELAKE_THREADS", raising=False)
    assert engine_of(workers, films).place(Inferring()) == max(1, PROCESSORS // workers)


def test_an_inference_has_as_many_threads_as_a_person_says(engine_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CINELAKE_THREADS", "5")
    assert engine_of(1, 1).place(Inferring()) == 5


@pytest.mark.parametrize("workers", [PROCESSORS, 2 * PROCESSORS])
def test_opencv_has_no_more_threads_than_its_workers_share_of_the_processors(
    engine_of: Any, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.delenv("OPENCV_FOR_THREADS_NUM", raising=False)
    assert engine_of(workers, 1).place(Resizing()) == 1
