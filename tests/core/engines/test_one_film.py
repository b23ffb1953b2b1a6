"""A single film on a machine of several processors: one process is started, and it may use all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from _deadly_job import Borrowing

from cinelake.engines import make_engine
from cinelake.manifest.document import load_manifest


@pytest.mark.parametrize(("workers", "films", "lent"), [(3, 1, 2), (2, 5, 1), (1, 1, 0)])
def test_processors_beyond_the_films_are_lent_to_the_step(
    tmp_path: Path, draw_film: Callable[..., Path], workers: int, films: int, lent: int
) -> None:
    engine = f"engine: {{kind: local, workers: {workers}}}"
    (tmp_path / "pipeline.yaml").write_text(
        f"lake: lake\ncatalogue: {{films: films}}\ntasks: {{films: {{}}}}\n{engine}\n"
    )
    draw_film(tmp_path / "films" / "film.mp4")
    made = make_engine(load_manifest(tmp_path / "pipeline.yaml"), lambda _: None, films=films)
    try:
        assert made.place(Borrowing()) == lent
    finally:
        made.stop(now=True)
