"""Exact search: the cosine of a vector with every vector of a table, over the lake's files or in memory.

Over the files, a film is read in batches and forgotten: memory does not grow with the lake. In memory, vectors have
length 1, so that a search is one product of a matrix and a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.onnx import inference_threads
from cinelake.search.moments import Hit, Samples, best, hits_of
from cinelake.spec.arrays import Floats
from cinelake.storage.content import digest

PLACES = ("frame", "time_s", "shot")
"""Columns of a table of vectors that locate a vector in its film."""
Allowed = Callable[[str, npt.NDArray[np.float64]], npt.NDArray[np.bool_]]
"""Which of a film's times may be found: (movie_id, times) → (n,) booleans."""


def unit(vectors: Floats) -> Floats:
    """(n, d) of length 1; a vector of zeros stays one."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1)[:, None], np.float32)


def coverage(cells: dict[str, str]) -> str:
    """Identifies a state of a table: a digest of its films and their keys."""
    return digest(sorted(cells.items()))


def read_samples(lake: Lake, table: str, movie_id: str) -> Samples:
    """Where a film's vectors are from, without the vectors."""
    rows = lake.reader(table, movie_id).read(list(PLACES))
    times = np.asarray(rows["time_s"].to_numpy(), np.float64)
    return Samples(movie_id, times, rows["frame"], rows["shot"])


def matrix(column: pa.Array, movie_id: str, size: int | None = None) -> Floats:
    """(n, d) of a column of vectors; raises `UsageError` where a film's vectors have another size than `size`."""
    received = column.type.list_size
    if size is not None and received != size and len(column):
        raise UsageError(f"vectors of {movie_id} have {received} numbers, the searched one has {size}: {MIXED}")
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, np.float32).reshape(len(column), -1)


MIXED = "the table was made by several backbones; `cinelake run` makes all films alike"


def film_vectors(lake: Lake, table: str, movie_id: str, size: int | None = None) -> Iterator[Floats]:
    """A film's vectors, (n, d) at a time."""
    for batch in lake.reader(table, movie_id).batches(["embedding"]):
        yield matrix(batch["embedding"], movie_id, size)


def scan(lake: Lake, table: str, films: Iterable[str], query: Floats, most: int, allowed: Allowed | None) -> list[Hit]:
    """The best `most` moments among films, over the lake's files. query: (d,) of length 1."""

    def of_film(movie_id: str) -> list[Hit]:
        parts = [cosines(vectors, query) for vectors in film_vectors(lake, table, movie_id, len(query))]
        scores = np.concatenate(parts) if parts else np.empty(0, np.float32)
        if scores.max(initial=-np.inf) < _floor(hits_so_far, most):
            return []
        samples = read_samples(lake, table, movie_id)
        return hits_of(samples, _masked(scores, samples, allowed), most, _floor(hits_so_far, most))

    hits_so_far: list[Hit] = []
    with ThreadPoolExecutor(inference_threads()) as pool:
        for hits in pool.map(of_film, films):
            hits_so_far = best([*hits_so_far, *hits], most)
    return hits_so_far


def _floor(hits: Sequence[Hit], most: int) -> float:
    """The score below which a hit cannot be among the best `most`."""
    return hits[-1].score if len(hits) == most else -np.inf


def cosines(vectors: Floats, query: Floats) -> Floats:
    """(n,) of vectors (n, d) with one of length 1.

    By `einsum`: BLAS would start threads of its own in each thread of a pool.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return np.asarray(np.einsum("ij,j->i", vectors, query) / np.where(lengths > 0, lengths, 1), np.float32)


def _masked(scores: Floats, samples: Samples, allowed: Allowed | None) -> Floats:
    if allowed is None:
        return scores
    return np.where(allowed(samples.movie_id, samples.times_s), scores, np.float32(-np.inf))


@dataclass(frozen=True)
class Held:
    """A table's vectors in memory. covers: see `coverage`. films: in the order of vectors, with where each is from."""

    covers: str
    vectors: Floats
    films: Sequence[Samples]

    def search(self, query: Floats, films: Iterable[str], most: int, allowed: Allowed | None) -> list[Hit]:
        """The best `most` moments among films. query: (d,) of length 1."""
        scores, wanted, at = self.vectors @ query, set(films), 0
        hits: list[Hit] = []
        for samples in self.films:
            part = scores[at : at + len(samples)]
            at += len(samples)
            if samples.movie_id in wanted and part.max(initial=-1) >= _floor(hits, most):
                hits = best([*hits, *hits_of(samples, _masked(part, samples, allowed), most)], most)
        return hits


def hold(lake: Lake, table: str, cells: dict[str, str], rows: int, size: int) -> Held:
    """Read a table's vectors into memory: rows × size × 4 bytes."""
    vectors, at, films = np.empty((rows, size), np.float32), 0, []
    for movie_id in sorted(cells):
        films.append(read_samples(lake, table, movie_id))
        for part in film_vectors(lake, table, movie_id, size):
            vectors[at : at + len(part)] = unit(part)
            at += len(part)
    return Held(coverage(cells), vectors[:at], films)


def counted(lake: Lake, table: str, films: Iterable[str]) -> int:
    """How many vectors films have, by their files' footers."""
    import pyarrow.parquet as pq

    def rows(movie_id: str) -> int:
        with lake.storage.open_input_file(lake.cell_path(table, movie_id)) as source:
            count: Any = pq.read_metadata(source).num_rows
        return int(count)

    with ThreadPoolExecutor(inference_threads()) as pool:
        return sum(pool.map(rows, films))
