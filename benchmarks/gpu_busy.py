"""How much of its time a GPU works, when films are decoded on processors and asked about on the GPU.

Measured: a cluster of two processors and one declared GPU (standing for a real one: who waits for whom counts);
each film is "decoded" for 0.7 s on a processor and "asked about" for 0.4 s on the GPU, so that both processors together
are a little faster than the GPU. The share of the time from the first question to the last in which one is asked.
Beside it: the same with both as one step on the GPU, as it would be without placing them apart.
Target:   apart at least 0.85 on Dask and Ray.

    python -m benchmarks.gpu_busy
    python -m benchmarks.gpu_busy --only ray --films 10     # a quick look
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks._clusters import CLUSTERS
from benchmarks._sleeping_project import make_known, sleeping_project
from benchmarks.children import cost_of, python
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.cells import Lake

AT_LEAST = 0.85
DECODED_S, ASKED_S = 0.7, 0.4
GPU = {"gpus": 1}
WAYS: dict[str, dict[str, int]] = {"apart": {}, "as one step": GPU}


def measure(given: argparse.Namespace) -> Report:
    """Both ways on each kind of cluster, in turn."""
    make_known(given.folder / "site")
    figures = []
    for kind in given.only or CLUSTERS:
        shares: dict[str, list[float]] = {way: [] for way in WAYS}
        folder = given.folder / kind
        folder.mkdir()
        with CLUSTERS[kind](folder, {"PYTHONPATH": os.environ["PYTHONPATH"]}, cpus=2, gpus=1) as cluster:
            for number in range(given.repeat):
                for way, decoding in WAYS.items():
                    say(f"{kind}, {way}, {number + 1} of {given.repeat}")
                    engine = {"kind": kind, "address": cluster.address}
                    shares[way].append(_busy(folder / f"{way} {number}", engine, decoding, given.films))
        figures += [
            Figure(f"{kind}: GPU at work, {way}", shares[way], at_least=AT_LEAST if way == "apart" else None)
            for way in WAYS
        ]
    return Report(
        "gpu_busy", figures, [f"{given.films} films: {DECODED_S:g} s on a processor, {ASKED_S:g} s on the GPU"]
    )


def _busy(folder: Path, engine: dict[str, str], decoding: dict[str, int], films: int) -> float:
    """The GPU's share of working time in one run."""
    tasks = {
        "sleeping": {"seconds": DECODED_S, "resources": decoding},
        "asking": {"seconds": ASKED_S, "resources": GPU},
    }
    project = sleeping_project(folder, engine, films, 0.0, tasks)
    cost_of(python("-m", "benchmarks._engine_run", str(project / "pipeline.yaml"), engine["kind"]))
    lake = Lake(str(project / "lake"))
    rows = [lake.reader("asking", f"film_{number:05}").read().to_pylist()[0] for number in range(films)]
    whole_s = max(row["ended_s"] for row in rows) - min(row["began_s"] for row in rows)
    return float(sum(row["ended_s"] - row["began_s"] for row in rows) / whole_s)


OPTIONS = (
    ("--films", {"type": int, "default": 40, "help": "films a run (default: %(default)s)"}),
    ("--only", {"nargs": "+", "choices": list(CLUSTERS), "help": "these clusters only"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
