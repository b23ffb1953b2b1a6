"""The demo's steps, one after another: draw, extract, import labels, train, infer, report, publish.

Each does only what is not done yet, so that a second demo in the same folder does nothing. Steps are the commands'
own: what the demo does can be typed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cinelake.errors import StorageError
from cinelake.labels.store import label_versions, read_labels
from cinelake.lake.champions import read_champion_record
from cinelake.lake.published import PublishedVersion
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.storage.content import digest, file_digest
from cinelake.storage.interrupts import KILLED
from cinelake.storage.processes import import_path, module_command, start_child
from cli.demo_folder import DemoFolder, DemoRecord
from cli.label_import import import_files
from cli.label_request import ImportRequest
from cli.run import run_in_turn
from cli.screen import duration, err
from flows.lake_versions import publish_planned
from flows.server import prefect_server
from flows.server_record import state_folder

MOST_TRAININGS = 4
"""So many models are trained at the same time at most; each takes about a gigabyte."""
SPARE_MB_PER_FILM = 8
"""Disk that a film needs with all that is made of it."""


@dataclass(frozen=True)
class DemoRequest:
    """What is drawn: so many films of so many seconds. models: only these are trained; None: all of the folder's."""

    films: int
    seed: int
    seconds: float
    models: tuple[str, ...] | None = None


@dataclass
class DemoOutcome:
    """What a demo did. parts: step → seconds. made: table → cells. models: see `DemoRecord`. trained: those of now.

    films: of the catalogue. fresh: cells that are there at the end. exit_code: 1 where a film or a training failed.
    """

    parts: dict[str, float] = field(default_factory=dict)
    drawn: int = 0
    films: tuple[str, ...] = ()
    made: Counter[str] = field(default_factory=Counter)
    fresh: int = 0
    imported: list[str] = field(default_factory=list)
    trained: list[str] = field(default_factory=list)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    pages: int = 0
    published: PublishedVersion | None = None
    published_now: bool = False
    exit_code: int = 0

    @property
    def did_nothing(self) -> bool:
        """Whether everything was there before."""
        return not (
            self.drawn or self.made or self.imported or self.trained or self.pages or self.published_now
            or self.exit_code
        )  # fmt: skip

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part; parts of one name add up."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + time.monotonic() - began


def make_demo(folder: DemoFolder, request: DemoRequest, *, quiet: bool = False) -> DemoOutcome:
    """Do what is not done. A model that the gate refuses, or that cannot be trained, stops nothing but its own tables.

    Raises `StorageError` where a film cannot be drawn, `KeyboardInterrupt` on Ctrl-C (the same call goes on), and what
    runs, imports, the report and the publication raise.
    """
    with ExitStack() as servers:
        return _Demo(folder, request, quiet, servers).make()


@dataclass
class _Demo:
    """The steps of one demo, in order. servers: holds the Prefect server of all its runs, from when one is needed."""

    folder: DemoFolder
    request: DemoRequest
    quiet: bool
    servers: ExitStack
    record: DemoRecord = field(default_factory=DemoRecord)
    done: DemoOutcome = field(default_factory=DemoOutcome)
    wait: Callable[[], None] | None = None
    """Waits until the server answers; None while no server is needed."""

    def make(self) -> DemoOutcome:
        done, self.record = self.done, self.folder.read_record()
        with done.part("drawing"):
            self._draw()
        with done.part("extracting"):
            planning = self._run()
        with done.part("labels"):
            self._import_labels()
        with done.part("training"):
            self._train(planning)
        with done.part("inferring"):
            planning = self._run()
        done.models = {name: self.record.models[name] for name in self._models() if name in self.record.models}
        done.fresh = planning.whole.counts()["fresh"]
        with done.part("report"):
            self._report(planning)
        with done.part("publishing"):
            published = publish_planned(planning)
            done.published, done.published_now = published.version, published.is_new
        return done

    def _models(self) -> list[str]:
        return [name for name in self.folder.labels if self.request.models is None or name in self.request.models]

    def _say(self, text: str) -> None:
        if not self.quiet:
            err.print(f"  {text}", markup=False)

    def _plan(self) -> Planning:
        return plan_manifest(load_manifest(self.folder.manifest))

    def _start_server(self, planning: Planning) -> Callable[[], None]:
        """Let one Prefect server begin to serve all runs and trainings of the demo; returns how to wait for it."""
        if self.wait is None:
            folder, keep_s = state_folder(planning.manifest.folder), planning.manifest.server.keep_s
            self.wait = self.servers.enter_context(prefect_server(folder, keep_s)).wait
        return self.wait

    def _draw(self) -> None:
        """Draw what is missing; the server starts meanwhile."""
        from examples.catalogue import DrawnFilm, draw_catalogue, undrawn_films
        from examples.encode import EncodingFailed

        request, path = self.request, self.folder.path
        (path / "films").mkdir(exist_ok=True)
        if undrawn_films(path, request.films, request.seed, request.seconds):
            check_space(path, request.films)
            self._start_server(self._plan())

        def show(film: DrawnFilm, number: int, of: int) -> None:
            if film.was_drawn and (number == of or number % 8 == 0):
                self._say(f"{number} of {of} films drawn")

        try:
            drawn = draw_catalogue(path, request.films, request.seed, 0, show, processors(), request.seconds)
        except (EncodingFailed, OSError) as error:
            raise StorageError(f"a film could not be drawn into {path / 'films'}: {error}") from error
        self.done.drawn = sum(film.was_drawn for film in drawn)
        if self.wait is not None:
            self.wait()

    def _run(self) -> Planning:
        """Make what is stale; returns the plan after it."""
        planning, done = self._plan(), self.done
        if planning.plan.stale:
            self._start_server(planning)()
            summary = run_in_turn(planning.lake, self._plan, quiet=self.quiet)
            if summary.interrupted:
                raise KeyboardInterrupt
            done.made += summary.made
            done.exit_code = max(done.exit_code, summary.exit_code())
            planning = self._plan()
        done.films = tuple(sorted(planning.films))
        return planning

    def _import_labels(self) -> None:
        """Import the drawn labels of each model, where their file is another than that of the last import."""
        manifest = load_manifest(self.folder.manifest)
        for model in self._models():
            file = self.folder.path / "labels" / f"{self.folder.labels[model]}.csv"
            known = self.record.imported.get(model) == file_digest(file)
            if known and label_versions(Path(manifest.labels), manifest.model(model).labels):
                continue
            request = ImportRequest((file,), model, annotator="drawn")
            rows = sum(
                each.version.rows for each in import_files(self.folder.manifest, request, as_json=False, quiet=True)
            )
            self._say(f"{rows} labels of {model} imported")
            self.record.imported[model] = file_digest(file)
            self.done.imported.append(model)
        self.folder.write_record(self.record)

    def _train(self, planning: Planning) -> None:
        """Train the models whose data are others than those of their last training, some at the same time."""
        keys = {name: training_key(planning, name) for name in self._models()}
        missing = [n for n in keys if self.record.trained.get(n) != keys[n] or not _is_recorded(planning, n)]
        if not missing:
            return
        self._start_server(planning)()
        self._say(f"training {', '.join(missing)}: scored on films that they never see")
        at_once = processors() if self.folder.engine == "local" else 1
        for name, result in train_models(self.folder.manifest, missing, at_once):
            self.record.models[name] = result
            self.record.trained |= {} if "problem" in result else {name: keys[name]}
            self.folder.write_record(self.record)
            self.done.trained.append(name)
            self.done.exit_code = max(self.done.exit_code, int("problem" in result))
            self._say(f"{name}: {_one_line(result)}")

    def _report(self, planning: Planning) -> None:
        from report.site import write_site

        outcome = write_site(planning, self.folder.site)
        self.done.pages = len(outcome.written) + len(outcome.removed)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def check_space(folder: Path, films: int) -> None:
    """Raise `StorageError` where the disk has not room for the films and their tables."""
    free_mb, needed_mb = shutil.disk_usage(folder).free / 1e6, SPARE_MB_PER_FILM * films
    if free_mb < needed_mb:
        raise StorageError(f"{folder} has {free_mb:.0f} MB free; {films} films and their tables need {needed_mb} MB")


def training_key(planning: Planning, model: str) -> str:
    """Changes when the model's code, configuration, labels or input cells do. Raises `CannotTrain` without labels."""
    entry = planning.manifest.model(model)
    labels = read_labels(Path(planning.manifest.labels), entry.labels, entry.spec.labels)
    cells = {
        table: {m: footer.key for m, footer in planning.index.cells(provider).items() if m in planning.films}
        for table, provider in entry.inputs.items()
    }
    return digest([entry.spec.name, entry.spec.version, entry.config.model_dump(mode="json"), labels.key, cells])


def _is_recorded(planning: Planning, name: str) -> bool:
    """Whether the lake knows a version of the model."""
    return bool(read_champion_record(planning.lake, name).versions)


def _one_line(result: Mapping[str, Any]) -> str:
    if "problem" in result:
        return f"not trained: {result['problem']}"
    metric = result["metric"]
    scores = f"{metric} {result['scores'][metric]:.3f}, baseline {result['baseline'][metric]:.3f}"
    return f"{scores}, trained in {duration(result['wall_s'])}"


def train_models(manifest: Path, names: Sequence[str], at_once: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Train each model by a command of its own, as `cinelake train NAME --json`; yields them as they end.

    A result is what the command prints, or `{"problem": its last words}`. Ctrl-C ends the commands too; requested
    again they resume. So do they end when this process is killed.
    """
    running: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(min(at_once, len(names), MOST_TRAININGS)) as pool:
        ended = threading.Event()
        try:
            jobs = {pool.submit(_train_one, manifest, name, running, ended.is_set): name for name in names}
            for job in as_completed(jobs):
                yield jobs[job], job.result()
        except BaseException:
            ended.set()
            for process in running:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
            raise


def _train_one(
    manifest: Path, name: str, running: list[subprocess.Popen[str]], is_over: Callable[[], bool]
) -> dict[str, Any]:
    if is_over():
        return {"problem": "interrupted"}
    command = module_command("cli", "train", name, "-m", str(manifest), "--json")
    pipe = subprocess.PIPE
    process = start_child(
        command,
        env={**os.environ, **import_path()},
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
    running.append(process)
    said, log = process.communicate()
    if process.returncode == 0:
        return dict(json.loads(said))
    if process.returncode in (KILLED, -signal.SIGINT):
        return {"problem": "its training was interrupted: the same command goes on where it was"}
    words = [line for line in log.splitlines() if line.startswith("cinelake: ")] or log.splitlines()[-1:]
    return {"problem": " ".join(words).removeprefix("cinelake: ") or f"its command ended with {process.returncode}"}
