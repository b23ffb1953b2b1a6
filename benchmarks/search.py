"""Search over a million vectors of 512 numbers: exact in one command, exact in memory, and by the index.

    python -m benchmarks.search --folder DIR                  # the lake of vectors and its index are kept in DIR
    python -m benchmarks.search --vectors 100000

Measured: seconds and memory of one `cinelake search` over Parquet; of `lake.search` with the vectors in memory; of the
index, which is made and compared with the exact answers. Vectors are drawn in clusters with a seed (places, shots
within places, pictures within shots), 2000 to a film. A quarter of them is measured too: from both, ten millions are
reckoned by a straight line, on paper.

Target: at a million, 4 s for the command, 0.3 s in memory, 50 ms by the index with a recall@10 of 0.95.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._drawn_vectors import SIZE, make_vectors
from benchmarks.figures import Figure, Report, run, say
from cinelake.client.lake_client import lake_contracts
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.search.index import about_index, index_folder, open_index
from cinelake.search.searcher import index_lake
from cinelake.search.vectors import Held, coverage, hold, unit
from cinelake.spec.arrays import Floats

TEN_MILLIONS = 10_000_000
ASKED, NEAREST = 100, 10


@dataclass
class Measured:
    """Of one lake: seconds of one exact command (wall, processor), in memory, by the index; its recall and bytes."""

    vectors: int
    command_s: list[float]
    command_cpu_s: list[float]
    command_mb: float
    warm_s: list[float]
    index_ms: list[float]
    recall: float
    recall_of_moments: float
    build_cpu_s: float | None
    index_mb: float


def measure(given: argparse.Namespace) -> Report:
    """Measure the lake and a quarter of it."""
    small, large = (_measured(given.folder, vectors, given.repeat) for vectors in (given.vectors // 4, given.vectors))
    million = given.vectors == 1_000_000
    figures = [
        Figure("exact, one command", large.command_s, "s", at_most=4 if million else None),
        Figure("exact, one command: processor time", large.command_cpu_s, "s"),
        Figure("exact, one command: memory", [large.command_mb], "MB"),
        Figure("exact, vectors in memory", large.warm_s, "s", at_most=0.3 if million else None),
        Figure("by the index", large.index_ms, "ms", at_most=50 if million else None),
        Figure("by the index: recall@10 of vectors", [large.recall], at_least=0.95),
        Figure("by the index: recall@10 of moments", [large.recall_of_moments], at_least=0.95),
        Figure("by the index: its file", [large.index_mb], "MB"),
        *([Figure("by the index: making it, processor time", [large.build_cpu_s], "s")] if large.build_cpu_s else []),
    ]
    material = [
        f"{large.vectors:,} vectors of {SIZE} in {large.vectors // 2000} films, drawn in clusters; seed 0.",
        *_on_paper(small, large),
    ]
    return Report("search", figures, material)


def _on_paper(small: Measured, large: Measured) -> list[str]:
    """Ten millions by the line through both sizes."""

    def line(low: float, high: float) -> float:
        return high + (high - low) / (large.vectors - small.vectors) * (TEN_MILLIONS - large.vectors)

    exact = line(min(small.command_cpu_s), min(large.command_cpu_s))
    sentence = f"On paper, 10,000,000: exact {exact:.0f} s of processor time and {large.command_mb:.0f} MB, "
    sentence += f"{TEN_MILLIONS * SIZE * 4 / 1e9:.0f} GB in memory, "
    sentence += f"an index of {line(small.index_mb, large.index_mb) / 1e3:.1f} GB"
    if small.build_cpu_s and large.build_cpu_s:
        cells = (TEN_MILLIONS / large.vectors) ** 1.5  # vectors × cells, and cells grow with the root of vectors
        sentence += f" made in {large.build_cpu_s * cells / 3600:.1f} h of processor time"
    return [sentence + "."]


def _measured(folder: Path, vectors: int, repeat: int) -> Measured:
    lake = make_vectors(folder, vectors)
    cells = {movie_id: entry.key for movie_id, entry in Index(lake).cells("embeddings").items()}
    commands = [_command(folder, lake) for _ in range(repeat)]
    held = hold(lake, "embeddings", cells, vectors, SIZE)
    queries = _queries(held)
    warm = [_timed(lambda query=query: held.search(query, cells, NEAREST, None)) for query in queries[: 4 * repeat]]
    build_cpu_s = _build(lake, cells)
    about = about_index(lake, "embeddings")
    assert about
    index = open_index(lake, "embeddings", about)
    results = [index.moments(query, NEAREST, about.probes) for query in queries]
    index_ms = [1000 * _timed(lambda query=query: index.moments(query, NEAREST, about.probes)) for query in queries]
    true = [held.search(query, cells, NEAREST, None) for query in queries]
    pairs = zip(results, true, strict=True)
    of_moments = np.mean([len({h.moment for h in a} & {h.moment for h in b}) / NEAREST for a, b in pairs])
    return Measured(
        vectors=vectors,
        command_s=[wall for wall, _, _ in commands],
        command_cpu_s=[cpu for _, cpu, _ in commands],
        command_mb=max(megabytes for _, _, megabytes in commands),
        warm_s=warm,
        index_ms=index_ms,
        recall=_recall(lake, about.file, held, queries, about.probes),
        recall_of_moments=float(of_moments),
        build_cpu_s=build_cpu_s,
        index_mb=(index_folder(lake, "embeddings") / about.file).stat().st_size / 1e6,
    )


LAUNCH = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3]))
"""
"""In a small process of its own: the memory of a process counts what it was forked from."""


def _command(folder: Path, lake: Lake) -> tuple[float, float, float]:
    """Of one `cinelake search`: seconds by the clock, of the processor, and its memory in MB."""
    manifest = folder / "search.yaml"
    tasks = "{films: {}, shots: {}, frames: {}, embeddings: {backbone: descriptor}}"
    manifest.write_text(f"lake: {lake.storage.root}\ncatalogue: {{films: 'films/*'}}\ntasks: {tasks}\n")
    (folder / "films").mkdir(exist_ok=True)
    words = ["search", "-m", str(manifest), "--like", "film_00000@100", "--how", "exact"]
    command = [sys.executable, "-m", "cli", *words]
    done = subprocess.run([sys.executable, "-c", LAUNCH, *command], check=True, capture_output=True, text=True)
    wall, cpu, megabytes = json.loads(done.stdout)
    return wall, cpu, megabytes


def _queries(held: Held) -> Floats:
    """Vectors near to some of the lake's."""
    rng = np.random.default_rng(1)
    chosen = held.vectors[rng.integers(0, len(held.vectors), ASKED)]
    return unit(chosen + 0.02 * rng.standard_normal(chosen.shape, np.float32))


def _build(lake: Lake, cells: dict[str, str]) -> float | None:
    """Make the index unless it exists; processor seconds."""
    about = about_index(lake, "embeddings")
    if about and about.covers == coverage(cells):
        return None
    say(f"making the index of {len(cells)} films")
    start = time.process_time()
    index_lake(lake, lake_contracts(lake), "embeddings")
    return time.process_time() - start


def _recall(lake: Lake, file: str, held: Held, queries: Floats, probes: int) -> float:
    """How many of the ten nearest vectors the index finds."""
    import faiss

    true = faiss.knn(queries, held.vectors, NEAREST, metric=faiss.METRIC_INNER_PRODUCT)[1]
    index: Any = faiss.read_index(str(index_folder(lake, "embeddings") / file), faiss.IO_FLAG_MMAP)
    index.nprobe = probes
    results = index.search(queries, NEAREST)[1]
    return float(np.mean([len(set(a) & set(b)) / NEAREST for a, b in zip(results, true, strict=True)]))


def _timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


OPTIONS = (("--vectors", {"type": int, "default": 1_000_000, "help": "how many (default: %(default)s)"}),)

if __name__ == "__main__":
    assert __doc__
    sys.exit(run(__doc__, measure, *OPTIONS, repeat=3))
