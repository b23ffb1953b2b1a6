"""The local engine: a pool of processes on this machine.

A step past its deadline is killed with everything it started; a worker that dies costs the step it worked on and is
replaced (pebble's `ProcessPool` does both). Models are loaded once per worker process and kept.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, TimeoutError
from functools import cache
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import DecodeTimeout, EngineUnavailable, FilmError, WorkerLost
from cinelake.step import Event, OnEvent, Step, StepReport, run_step

if TYPE_CHECKING:
    from cinelake.manifest import Manifest

GRACE_S = 30.0
"""How much longer than its deadline a step may take before the kernel kills its process (SIGALRM)."""
STOP_NOTICED_S = 0.5
PROBED_AHEAD = 2000
STEPS_PER_PROCESS = 1000
"""A worker process is replaced after this many steps, so that a library's leak cannot grow for ever."""
PR_SET_PDEATHSIG = 1


def make(manifest: Manifest, on_event: OnEvent) -> LocalEngine:
    """The engine with the manifest's number of workers; by default one per processor."""
    check_gpus(max((entry.resources.gpus for entry in manifest.enabled.values()), default=0.0))
    workers = manifest.engine.workers or len(os.sched_getaffinity(0))
    return LocalEngine(workers, manifest.engine.window or 2 * workers, on_event)


def check_gpus(gpus: float) -> None:
    """Raise `EngineUnavailable` when GPUs are asked for on a machine without any."""
    if gpus and not list(Path("/dev").glob("nvidia[0-9]*")):
        raise EngineUnavailable(
            f"a task asks for {gpus:g} GPU, and this machine has no NVIDIA device (/dev/nvidia0 is not there). "
            "Set its resources to {gpus: 0} and its device to cpu, or name an engine that has GPUs."
        )


class LocalEngine:
    """Places steps on a pool of processes. Use `stop` at the end."""

    def __init__(self, workers: int, window: int, on_event: OnEvent):
        from pebble import ProcessPool

        resource_tracker.ensure_running()  # its own start would let Ctrl-C through again (see `_schedule`)
        self.window = max(window, workers)
        self._stopped = False
        self._events = EventPipe(on_event)
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=STEPS_PER_PROCESS,
            initializer=start_worker,
            initargs=(os.getpid(),),
            context=get_context("spawn"),
        )

    def task_runner(self) -> Any:
        """Threads: each waits for a process of the pool."""
        from prefect.task_runners import ThreadPoolTaskRunner

        return ThreadPoolTaskRunner(max_workers=self.window)

    def warm(self, films: Mapping[str, str]) -> None:
        """Start the workers; they probe the films, so that the progress knows how much there is."""
        for movie_id, path in list(films.items())[:PROBED_AHEAD]:
            self._schedule(_look, args=(movie_id, path, str(self._events.path)))

    def place(self, step: Step) -> StepReport:
        """Run a step in a process of the pool."""
        from pebble import ProcessExpired

        try:
            future = self._schedule(_work, args=(step, str(self._events.path)))
            return self._result(future)
        except ProcessExpired as error:
            if error.exitcode == -signal.SIGALRM:
                raise DecodeTimeout(f"the step of {step.film.movie_id} ran past its deadline and was killed") from error
            raise WorkerLost(f"the process working on {step.film.movie_id} died ({error})") from error
        except (CancelledError, RuntimeError) as error:
            raise EngineUnavailable(f"the engine was stopped before the step of {step.film.movie_id} ended") from error

    def _schedule(self, work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Hand work to the pool; processes that this starts never see Ctrl-C, not even before `start_worker`."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.schedule(work, args=args)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _result(self, future: Any) -> StepReport:
        """Wait for a step; a pool that was stopped never tells those that it was running."""
        while True:
            try:
                report: StepReport = future.result(timeout=STOP_NOTICED_S)
                return report
            except TimeoutError:
                if self._stopped:
                    raise CancelledError from None

    def stop(self, *, now: bool = False) -> None:
        """Let running steps finish, or kill them now."""
        if self._stopped:
            return
        self._stopped = True
        if now:
            self._pool.stop()
        else:
            self._pool.close()
        self._pool.join()
        self._events.close()


class EventPipe:
    """A named pipe from the workers to the driver: one line of JSON an event.

    Lines shorter than PIPE_BUF are written whole or not at all, and no lock is held, so that a killed worker cannot
    block the others; a full pipe drops events, which only progress bars see.
    """

    def __init__(self, on_event: OnEvent):
        self._folder = tempfile.TemporaryDirectory(prefix="cinelake-events-")
        self.path = Path(self._folder.name) / "events"
        os.mkfifo(self.path)
        self._keep_open = os.open(self.path, os.O_RDWR)
        self._thread = threading.Thread(target=self._read, args=(on_event,), daemon=True)
        self._thread.start()

    def _read(self, on_event: OnEvent) -> None:
        with self.path.open() as lines:
            for line in lines:
                event = json.loads(line)
                if event.get("kind") == "closed":
                    return
                on_event(event)

    def close(self) -> None:
        """Stop listening and remove the pipe."""
        os.write(self._keep_open, b'{"kind": "closed"}\n')
        self._thread.join(timeout=5)
        os.close(self._keep_open)
        self._folder.cleanup()


def start_worker(parent: int) -> None:
    """Prepare a worker process: it dies with the driver, leads its own group, and leaves Ctrl-C to the driver."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _work(step: Step, events: str) -> StepReport:
    """Run a step under the kernel's alarm clock, which also ends code that never gives the interpreter back."""
    write = _event_writer(events)

    def on_event(event: Event) -> None:
        if event["kind"] == "film":
            signal.setitimer(signal.ITIMER_REAL, event["limit_s"] + GRACE_S)
        write(event)

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, step.limit_s() + GRACE_S)
    try:
        return run_step(step, on_event)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _look(movie_id: str, path: str, events: str) -> None:
    """Tell how long a film is; what is wrong with it will be said by its step."""
    from cinelake.media.probe import probe

    with contextlib.suppress(FilmError):
        _event_writer(events)({"kind": "length", "movie_id": movie_id, "film_s": probe(path).duration_s})


@cache
def _event_writer(events: str) -> OnEvent:
    try:
        pipe = os.open(events, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return lambda _: None

    def write(event: Event) -> None:
        line = (json.dumps(event) + "\n").encode()
        if len(line) < 4096:
            try:
                os.write(pipe, line)
            except (BlockingIOError, BrokenPipeError):
                return

    return write
