"""A lake of drawn vectors in clusters, as a catalogue's embeddings lie: places, shots within a place, pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.figures import say
from cinelake.lake.cells import CellWriter, Footer, Lake
from tasks.embeddings import EMBEDDINGS, EmbeddingsParams

SIZE, ROWS, SHOT = 512, 2000, 20
"""Numbers in a vector, rows of a film, and rows of a shot."""
PLACES = 2000
Vectors = npt.NDArray[np.float32]


def films(count: int, seed: int = 0) -> Iterator[Vectors]:
    """(ROWS, SIZE) float32 of one film after the other: a shot lies about a place, its pictures about the shot."""
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((PLACES, SIZE), np.float32)
    for _ in range(count):
        style = 0.3 * rng.standard_normal(SIZE, np.float32)
        shots = places[rng.integers(0, PLACES, ROWS // SHOT)] + style
        shots = shots + 0.5 * rng.standard_normal(shots.shape, np.float32)
        yield np.repeat(shots, SHOT, axis=0) + 0.3 * rng.standard_normal((ROWS, SIZE), np.float32)


def make_vectors(folder: Path, vectors: int) -> Lake:
    """A lake whose table `embeddings` holds so many vectors, unless it exists."""
    lake = Lake(str(folder / f"vectors-{vectors}"))
    count = max(1, vectors // ROWS)
    if len(lake.storage.files("embeddings")) == count:
        return lake
    say(f"drawing {vectors:,} vectors")
    for number, film in enumerate(films(count)):
        _commit(lake, f"film_{number:05d}", film)
    return lake


def _commit(lake: Lake, movie_id: str, vectors: Vectors) -> None:
    rows = len(vectors)
    batch = EMBEDDINGS.batch(
        movie_id,
        frame=np.arange(rows) * 25,
        time_s=np.arange(rows, dtype=np.float64),
        shot=np.arange(rows) // SHOT,
        backbone=["descriptor"] * rows,
        embedding=vectors,
        face=[None] * rows,
        features=[[None]] * rows,
    )
    made_of = {"task": "embeddings", "version": 1, "params": EmbeddingsParams().model_dump(), "model": None}
    with lake.scratch() as scratch:
        writer = CellWriter(EMBEDDINGS, movie_id, scratch / "cell.parquet")
        writer.write(batch)
        writer.close(Footer(key=f"drawn {movie_id}", content_hash=movie_id, ingredients=made_of, run={}))
        lake.commit(writer, "embeddings")
