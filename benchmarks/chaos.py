"""Seeded deaths and faults through the work of a night: is anything torn, lost or made twice; does the same command
finish?

Measured: a project of short drawn films with two workers, on the engines `local`, `dask` and `ray`. In each round one
command (`run`, `publish`, `labels import`, `report`, `train`, `tune`) is started and, at moments drawn by the seed,
victims are killed with SIGKILL, one after another: the driver, the driver with all below it, a worker that works or one
that waits, an ffmpeg, the Prefect server, the MLflow server; at a call that changes a file of the lake, its labels,
models or pages, whatever process makes it (`point`); or the driver is interrupted. Or the command runs under a fault: a
disk whose calls fail (EIO) or that is full, a clock that is years wrong, few handles. While it runs, a reader reads
every cell of the lake again and again. Then the same command is given until it succeeds, without faults, and the lake,
its published copy and its labels are held against those of a night that nothing happened to. Deaths of whole machines
and of the object store: `benchmarks.deaths`. Commands are forks of a process that has imported them, and all rounds
have one Prefect server.
Target:   nothing torn, nothing lost or made again, nothing left behind; at most two further commands.

    python -m benchmarks.chaos                              # 24 rounds, a kill each
    python -m benchmarks.chaos --minutes 60 --storm 20 --seed 7
    python -m benchmarks.chaos --minutes 20 --storm 40 --victims point --commands publish labels report
    python -m benchmarks.chaos --rounds 8 --victims worker ffmpeg --commands run --engines dask
    python -m benchmarks.chaos --minutes 60 --victims eio full clock handles
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
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

from benchmarks import _warm_commands
from benchmarks._clusters import await_that, end_tree, started
from benchmarks._faults import FAULTS, Fault, compiled, death_at, drawn_fault
from benchmarks._promises import Cells, Reading, broken_promises, cells_of, times_of
from benchmarks._servers import NO_JOBS
from benchmarks._warm_commands import Command
from benchmarks.figures import Figure, Report, run, say
from examples.draw import draw_catalogue
from flows.server import answers, free_port

TIMEOUT_S, MAX_COMMANDS = 600.0, 5
MANIFEST = """\
lake: lake
catalogue: {{films: "films/*"}}
engine: {{kind: {engine}, workers: 2}}
server: {{keep_s: 3600}}
tracking: {{uri: "{tracking}"}}
publish: {{workers: {publishers}}}
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
models:
  scenes:
    config: {{network: similarity, members: 1, hidden: 4, epochs: 2}}
    space: {{epochs: {{int: [1, 2]}}}}
"""
WRITTEN = ("lake", "taught", "site")
"""What of a project is people's and films' own: deaths at points are at changes of these."""
COMMANDS = {
    "run": ("run",),
    "publish": ("publish",),
    "labels": ("labels", "import", "labels/scenes.csv", "--model", "scenes", "--annotator", "chaos"),
    "report": ("report", "-o", "site"),
    "train": ("train", "scenes"),
    "tune": ("tune", "scenes", "--trials", "2"),
}
AFTER = {"run": "nothing", "publish": "run", "labels": "run", "report": "run", "train": "labels", "tune": "labels"}
"""What is done in a round's project before its command."""
POINT = "point"
VICTIMS = ("driver", "tree", "worker", "idle", "ffmpeg", "server", "mlflow", "interrupt", POINT)
ENDING = ("driver", "tree", "interrupt", POINT)
"""Victims that a command ends with."""
EVERYWHERE = (*ENDING, "mlflow", *FAULTS)
"""Victims that commands other than `run` have too."""
ENGINES = ("local", "dask", "ray")
PLACED = ("run", "train", "tune")
"""Commands whose work an engine places."""


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
    """The drawn films, and what a night without deaths makes of them. mlflow: the server that records on it.

    calls: command → how many calls of it change a file.
    """

    folder: Path
    wanted: Cells
    took_s: dict[str, float]
    calls: dict[str, int]
    mlflow: MlflowServer

    @property
    def project(self) -> Path:
        """The folder of every round: one, so that its Prefect server is found again."""
        return self.folder / "project"

    def begin(self, engine: str, after: str, tracked: bool, publishers: int = 1) -> Path:
        """The project as it is after a command that nothing happened to; its servers stay.

        publishers: processes of `publish`; with one it does all in its own.
        """
        project = self.project
        for each in [*project.iterdir()] if project.exists() else []:
            if each.name != ".cinelake":
                shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
        shutil.copytree(self._kept(after), project, symlinks=True, dirs_exist_ok=True)
        tracking = self.mlflow.url if tracked else "mlflow.db"
        text = MANIFEST.format(engine=engine, tracking=tracking, labels=project / "taught", publishers=publishers)
        (project / "pipeline.yaml").write_text(text)
        return project

    def keep(self, after: str) -> None:
        """Keep the project as it is now, for rounds that begin so."""
        shutil.copytree(
            self.project, self._kept(after), symlinks=True, ignore=shutil.ignore_patterns(".cinelake", "*.log")
        )

    def _kept(self, after: str) -> Path:
        return self.folder / f"after-{after}"


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


def start(project: Path, command: str, fault: Fault | None = None) -> Command:
    """Start a command; its words are in `command.log`."""
    given = fault or Fault()
    return _warm_commands.start(project, COMMANDS[command], given.env, given.handles)


def ended(command: Command) -> int:
    """A command's exit code; 124 for one that did not end."""
    code = command.code(TIMEOUT_S)
    if code is None:
        kill_all([*psutil.Process(command.pid).children(recursive=True), psutil.Process(command.pid)])
        command.code(10)
        return 124
    return code


def kill_all(processes: list[psutil.Process]) -> bool:
    """SIGKILL; whether any of them still lived."""
    hit = False
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
            hit = True
    return hit


def kill(victim: str, driver: Command, dice: random.Random) -> bool:
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
    night = Night(folder, {}, {}, {}, MlflowServer(folder / "mlflow"))
    night._kept("nothing").mkdir()
    for shared in ("films", "labels"):
        (night._kept("nothing") / shared).symlink_to(folder / shared)
    project = night.begin("local", "nothing", tracked=False)
    for command in COMMANDS:
        if command not in (*commands, "run", "labels"):
            continue
        fault = death_at(0, project / "count", [project / name for name in WRITTEN])
        began = time.monotonic()
        if ended(start(project, command, fault)):
            raise SystemExit(f"a night without deaths failed: {(project / 'command.log').read_text()[-2000:]}")
        night.took_s[command], night.calls[command] = time.monotonic() - began, fault.hits
        say(f"undisturbed: {command} takes {night.took_s[command]:.1f} s and {night.calls[command]} calls")
        if command in AFTER.values():
            night.wanted = cells_of(project / "lake")
            night.keep(command)
    return night


@dataclass(frozen=True)
class Drawn:
    """What the dice say of a round: its number, command and engine, and who dies in it, one after another, `until`."""

    number: int
    command: str
    engine: str
    victims: tuple[str, ...]
    seed: str
    until: float

    @property
    def dice(self) -> random.Random:
        """The dice of its moments."""
        return random.Random(f"{self.seed} {self.number} {self.command} {self.engine} {self.victims}")


def a_round(night: Night, drawn: Drawn) -> Killed:
    """The deaths, then the same command until it succeeds, then everything is looked at."""
    tracked = "mlflow" in drawn.victims
    if tracked:
        night.mlflow.revive()
    is_fault = drawn.victims[0] in FAULTS
    if is_fault:
        end_server(night.project)
    project = night.begin(drawn.engine, AFTER[drawn.command], tracked, drawn.dice.choice((1, 1, 1, 2)))
    reading = Reading(project / "lake")
    kept = times_of(project / "lake")
    with reading.going_on():
        process, hits = _faulty(drawn, project) if is_fault else _storm(night, drawn, project, kept)
        kept |= {cell: stamp for cell, stamp in times_of(project / "lake").items() if cell not in kept}
        further = 0
        while (code := ended(process)) and further < MAX_COMMANDS:
            if tracked:
                night.mlflow.revive()
            process, further = start(project, drawn.command), further + 1
    if is_fault:
        end_server(project)
    broken = tuple(broken_promises(night.wanted, project, reading, kept))
    if code:
        broken += (f"{drawn.command} still ends with {code} after {further} further commands",)
    if broken:
        shutil.copytree(project, night.folder / f"broken-{drawn.number}", symlinks=True)
    return Killed(drawn.command, drawn.engine, hits, further, broken)


def end_server(project: Path) -> None:
    """End the Prefect server that stays: the next run starts one."""
    if project.exists():
        _warm_commands.start(project, ("down",), {}).code(60)


def _faulty(drawn: Drawn, project: Path) -> tuple[Command, Counter[str]]:
    """A command under a fault, once it has ended; how many calls failed."""
    (victim, *_) = drawn.victims
    fault = drawn_fault(victim, project, drawn.dice)
    process = start(project, drawn.command, fault)
    ended(process)
    return process, Counter({victim: fault.hits})


def _storm(night: Night, drawn: Drawn, project: Path, kept: dict[str, tuple[int, int]]) -> tuple[Command, Counter[str]]:
    """The deaths, one after another; the command is given again after each that it ended with.

    Returns the last command, which may run, and who was hit how often. kept: takes what `times_of` says of new cells.
    """
    dice, hits = drawn.dice, Counter[str]()
    count, places = project / "count", [project / name for name in WRITTEN]
    process: Command | None = None
    for victim in drawn.victims:
        if process is not None and (process.code() == 0 or time.monotonic() > drawn.until):
            break  # nothing is left that could be killed, or no time
        if process is not None and process.code() is None and victim == POINT:
            hits["tree"] += kill("tree", process, dice)
            ended(process)
        if process is None or process.code() is not None:
            at = 1 + int(night.calls[drawn.command] * dice.random() ** 2)
            process = start(project, drawn.command, death_at(at, count, places) if victim == POINT else None)
        if victim == POINT:
            ended(process)
            hits[victim] += count.exists() and count.stat().st_size >= at
        else:
            after_s = night.took_s[drawn.command] * dice.random() ** 2
            hits[victim] += _kill_then(victim, process, after_s, dice, night.mlflow)
            if victim in ENDING:
                process.code(10)  # an interrupted one may take longer
        kept |= {cell: stamp for cell, stamp in times_of(project / "lake").items() if cell not in kept}
    assert process is not None
    return process, hits


def _kill_then(victim: str, process: Command, after_s: float, dice: random.Random, mlflow: MlflowServer) -> bool:
    """Kill the victim at its moment, or as soon as there is one."""
    process.code(after_s)
    while process.code() is None:
        if mlflow.kill() if victim == "mlflow" else kill(victim, process, dice):
            return True
        time.sleep(0.02)
    return False


def measure(given: argparse.Namespace) -> Report:
    """So many rounds, or for so long: commands and engines in turn, victims and moments by the seed."""
    library = compiled(given.folder) if set(given.victims) & {POINT, "eio", "full", "clock"} else None
    folder = given.folder / f"night-{time.time_ns()}"
    with _warm_commands.loaded_before(library):
        night = undisturbed(folder, given.films, given.commands)
    dice, rounds, began = random.Random(given.seed), list[Killed](), time.monotonic()
    try:
        until = began + 60 * (given.minutes or float("inf"))
        for number in itertools.count() if given.minutes else range(given.rounds):
            if time.monotonic() > until:
                break
            rounds.append(a_round(night, _drawn(given, number, dice, until)))
            say(f"round {number + 1}: {rounds[-1]}")
    finally:
        night.mlflow.stop()
        end_server(night.project)
    broken = [f"{k.command} on {k.engine}, {dict(k.hits)}: {'; '.join(k.broken)}" for k in rounds if k.broken]
    kills = Counter[str]()
    for each in rounds:
        kills.update({f"{victim} in {each.command} on {each.engine}": hits for victim, hits in each.hits.items()})
    deaths = sum(hits for each in rounds for victim, hits in each.hits.items() if victim not in FAULTS)
    figures = [
        Figure("rounds", [len(rounds)]),
        Figure("rounds with a broken promise", [len(broken)], at_most=0),
        Figure("kills that hit", [deaths]),
        Figure("kills a minute", [60 * deaths / (time.monotonic() - began)]),
        Figure("rounds under a fault", [sum(any(k.hits[fault] for fault in FAULTS) for k in rounds)]),
        Figure("further commands, at most", [max(k.further for k in rounds)], at_most=2),
    ]
    return Report("chaos", figures, [f"{name}: {count}" for name, count in sorted(kills.items())] + broken)


def _drawn(given: argparse.Namespace, number: int, dice: random.Random, until: float) -> Drawn:
    """A round: a fault for itself, or as many deaths as a storm has."""
    command = given.commands[number % len(given.commands)]
    engine = dice.choice(given.engines) if command in PLACED else "local"
    known = [victim for victim in given.victims if command == "run" or victim in EVERYWHERE] or ["driver"]
    known += 2 * [POINT] if POINT in known and command != "run" else []  # the moments at which most is at stake
    first = dice.choice(known)
    mortal = [victim for victim in known if victim not in FAULTS]
    more = [dice.choice(mortal) for _ in range(given.storm - 1)] if first not in FAULTS else []
    return Drawn(number, command, engine, (first, *more), given.seed, until)


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
