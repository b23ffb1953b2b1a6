"""Seeded kills through the work of a night: is anything torn, lost or made twice; does the same command finish?

Measured: a project of short drawn films on the engine `local` with two workers. In each round one command (`run`,
`publish`, `labels import`, `report`) is started and, at a moment drawn by the seed, one victim is killed with SIGKILL:
the driver, the driver with all below it, a worker that works or one that waits, an ffmpeg, the Prefect server; or the
driver is interrupted. While it runs, a reader reads every cell of the lake again and again. Then the same command is
given until it succeeds, and the lake, its published copy and its labels are held against those of a night that nothing
happened to. Rounds on `dask` and `ray`, on buckets, and deaths of whole machines: `benchmarks.deaths`.
Target:   nothing torn, nothing lost or made again, nothing left behind; at most two further commands.

    python -m benchmarks.chaos                              # 24 kills
    python -m benchmarks.chaos --kills 1000 --seed 7
    python -m benchmarks.chaos --kills 8 --victims worker ffmpeg --commands run
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.figures import Figure, Report, run, say
from cinelake.lake.cells import FOOTER_KEY, Footer
from cinelake.spec.names import RESERVED
from examples.draw import draw_catalogue

TIMEOUT_S, MAX_COMMANDS, LEFT_WITHIN_S = 400.0, 5, 30.0
MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
engine: {kind: local, workers: 2}
tasks:
  films: {}
  shots: {}
  frames: {fps: 1}
  sound: {}
  embeddings: {backbone: descriptor}
  faces: {detector: dlib}
  shot_features: {}
  scenes: {}
"""
COMMANDS = {
    "run": ("run",),
    "publish": ("publish",),
    "labels": ("labels", "import", "labels/scenes.csv", "--model", "scenes", "--annotator", "chaos"),
    "report": ("report", "-o", "site"),
}
VICTIMS = ("driver", "tree", "worker", "idle", "ffmpeg", "server", "interrupt")
Cells = dict[str, tuple[str, pa.Table]]


@dataclass(frozen=True)
class Killed:
    """One round: what was killed in which command and when, and which promises it broke."""

    command: str
    victim: str
    after_s: float
    hit: bool
    further: int
    broken: tuple[str, ...] = ()


@dataclass
class Reading:
    """Reads a lake's cells while it is written; `torn` names those that could not be read."""

    lake: Path
    torn: list[str] = field(default_factory=list)
    reads: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """Read in a thread of its own until the block is left."""
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _read(self) -> None:
        while not self._ended.wait(0.05):
            for file in cell_files(self.lake):
                try:
                    cell_of(file)
                    self.reads += 1
                except FileNotFoundError:
                    continue
                except (OSError, pa.ArrowException, KeyError, ValueError) as error:
                    self.torn.append(f"{file.name}: {error}")


def cell_files(lake: Path) -> list[Path]:
    """Every cell's file."""
    return [f for f in lake.glob("*/*.parquet") if not f.parent.name.startswith("_") and f.parent.name not in RESERVED]


def cell_of(file: Path) -> tuple[str, pa.Table]:
    """A cell's key and rows."""
    key = Footer.from_json(pq.read_metadata(file).metadata[FOOTER_KEY]).key
    return key, pq.read_table(file, partitioning=None).replace_schema_metadata(None)


def cells_of(lake: Path) -> Cells:
    """`table/film` → key and rows."""
    return {f"{file.parent.name}/{file.stem}": cell_of(file) for file in cell_files(lake)}


def times_of(lake: Path) -> dict[str, tuple[int, int]]:
    """`table/film` → what changes when a cell is made again."""
    return {f"{f.parent.name}/{f.stem}": (f.stat().st_ino, f.stat().st_mtime_ns) for f in cell_files(lake)}


@dataclass
class Night:
    """The drawn films, and what a night without deaths makes of them."""

    folder: Path
    wanted: Cells
    took_s: dict[str, float]

    def project(self, name: str) -> Path:
        """A project with a lake of its own and the same films."""
        project = self.folder / name
        project.mkdir()
        for shared in ("films", "labels"):
            (project / shared).symlink_to(self.folder / shared)
        (project / "pipeline.yaml").write_text(MANIFEST + f"labels: {project / 'taught'}\n")
        return project


def start(project: Path, command: str) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; its words are in `command.log`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    with (project / "command.log").open("ab") as log:
        words = [sys.executable, "-m", "cli.main", *COMMANDS[command]]
        env = {**kept, "PYTHONPATH": str(Path(__file__).parents[1])}
        return subprocess.Popen(
            words, cwd=project, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def ended(process: subprocess.Popen[bytes]) -> int:
    """A command's exit code; 124 for one that did not end."""
    try:
        return process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        kill_all([*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)])
        return 124


def kill_all(processes: list[psutil.Process]) -> bool:
    """SIGKILL; whether any of them still lived."""
    hit = False
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
            hit = True
    return hit


def kill(victim: str, driver: subprocess.Popen[bytes], dice: random.Random) -> bool:
    """Kill the victim; False where there is none of its kind now."""
    try:
        process = psutil.Process(driver.pid)
        below = process.children(recursive=True)
    except psutil.Error:
        return False
    if victim == "interrupt":
        process.send_signal(signal.SIGINT)
        return True
    if victim in ("driver", "tree"):
        return kill_all([process, *below] if victim == "tree" else [process])
    found = [child for child in below if _is(victim, child)]
    return bool(found) and kill_all([dice.choice(found)])


def _is(victim: str, process: psutil.Process) -> bool:
    try:
        words = " ".join(process.cmdline())
        if victim == "ffmpeg":
            return "ffmpeg" in process.name()
        if victim == "server":
            return "prefect" in words and "multiprocessing" not in words
        at_work = any("ffmpeg" in child.name() for child in process.children()) or process.cpu_percent(0.05) > 50
        return "multiprocessing" in words and "resource_tracker" not in words and at_work == (victim == "worker")
    except psutil.Error:
        return False


def left_behind(project: Path) -> list[str]:
    """Commands that still run in a project, a kept Prefect server apart, after some time to end."""
    deadline = time.monotonic() + LEFT_WITHIN_S
    while (left := list(_running_in(project))) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def _running_in(project: Path) -> Iterator[str]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = " ".join(process.cmdline())
            ours = process.status() != psutil.STATUS_ZOMBIE and process.cwd().startswith(str(project))
            if ours and "prefect" not in words:
                yield words[:200]


def undisturbed(folder: Path, films: int) -> Night:
    """Draw the films, make everything once."""
    draw_catalogue(folder, films, seed=7, workers=2, seconds=4.0)
    night = Night(folder, {}, {})
    project = night.project("undisturbed")
    for command in COMMANDS:
        began = time.monotonic()
        if ended(start(project, command)):
            raise SystemExit(f"a night without deaths failed: {(project / 'command.log').read_text()[-2000:]}")
        night.took_s[command] = time.monotonic() - began
    night.wanted = cells_of(project / "lake")
    return night


def a_round(night: Night, number: int, command: str, victim: str, seed: str) -> Killed:
    """One kill, then the same command until it succeeds, then everything is looked at."""
    dice = random.Random(f"{seed} {number} {command} {victim}")
    project = night.project(f"{number}-{command}-{victim}")
    for before in list(COMMANDS)[: list(COMMANDS).index(command)] if command != "run" else ():
        if ended(start(project, before)):
            raise SystemExit(f"nothing was killed yet: {(project / 'command.log').read_text()[-2000:]}")
    after_s = dice.uniform(0.2, night.took_s[command])
    reading = Reading(project / "lake")
    with reading.going_on():
        process = start(project, command)
        hit = _kill_then(victim, process, after_s, dice)
        kept = times_of(project / "lake")
        further = 0
        while ended(process) and further < MAX_COMMANDS:
            process, further = start(project, command), further + 1
    return Killed(command, victim, round(after_s, 2), hit, further, tuple(_broken(night, project, reading, kept)))


def _kill_then(victim: str, process: subprocess.Popen[bytes], after_s: float, dice: random.Random) -> bool:
    """Kill the victim at its moment, or as soon as there is one."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    while process.poll() is None:
        if kill(victim, process, dice):
            return True
        time.sleep(0.02)
    return False


def _broken(night: Night, project: Path, reading: Reading, kept: dict[str, tuple[int, int]]) -> Iterator[str]:
    lake, now = project / "lake", times_of(project / "lake")
    yield from (f"torn while it was read: {words}" for words in reading.torn[:3])
    try:
        found = cells_of(lake)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        yield f"torn at the end: {error}"
        return
    yield from (f"lost or never made: {name}" for name in sorted(night.wanted.keys() - found.keys())[:3])
    differing = [name for name in night.wanted.keys() & found.keys() if found[name] != night.wanted[name]]
    yield from (f"differs: {name}" for name in sorted(differing)[:3])
    yield from (f"made again: {name}" for name, stamp in sorted(kept.items()) if now.get(name) != stamp)
    yield from (f"left unfinished: {path.name}" for path in (lake / "_tmp").glob("*"))
    yield from (f"still runs: {words}" for words in left_behind(project))


def measure(given: argparse.Namespace) -> Report:
    """So many kills: commands and victims in turn, moments by the seed."""
    night = undisturbed(given.folder / f"night-{time.time_ns()}", given.films)
    dice = random.Random(given.seed)
    rounds: list[Killed] = []
    for number in range(given.kills):
        command = given.commands[number % len(given.commands)]
        victims = given.victims if command == "run" else [v for v in given.victims if v in ("driver", "tree")]
        rounds.append(a_round(night, number, command, dice.choice(victims or ["driver"]), given.seed))
        say(f"{number + 1} of {given.kills}: {rounds[-1]}")
    broken = [f"{k.command}, {k.victim} killed after {k.after_s} s: {'; '.join(k.broken)}" for k in rounds if k.broken]
    hits = Counter(f"{k.victim} in {k.command}" for k in rounds if k.hit)
    figures = [
        Figure("rounds with a broken promise", [len(broken)], at_most=0),
        Figure("kills that hit", [hits.total()]),
        Figure("further commands, at most", [max(k.further for k in rounds)], at_most=2),
    ]
    return Report("chaos", figures, [f"{name}: {count}" for name, count in sorted(hits.items())] + broken)


OPTIONS = (
    ("--kills", {"type": int, "default": 24, "help": "rounds, a kill each (default: %(default)s)"}),
    ("--films", {"type": int, "default": 4, "help": "films of a night (default: %(default)s)"}),
    ("--commands", {"nargs": "+", "choices": list(COMMANDS), "default": list(COMMANDS), "help": "(default: all)"}),
    ("--victims", {"nargs": "+", "choices": VICTIMS, "default": list(VICTIMS), "help": "who dies (default: all)"}),
    ("--seed", {"default": "1", "help": "(default: %(default)s)"}),
)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
