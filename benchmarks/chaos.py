"""Seeded deaths and faults through the work of a night: is anything torn, lost or made twice; does the same command
finish?

Measured: a project of short drawn films with two workers, on the engines `local`, `dask` and `ray`. In each round one
command (`run`, `publish`, `labels import`, `report`, `train`, `tune`) is started and, at moments drawn by the seed,
victims are killed with SIGKILL, one after another: the driver, the driver with all below it, a worker that works or one
that waits, an ffmpeg, the Prefect server, the MLflow server; or the driver is interrupted. Or the command runs under a
fault: a disk whose calls fail (EIO) or that is full, a clock that is years wrong, few handles. While it runs, a reader
reads every cell of the lake again and again. Then the same command is given until it succeeds, without faults, and the
lake, its published copy and its labels are held against those of a night that nothing happened to. Deaths of whole
machines and of the object store: `benchmarks.deaths`.
Target:   nothing torn, nothing lost or made again, nothing left behind; at most two further commands.

    python -m benchmarks.chaos                              # 24 rounds, a kill each
    python -m benchmarks.chaos --rounds 200 --storm 5 --seed 7
    python -m benchmarks.chaos --rounds 8 --victims worker ffmpeg --commands run --engines dask
    python -m benchmarks.chaos --minutes 60 --victims eio full clock handles
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks._clusters import await_that, end_tree, started
from benchmarks._faults import FAULTS, Fault, compiled, drawn_fault
from benchmarks._promises import Cells, Reading, broken_promises, cells_of, times_of
from benchmarks._servers import NO_JOBS
from benchmarks.figures import Figure, Report, run, say
from examples.draw import draw_catalogue
from flows.server import answers, free_port

TIMEOUT_S, MAX_COMMANDS = 400.0, 5
MANIFEST = """\
lake: lake
catalogue: {{films: "films/*"}}
engine: {{kind: {engine}, workers: 2}}
tracking: {{uri: "{tracking}"}}
labels: {labels}
tasks:
  films: {{}}
  shots: {{}}
  frames: {{fps: 1}}
  sound: {{}}
  embeddings: {{backbone: descriptor}}
  faces: {{detector: dlib}}
  shot_features: {{}}
  scenes: {{}}
"""
COMMANDS = {
    "run": ("run",),
    "publish": ("publish",),
    "labels": ("labels", "import", "labels/scenes.csv", "--model", "scenes", "--annotator", "chaos"),
    "report": ("report", "-o", "site"),
    "train": ("train", "scenes"),
    "tune": ("tune", "scenes", "--trials", "2"),
}
AFTER = {"publish": "run", "labels": "run", "report": "run", "train": "labels", "tune": "labels"}
"""What is done in a round's project before its command."""
VICTIMS = ("driver", "tree", "worker", "idle", "ffmpeg", "server", "mlflow", "interrupt")
EVERYWHERE = ("driver", "tree", "interrupt", "mlflow", *FAULTS)
"""Victims that commands other than `run` have too."""
ENGINES = ("local", "dask", "ray")


@dataclass(frozen=True)
class Killed:
    """One round: what died in which command, on which engine, and which promises it broke.

    hits: victim → how often it was killed, or how many calls failed.
    """

    command: str
    engine: str
    hits: Counter[str]
    further: int
    broken: tuple[str, ...] = ()


@dataclass
class Night:
    """The drawn films, and what a night without deaths makes of them. mlflow: the server that records on it."""

    folder: Path
    wanted: Cells
    took_s: dict[str, float]
    mlflow: MlflowServer

    def project(self, name: str, engine: str = "local", after: str = "", tracked: bool = False) -> Path:
        """A project with a lake of its own and the same films; after: the command that was its last."""
        project = self.folder / name
        if after:
            shutil.copytree(self.folder / f"after-{after}", project, symlinks=True)
        else:
            project.mkdir()
            for shared in ("films", "labels"):
                (project / shared).symlink_to(self.folder / shared)
        tracking = self.mlflow.url if tracked else "mlflow.db"
        text = MANIFEST.format(engine=engine, tracking=tracking, labels=project / "taught")
        (project / "pipeline.yaml").write_text(text)
        return project


@dataclass
class MlflowServer:
    """An MLflow server that is started anew after it was killed."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def revive(self) -> None:
        """Have it run, and answer."""
        if self.process is None or self.process.poll() is not None:
            self.folder.mkdir(exist_ok=True)
            words = ("server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
                     "--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db",
                     "--artifacts-destination", str(self.folder / "artifacts"))  # fmt: skip
            self.process = started(self.folder, NO_JOBS, "mlflow", *words)
        await_that(lambda: answers(f"{self.url}/health"), within_s=300)

    def kill(self) -> bool:
        """SIGKILL for it and all below it."""
        if self.process is None or self.process.poll() is not None:
            return False
        own = psutil.Process(self.process.pid)
        return kill_all([*own.children(recursive=True), own])

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            end_tree(self.process)


def start(project: Path, command: str, fault: Fault | None = None) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; its words are in `command.log`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    given = fault or Fault()
    with (project / "command.log").open("ab") as log:
        words = [sys.executable, "-m", "cli.main", *COMMANDS[command]]
        env = {**kept, **given.env, "PYTHONPATH": str(Path(__file__).parents[1]), "RAY_USAGE_STATS_ENABLED": "0"}
        return subprocess.Popen(
            words,
            cwd=project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=given.before,
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
        is_worker = ("multiprocessing" in words and "resource_tracker" not in words) or words.startswith("ray::")
        return is_worker and at_work == (victim == "worker")
    except psutil.Error:
        return False


def undisturbed(folder: Path, films: int, commands: Sequence[str]) -> Night:
    """Draw the films, make everything once, and keep what rounds begin with."""
    draw_catalogue(folder, films, seed=7, workers=2, seconds=4.0)
    night = Night(folder, {}, {}, MlflowServer(folder / "mlflow"))
    project = night.project("undisturbed")
    for command in COMMANDS:
        if command not in (*commands, "run", "labels"):
            continue
        began = time.monotonic()
        if ended(start(project, command)):
            raise SystemExit(f"a night without deaths failed: {(project / 'command.log').read_text()[-2000:]}")
        night.took_s[command] = time.monotonic() - began
        if command in AFTER.values():
            night.wanted = cells_of(project / "lake")
            shutil.copytree(project, folder / f"after-{command}", symlinks=True)
    return night


@dataclass(frozen=True)
class Drawn:
    """What the dice say of a round: its number, command and engine, and who dies in it, one after another."""

    number: int
    command: str
    engine: str
    victims: tuple[str, ...]
    seed: str

    @property
    def dice(self) -> random.Random:
        """The dice of its moments."""
        return random.Random(f"{self.seed} {self.number} {self.command} {self.engine} {self.victims}")


def a_round(night: Night, drawn: Drawn, library: Path | None = None) -> Killed:
    """The deaths, then the same command until it succeeds, then everything is looked at."""
    command, dice = drawn.command, drawn.dice
    tracked = "mlflow" in drawn.victims
    if tracked:
        night.mlflow.revive()
    name = f"{drawn.number}-{command}-{drawn.engine}"
    project = night.project(name, drawn.engine, AFTER.get(command, ""), tracked)
    fault = drawn_fault(drawn.victims[0], project, dice, library) if library and drawn.victims[0] in FAULTS else None
    reading, hits = Reading(project / "lake"), Counter[str]()
    kept = times_of(project / "lake")
    with reading.going_on():
        process = start(project, command, fault)
        if fault:
            ended(process)
            hits[drawn.victims[0]] = fault.hits
        for victim in () if fault else drawn.victims:
            hits[victim] += _kill_then(victim, process, dice.uniform(0.2, night.took_s[command]), dice, night.mlflow)
            kept |= {cell: stamp for cell, stamp in times_of(project / "lake").items() if cell not in kept}
            if victim != drawn.victims[-1] and ended_soon(process):
                process = start(project, command)
        kept |= {cell: stamp for cell, stamp in times_of(project / "lake").items() if cell not in kept}
        further = 0
        while ended(process) and further < MAX_COMMANDS:
            if tracked:
                night.mlflow.revive()
            process, further = start(project, command), further + 1
    broken = tuple(broken_promises(night.wanted, project, reading, kept))
    if not broken:
        shutil.rmtree(project, ignore_errors=True)
    return Killed(command, drawn.engine, hits, further, broken)


def ended_soon(process: subprocess.Popen[bytes]) -> bool:
    """Whether a command ends within the time in which one that was killed does."""
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        return False
    return True


def _kill_then(
    victim: str, process: subprocess.Popen[bytes], after_s: float, dice: random.Random, mlflow: MlflowServer
) -> bool:
    """Kill the victim at its moment, or as soon as there is one."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(after_s)
    while process.poll() is None:
        if mlflow.kill() if victim == "mlflow" else kill(victim, process, dice):
            return True
        time.sleep(0.02)
    return False


def measure(given: argparse.Namespace) -> Report:
    """So many rounds, or for so long: commands and engines in turn, victims and moments by the seed."""
    library = compiled(given.folder) if set(given.victims) & {"eio", "full", "clock"} else None
    night = undisturbed(given.folder / f"night-{time.time_ns()}", given.films, given.commands)
    dice, rounds = random.Random(given.seed), list[Killed]()
    ends = time.monotonic() + 60 * given.minutes if given.minutes else None
    try:
        for number in itertools.count() if ends else range(given.rounds):
            if ends and time.monotonic() > ends:
                break
            drawn = _drawn(given, number, dice)
            rounds.append(a_round(night, drawn, library or given.folder))
            say(f"round {number + 1}: {drawn.victims} in {drawn.command} on {drawn.engine}: {rounds[-1]}")
    finally:
        night.mlflow.stop()
    broken = [f"{k.command} on {k.engine}, {dict(k.hits)}: {'; '.join(k.broken)}" for k in rounds if k.broken]
    kills = Counter[str]()
    for each in rounds:
        kills.update({f"{victim} in {each.command} on {each.engine}": hits for victim, hits in each.hits.items()})
    deaths = sum(hits for each in rounds for victim, hits in each.hits.items() if victim not in FAULTS)
    figures = [
        Figure("rounds", [len(rounds)]),
        Figure("rounds with a broken promise", [len(broken)], at_most=0),
        Figure("kills that hit", [deaths]),
        Figure("rounds under a fault", [sum(any(k.hits[fault] for fault in FAULTS) for k in rounds)]),
        Figure("further commands, at most", [max(k.further for k in rounds)], at_most=2),
    ]
    return Report("chaos", figures, [f"{name}: {count}" for name, count in sorted(kills.items())] + broken)


def _drawn(given: argparse.Namespace, number: int, dice: random.Random) -> Drawn:
    """A round: a fault for itself, or as many deaths as a storm has."""
    command = given.commands[number % len(given.commands)]
    engine = dice.choice(given.engines) if command == "run" else "local"
    known = [victim for victim in given.victims if command == "run" or victim in EVERYWHERE] or ["driver"]
    first = dice.choice(known)
    mortal = [victim for victim in known if victim not in FAULTS]
    more = [dice.choice(mortal) for _ in range(given.storm - 1)] if first not in FAULTS else []
    return Drawn(number, command, engine, (first, *more), given.seed)


OPTIONS = (
    ("--rounds", {"type": int, "default": 24, "help": "how many (default: %(default)s)"}),
    ("--minutes", {"type": float, "default": 0, "help": "rounds until this time is over (default: by --rounds)"}),
    ("--storm", {"type": int, "default": 1, "help": "kills of a round, one after another (default: %(default)s)"}),
    ("--films", {"type": int, "default": 4, "help": "films of a night (default: %(default)s)"}),
    ("--commands", {"nargs": "+", "choices": list(COMMANDS), "default": list(COMMANDS), "help": "(default: all)"}),
    ("--engines", {"nargs": "+", "choices": ENGINES, "default": list(ENGINES), "help": "(default: all)"}),
    ("--victims", {"nargs": "+", "choices": (*VICTIMS, *FAULTS), "default": [*VICTIMS, *FAULTS],
                   "help": "who dies, or what fails (default: all)"}),
    ("--seed", {"default": "1", "help": "(default: %(default)s)"}),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=1))
