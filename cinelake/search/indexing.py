"""How the index of a table's vectors is made: cells learned from a sample, and how many of them a search probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.onnx import inference_threads
from cinelake.search.index import About, VectorIndex, index_folder, put_index
from cinelake.search.moments import Samples, hit_at
from cinelake.search.vectors import coverage, film_vectors, read_samples, unit
from cinelake.spec.arrays import Floats

MIN_VECTORS = 1000
"""With fewer vectors there is nothing to gain."""
PER_CELL, ROUNDS = 40, 20
"""Vectors of the sample for each cell's centre (faiss asks for 39), and rounds of k-means."""
PROBES = (4, 8, 16, 32, 64, 128, 256, 512)
SAMPLED, NEAREST, WANTED_RECALL = 100, 10, 0.98
"""The index is tested with so many of the table's vectors; it should find this share of the ten best moments."""
VectorRows = Sequence[tuple[str, int]]


def build_index(lake: Lake, table: str, cells: dict[str, str], rows: dict[str, int], size: int) -> About:
    """Make the index of a table's present state in place of the old one; returns what it covers.

    cells: movie_id → key. rows: movie_id → rows. Memory: the vectors in half precision, and the sample. Raises
    `UsageError` for a table that is too small to gain anything.
    """
    import faiss

    films, total = sorted(rows.items()), sum(rows.values())
    if total < MIN_VECTORS:
        raise UsageError(
            f"{table} has {total} vectors: an index begins to help at a million, and is made from {MIN_VECTORS}"
        )
    faiss.omp_set_num_threads(inference_threads())
    count = min(round(2 * total**0.5), total // PER_CELL)
    index: Any = faiss.index_factory(size, f"IVF{count},SQfp16", faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = ROUNDS
    index.train(_sample(lake, table, films, size, PER_CELL * count))
    for movie_id, _ in films:
        for vectors in film_vectors(lake, table, movie_id, size):
            index.add(unit(vectors))
    sample = _sample(lake, table, films, size, SAMPLED, seed=1)
    probes, recall = _tuned(VectorIndex(lake, table, films, index), count, sample, _best(lake, table, films, sample))
    about = About(coverage(cells), size, total, count, probes, recall, films)
    put_index(index, about, index_folder(lake, table))
    return about


def _sample(lake: Lake, table: str, films: VectorRows, size: int, wanted: int, seed: int = 0) -> Floats:
    """(≤ wanted, size) of length 1: vectors drawn evenly from the table."""
    total = sum(rows for _, rows in films)
    drawn = np.sort(np.random.default_rng(seed).choice(total, min(wanted, total), replace=False))
    parts, first = [], 0
    for movie_id, rows in films:
        mine = drawn[np.searchsorted(drawn, first) : np.searchsorted(drawn, first + rows)] - first
        first += rows
        if len(mine):
            parts.append(np.concatenate(list(film_vectors(lake, table, movie_id, size)))[mine])
    return unit(np.concatenate(parts))


MomentKeys = set[tuple[str, int | float]]


def _tuned(index: VectorIndex, cells: int, sample: Floats, truth: Sequence[MomentKeys]) -> tuple[int, float]:
    """The least number of cells to probe that finds the best moments, and its recall."""
    for probes in PROBES:
        results = [{hit.moment for hit in index.moments(query, NEAREST, probes)} for query in sample]
        recall = float(np.mean([len(mine & true) / len(true) for mine, true in zip(results, truth, strict=True)]))
        if recall >= WANTED_RECALL or probes >= cells:
            break
    return min(probes, cells), round(recall, 4)


def _best(lake: Lake, table: str, films: VectorRows, sample: Floats) -> list[MomentKeys]:
    """The ten best moments for each vector of `sample`, (n, d), by comparing all."""
    scores = np.full((len(sample), NEAREST), -np.inf, np.float32)
    moments = np.full((len(sample), NEAREST), None, object)
    for movie_id, _ in films:
        samples = read_samples(lake, table, movie_id)
        if not len(samples):
            continue
        first = _first_of_moments(samples)
        vectors = unit(np.concatenate(list(film_vectors(lake, table, movie_id, sample.shape[1]))))
        of_film = np.maximum.reduceat(sample @ vectors.T, first, axis=1)
        names = np.empty(len(first), object)
        names[:] = [hit_at(samples, int(at), 0.0).moment for at in first]
        scores = np.concatenate([scores, of_film], axis=1)
        moments = np.concatenate([moments, np.broadcast_to(names, of_film.shape)], axis=1)
        kept = np.argsort(-scores, axis=1)[:, :NEAREST]
        scores, moments = (np.take_along_axis(values, kept, axis=1) for values in (scores, moments))
    return [{name for name in row if name is not None} for row in moments]


def _first_of_moments(samples: Samples) -> npt.NDArray[np.int64]:
    """Where each moment begins: pictures of a shot follow each other; those without a shot stand alone."""
    shots = samples.shots.fill_null(-1).to_numpy()
    return np.flatnonzero(np.concatenate([[True], (shots[1:] != shots[:-1]) | (shots[1:] < 0)]))
