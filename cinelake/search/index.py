"""An index of a table's vectors for lakes too large to be searched exactly each time (faiss: MIT licence).

`lake/_search/TABLE/COVERS.faiss`      an inverted file: cells of nearby vectors, each vector in half precision
`lake/_search/TABLE/about.json`        what it covers (films, their keys, rows), how it was made, its measured recall

It is a cache beside the lake: delete it and nothing is lost. It is never used for another state of the table than the
one it covers. A lake in a bucket has its index in `CINELAKE_CACHE`. The file is mapped, not read: a search touches only
the cells that it probes (Jégou et al. 2011, "Product quantization for nearest neighbor search": IVF).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.errors import StorageError
from cinelake.lake.cells import Lake
from cinelake.lake.onnx import inference_threads
from cinelake.search.moments import Hit, Samples, best, hit_at
from cinelake.search.vectors import read_samples
from cinelake.spec.arrays import Floats
from cinelake.storage.content import parsed_json
from cinelake.storage.files import write_whole, written_whole
from cinelake.storage.processes import cache_folder

FORMAT = 1
REMEMBERED = 1000
"""Films whose times and shots an open index remembers."""


@dataclass(frozen=True)
class About:
    """What an index covers and how it was made. films: [movie_id, rows], in the order of their vectors' numbers.

    recall: of the ten best moments, by `probes` of its `cells`; measured when it was made.
    """

    covers: str
    size: int
    vectors: int
    cells: int
    probes: int
    recall: float
    films: list[tuple[str, int]] = field(default_factory=list)
    format: int = FORMAT

    @property
    def file(self) -> str:
        """The name of its vectors' file."""
        return f"{self.covers}.faiss"


def index_folder(lake: Lake, table: str) -> Path:
    """Where a table's index is kept."""
    if lake.storage.local:
        return lake.storage.local / "_search" / table
    name = blake2b(lake.storage.uri.encode(), digest_size=8).hexdigest()
    return cache_folder() / f"search-{name}" / table


def about_index(lake: Lake, table: str) -> About | None:
    """The description of the table's index; None without an index that this version can read."""
    try:
        text = (index_folder(lake, table) / "about.json").read_text(encoding="utf-8")
        about = About(**parsed_json(text))
    except (OSError, ValueError, TypeError):
        return None
    return about if about.format == FORMAT else None


def open_index(lake: Lake, table: str, about: About) -> VectorIndex:
    """The index, mapped. Raises `StorageError` where its file is missing or damaged."""
    import faiss

    path = index_folder(lake, table) / about.file
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:  # all that faiss raises
        raise StorageError(
            f"the index {path} cannot be read: `cinelake index --table {table}` makes it anew"
        ) from error
    return VectorIndex(lake, table, about.films, index)


class VectorIndex:
    """Finds the moments nearest to a vector by a faiss index whose vectors are numbered film by film."""

    def __init__(self, lake: Lake, table: str, films: list[tuple[str, int]], index: Any):
        self._films, self._index = films, index
        self._firsts = np.cumsum([0, *(rows for _, rows in films)])
        self._samples = lru_cache(REMEMBERED)(lambda movie_id: read_samples(lake, table, movie_id))

    def moments(self, query: Floats, most: int, probes: int) -> list[Hit]:
        """The best `most` moments among the vectors of `probes` cells; more cells where these hold too few moments.

        query: (d,) of length 1.
        """
        import faiss

        faiss.omp_set_num_threads(inference_threads())
        requested, probes = min(4 * most, self._index.ntotal), min(probes, self._index.nlist)
        while True:
            depth: Any = faiss.SearchParametersIVF()
            depth.nprobe = probes
            scores, numbers = self._index.search(query[None], requested, params=depth)
            hits = self._as_moments(scores[0], numbers[0], most)
            is_all = requested == self._index.ntotal and probes == self._index.nlist
            if len(hits) == most or is_all:
                return hits
            if (numbers < 0).any():  # these cells hold fewer vectors than requested
                probes = min(2 * probes, self._index.nlist)
            else:
                requested = min(4 * requested, self._index.ntotal)

    def _as_moments(self, scores: Floats, numbers: npt.NDArray[np.int64], most: int) -> list[Hit]:
        hits = []
        for score, number in zip(scores, numbers, strict=True):
            if number >= 0:
                film = int(np.searchsorted(self._firsts, number, side="right")) - 1
                samples: Samples = self._samples(self._films[film][0])
                hits.append(hit_at(samples, int(number - self._firsts[film]), float(score)))
        return best(hits, most)


def put_index(index: Any, about: About, folder: Path) -> None:
    """Write the index under the name of what it covers, then switch to it; older ones go."""
    import faiss

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(folder / about.file) as vectors:
            faiss.write_index(index, str(vectors))
        write_whole(folder / "about.json", json.dumps(asdict(about)))
        for old in folder.glob("*.faiss"):
            if old.name != about.file:
                old.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: all that faiss raises
        raise StorageError(f"the index cannot be written to {folder}: {error}") from error
