"""What a death in the middle of a run costs: a worker's, a node's, the object store's, the Prefect server's.

Measured: 20 short drawn films on a cluster of two nodes on this machine, the lake in a bucket of a real S3 service, a
Prefect server of its own. When a number of cells drawn by a seed is in the lake, the victim is killed (SIGKILL, a node
with all its processes) and, where it is a server or a node, started anew. The run ends, or the same command is given
again until it succeeds. Then the lake is compared with that of an undisturbed run.
Target:   every lake identical (keys and rows); no cell that was in the lake at the death made again; at most two
          further runs.

    python -m benchmarks.deaths
    python -m benchmarks.deaths --rounds 1 --films 6 --victims store     # a quick look
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from benchmarks._clusters import CLUSTERS, RunningCluster, await_that, end_tree, started
from benchmarks._object_store import ObjectStore
from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.cells import FOOTER_KEY, Footer
from cinelake.spec.names import RESERVED
from examples.draw import draw_catalogue
from flows.server import PrefectServer, free_port, start_prefect

VICTIMS = ("worker", "node", "store", "prefect")
RUN_TIMEOUT_S, MAX_RUNS = 500.0, 4
MANIFEST = """\
lake: {lake}
catalogue: {{films: "{films}"}}
engine: {{kind: {engine}, address: "{address}", workers: 4}}
tracking: {{enabled: false}}
tasks:
  films: {{}}
  shots: {{}}
  frames: {{fps: 1}}
  sound: {{}}
  embeddings: {{backbone: descriptor}}
"""
Cells = dict[str, tuple[str, pa.Table]]


@dataclass
class World:
    """All that a run needs, each part of which may die."""

    folder: Path
    engine: str
    env: dict[str, str]
    store: ObjectStore
    cluster: RunningCluster
    prefect: PrefectServer

    def project(self, bucket: str) -> Path:
        """A manifest with a lake of its own."""
        self.store.files(bucket)
        folder = self.folder / bucket
        folder.mkdir()
        lake, films = self.store.lake(bucket), self.folder / "films" / "*"
        text = MANIFEST.format(lake=lake, films=films, engine=self.engine, address=self.cluster.address)
        (folder / "pipeline.yaml").write_text(text)
        return folder

    def start(self, project: Path) -> subprocess.Popen[bytes]:
        """Start a run."""
        env = {**self.env, **self.prefect.environment()}
        return started(project, env, "python", "-m", "cli", "run")

    def kill(self, victim: str, dice: random.Random) -> None:
        """Kill one part, and bring it back where an operator's supervisor would."""
        if victim == "worker":
            dice.choice(self.cluster.workers()).kill()
        elif victim == "node":
            self.cluster.kill_node(0)
            self.cluster.add_node()
        elif victim == "store":
            self.store.kill()
            self.store.start()
        else:
            self._restart_prefect()

    def _restart_prefect(self) -> None:
        assert self.prefect.own is not None
        self.prefect.own.kill()
        self.prefect.own.wait()
        self.prefect = start_prefect(self.folder, int(self.prefect.url.split(":")[-1].split("/")[0]), services=True)
        self.prefect.wait()


@contextmanager
def world(folder: Path, engine: str, films: int, seconds: float = 3.0) -> Iterator[World]:
    """Draw the films and start every server."""
    draw_catalogue(folder, films, seed=7, workers=2, seconds=seconds)
    store = ObjectStore(folder / "store")
    root = str(Path(__file__).parents[1])
    env = {**store.env, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "PYTHONPATH": root}
    with ExitStack() as stack:
        store.start()
        stack.callback(store.stop)
        (folder / "cluster").mkdir()
        cluster = stack.enter_context(CLUSTERS[engine](folder / "cluster", env, nodes=1 + (engine == "dask")))
        prefect = start_prefect(folder, free_port(), services=True)
        made = World(folder, engine, env, store, cluster, prefect)
        stack.callback(lambda: made.prefect.stop())
        prefect.wait()
        yield made


@dataclass(frozen=True)
class RunOutcome:
    """What came of a death: how many runs were needed after it, and what was lost or done twice."""

    victim: str
    runs_after: int
    same: bool
    kept: int
    made_again: int
    wall_s: float


def undisturbed(place: World) -> Cells:
    """The lake of a run that nothing happens to."""
    project = place.project("undisturbed")
    process = place.start(project)
    if _ended(process) != 0:
        raise SystemExit(f"a run that nothing happened to failed: {words_of(project)}")
    return {name: cell for name, (cell, _) in cells_of(place, "undisturbed").items()}


def disturbed(place: World, victim: str, number: int, wanted: Cells, after: int) -> RunOutcome:
    """A run in which the victim dies when `after` cells are in the lake."""
    began, bucket = time.monotonic(), f"{victim}-{number}"
    project, dice = place.project(bucket), random.Random(f"{victim} {number}")
    process = place.start(project)
    await_that(lambda: len(_files(place, bucket)) >= after or process.poll() is not None, RUN_TIMEOUT_S)
    await_that(lambda: victim != "worker" or bool(place.cluster.workers()) or process.poll() is not None)
    if process.poll() is not None:
        raise SystemExit(f"the run ended before {after} cells were made: {words_of(project)}")
    place.kill(victim, dice)
    kept = cells_of(place, bucket)
    runs = 1
    while _ended(process) != 0:
        if runs == MAX_RUNS:
            raise SystemExit(f"still not done after {runs} runs: {words_of(project)}")
        process, runs = place.start(project), runs + 1
    now = cells_of(place, bucket)
    same = {name: cell for name, (cell, _) in now.items()} == wanted
    again = sum(now[name][1] != stamp for name, (_, stamp) in kept.items())
    return RunOutcome(victim, runs - 1, same, len(kept), again, time.monotonic() - began)


def cells_of(place: World, bucket: str) -> dict[str, tuple[tuple[str, pa.Table], str]]:
    """`table/movie_id` → (key, rows) and when it was written, of every cell in a bucket's lake."""
    files, cells = place.store.files(), {}
    for info in _files(place, bucket):
        known = pq.read_metadata(info.path, filesystem=files).metadata or {}
        if FOOTER_KEY in known:
            rows = pq.read_table(info.path, filesystem=files, partitioning=None).replace_schema_metadata(None)
            key = Footer.from_json(known[FOOTER_KEY]).key
            cells[info.path.removeprefix(f"{bucket}/lake/")] = ((key, rows), str(info.mtime_ns))
    return cells


def _files(place: World, bucket: str) -> list[fs.FileInfo]:
    selector = fs.FileSelector(f"{bucket}/lake", recursive=True, allow_not_found=True)
    listed = place.store.files().get_file_info(selector)
    return [info for info in listed if info.base_name.endswith(".parquet") and not _is_record(info.path)]


def _is_record(path: str) -> bool:
    return path.split("/")[2] in RESERVED


def _ended(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(RUN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        end_tree(process)
        return 124


def words_of(project: Path) -> str:
    """The last words of a project's runs."""
    return "\n".join(log.read_text(errors="replace")[-1000:] for log in sorted(project.glob("*.log")))


def measure(given: argparse.Namespace) -> Report:
    """Every victim so many times, at moments drawn by a seed."""
    outcomes: list[RunOutcome] = []
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    with world(given.folder, given.engine, given.films) as place:
        wanted = undisturbed(place)
        for number in range(given.rounds):
            for victim in given.victims:
                after = random.Random(f"{given.seed} {victim} {number}").randint(1, len(wanted) * 4 // 5)
                outcomes.append(disturbed(place, victim, number, wanted, after))
                say(f"{outcomes[-1]}")
    return Report("deaths", [f for victim in given.victims for f in _figures(victim, outcomes)], [
        f"{given.engine}, two nodes, {given.films} films of 3 s, {given.rounds} deaths of each, seed {given.seed}"
    ])  # fmt: skip


def _figures(victim: str, outcomes: list[RunOutcome]) -> list[Figure]:
    of_it = [outcome for outcome in outcomes if outcome.victim == victim]
    return [
        Figure(f"{victim}: lakes identical", [sum(o.same for o in of_it) / len(of_it)], at_least=1.0),
        Figure(f"{victim}: finished cells made again", [sum(o.made_again for o in of_it)], at_most=0),
        Figure(f"{victim}: further runs", [max(o.runs_after for o in of_it)], at_most=2),
        Figure(f"{victim}: cells in the lake at the death", [o.kept for o in of_it]),
        Figure(f"{victim}: to the end", [o.wall_s for o in of_it], "s"),
    ]


OPTIONS = (
    ("--engine", {"choices": list(CLUSTERS), "default": "ray", "help": "the cluster (default: %(default)s)"}),
    ("--films", {"type": int, "default": 20, "help": "films a run (default: %(default)s)"}),
    ("--rounds", {"type": int, "default": 10, "help": "deaths of each victim (default: %(default)s)"}),
    ("--victims", {"nargs": "+", "choices": VICTIMS, "default": list(VICTIMS), "help": "who dies (default: all)"}),
    ("--seed", {"type": int, "default": 0, "help": "seed of the moments (default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
