"""Processes that run jobs, on the machine where they are started: the local engine's, and those of a cluster's worker.

A job past its deadline is killed with everything it started; a process that dies costs the job it worked on, none if
it idled, and is replaced. Models are loaded once per process and kept. The machine's GPUs are divided among them.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future, TimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any

from cinelake.engines.job import Job, Result
from cinelake.engines.observing import WorkerWatch, event_writer
from cinelake.errors import DecodeTimeout, EngineStopped, EngineUnavailable, FilmError, WorkerLost
from cinelake.events import Deadline, Event, LengthProbed, WorkerDied
from cinelake.storage.interrupts import interrupts_held
from cinelake.storage.processes import OPENCV_THREADS, THREADS, die_with, in_lasting_thread, why_died
from cinelake.storage.slots import VARIABLE, slot_held, slots_folder

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from pebble import ProcessPool

GRACE_S = 30.0
"""How much longer than its deadline a step may take before the kernel kills its process (SIGALRM)."""
STOP_NOTICED_S = 0.5
STEPS_PER_PROCESS = 1000
"""A process is replaced after this many steps, so that a library's leak stays bounded."""
MAX_BROKEN_IN_A_ROW = 5
"""So many pools that break, and no job ended in between: where no process can live, the run ends."""
GOES_FIRST = 500
"""Of -1000 (never) to 1000 (first): how soon the system kills a process when memory is short."""


class StepProcesses:
    """A pool of processes. Use `stop` at the end.

    events: the named pipe for progress. devices: the GPUs that they see, as CUDA names them; by default those that this
    process sees. spare: how many processors there are beyond them, which are lent to them: a single film has all.
    threads: of one inference in each, unless `CINELAKE_THREADS` says it.

    pebble gives up a pool when a process dies while none of them works (an initializer that fails would end so), or
    when one cannot be started. Processes that idle are the first that the system kills where memory is short: the pool
    is made anew then, and jobs that it had not begun are placed again.
    """

    def __init__(self, count: int, events: str, devices: str | None = None, spare: int = 0, threads: int = 1):
        resource_tracker.ensure_running()  # its own start would let Ctrl-C through again (see `_schedule`)
        self._stopped = False
        self._events, self._count, self._devices, self._threads = events, count, devices, threads
        self._ending = contextlib.ExitStack()
        self._slots = self._ending.enter_context(slots_folder(count, spare))
        self._lock = Lock()
        self._broken_in_a_row = 0
        self._pool = self._new_pool()
        self._watch = WorkerWatch(lambda: workers_of(self._pool), self._report_idle_death)

    def _new_pool(self) -> ProcessPool:
        from pebble import ProcessPool

        return ProcessPool(
            max_workers=self._count,
            max_tasks=STEPS_PER_PROCESS,
            initializer=start_worker,
            initargs=(os.getpid(), self._devices, str(self._slots), self._threads),
            context=get_context("spawn"),
        )

    def look(self, movie_id: str, path: str) -> None:
        """Have a film's length reported as an event, asynchronously."""
        with contextlib.suppress(PoolBroke):  # the film's length is only missing in the progress
            self._schedule(_report_length, args=(movie_id, path, self._events))

    def place(self, job: Job[Result]) -> Result:
        """Run a job to its end. Raises `DecodeTimeout`, `WorkerLost`, `EngineUnavailable`, and what the job raises."""
        from pebble import ProcessExpired

        for _ in range(MAX_BROKEN_IN_A_ROW + 1):
            try:
                result: Result = self._result(*self._schedule(_work, args=(job, self._events)))
                return result
            except ProcessExpired as error:
                held_gb = self._watch.lost_at_work(error.pid)
                job.sweep()
                if error.exitcode == -signal.SIGALRM:
                    raise DecodeTimeout(f"{job.what} ran past its deadline and was killed") from error
                words = f"the process of {job.what} died: {why_died(error.exitcode)}"
                raise WorkerLost(words, memory_gb=held_gb) from error
            except PoolBroke as error:
                job.sweep()
                if error.job_had_begun:
                    raise WorkerLost(f"the processes broke while one was at work on {job.what}: {error}") from error
            except CancelledError as error:
                raise EngineStopped(f"the engine was stopped before {job.what} ended") from error
        raise WorkerLost(f"the processes died again and again before one of them began {job.what}")

    def _report_idle_death(self, exitcode: int, memory_gb: float | None) -> None:
        """Tell the driver of a process that died without a job; the death of one at work is told by its job."""
        if not self._stopped:
            event_writer(self._events)(WorkerDied("", why_died(exitcode), memory_gb))

    def _schedule(self, work: Callable[..., Any], args: tuple[Any, ...]) -> tuple[ProcessPool, Future[Any]]:
        """Submit work to the pool; processes that this starts never see Ctrl-C, not even before `start_worker`.

        Nor does Ctrl-C come while one is started: it would read half of what it is told, and complain. Any thread may
        take the signal, so that blocking it here is not enough for that.

        Raises `CancelledError` after `stop`, `PoolBroke`, and `EngineUnavailable` where no process lives long enough.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with interrupts_held(), self._lock:
                if self._stopped:
                    raise CancelledError
                return in_lasting_thread(partial(self._submit, work, args))
        except RuntimeError as error:
            raise PoolBroke(str(error), job_had_begun=False) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _submit(self, work: Callable[..., Any], args: tuple[Any, ...]) -> tuple[ProcessPool, Future[Any]]:
        """Submit work to a pool that lives; a pool starts its processes once it is asked for anything."""
        if not self._pool.active:
            self._renew()
        return self._pool, self._pool.schedule(work, args=args)

    def _renew(self) -> None:
        """End what is left of a pool that broke, and make another."""
        self._broken_in_a_row += 1
        if self._broken_in_a_row >= MAX_BROKEN_IN_A_ROW:
            raise EngineUnavailable(
                f"{MAX_BROKEN_IN_A_ROW} times in a row the engine's processes died before one of them ended a job. "
                "They are killed from outside, most likely for want of memory, or cannot start: see the log above"
            )
        self._watch.expect_end(workers_of(self._pool))
        self._pool.stop()
        self._pool.join()
        self._pool = self._new_pool()

    def _result(self, pool: ProcessPool, future: Future[Any]) -> Any:
        """Wait for a job. Raises `PoolBroke`, and `CancelledError` after `stop`.

        A pool never resolves the futures of jobs that were running when it was stopped, nor of those that it received
        while it broke.
        """
        had_begun = False
        while True:
            try:
                error = future.exception(timeout=STOP_NOTICED_S)
                break
            except TimeoutError:
                if self._stopped:
                    raise CancelledError from None
                if not pool.active:
                    raise PoolBroke("it took no more work", had_begun) from None
                had_begun = future.running()
        if isinstance(error, BrokenProcessPool):
            if self._stopped:
                raise CancelledError from error
            raise PoolBroke(f"{error.__cause__ or error}", had_begun) from error
        self._broken_in_a_row = 0
        return future.result()

    def stop(self, *, now: bool = False) -> None:
        """Let running jobs finish, or kill them now."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        self._watch.stop()
        if now:
            self._pool.stop()
        else:
            self._pool.close()
        self._pool.join()
        self._ending.close()


def workers_of(pool: ProcessPool) -> dict[int, BaseProcess]:
    """The pool's processes by their numbers, those that died a moment ago included.

    pebble has no public name for them; it forgets one that idled when it died without a word.
    """
    return dict(pool._pool_manager.worker_manager.workers)


class PoolBroke(Exception):
    """A pool of processes gave up before a job ended. job_had_begun: whether the job was seen at work."""

    def __init__(self, why: str, job_had_begun: bool):
        super().__init__(why)
        self.job_had_begun = job_had_begun


def start_worker(parent: int, devices: str | None, slots: str, threads: int) -> None:
    """Prepare a worker process: it dies with the driver, leaves Ctrl-C to the driver, and sees these GPUs.

    slots: the folder of the pool's slots. threads: of one inference, and of OpenCV.

    Where the system has no memory left, it is killed before what a run cannot do without: driver, server, scheduler.
    """
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(max(int(score.read_text()), GOES_FIRST)))
    os.environ[VARIABLE] = slots
    for name in (THREADS, OPENCV_THREADS):
        os.environ.setdefault(name, str(threads))
    if devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = devices


def _work(job: Job[Result], events: str) -> Result:
    """Do a job under the kernel's timer, which also ends code that never returns to the interpreter."""
    write = event_writer(events)

    def on_event(event: Event) -> None:
        if isinstance(event, Deadline):
            signal.setitimer(signal.ITIMER_REAL, event.limit_s + GRACE_S)
        else:
            write(event)

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    limit_s = job.limit_s()
    signal.setitimer(signal.ITIMER_REAL, limit_s + GRACE_S if limit_s else 0)
    try:
        with slot_held():
            return job.run(on_event)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _report_length(movie_id: str, path: str, events: str) -> None:
    """Report how long a film is; its errors are reported by its step."""
    from cinelake.media.probe import probe

    with contextlib.suppress(FilmError):
        event_writer(events)(LengthProbed(movie_id, probe(path).duration_s))


class Pools:
    """The processes of one machine or worker, some for processors, and for each GPU those that share it.

    Jobs are placed by the resources that they need. A process of a GPU keeps its models between films, and no other
    process loads them: so many copies are in the GPU's memory as its declared share allows, and no more.
    `events`: the named pipe for progress. films: how many there are to make; no more processes than these are started.
    threads: of one inference in each process, however many of them are started. Use `stop` at the end.
    """

    def __init__(self, processors: int, gpus: Shares, events: str, films: int | None = None, threads: int = 1):
        self._stopped = False
        count = max(1, min(processors, films or processors))
        self._processors = StepProcesses(count, events, spare=max(0, processors - count), threads=threads)
        self._gpus = [StepProcesses(gpus.each, events, devices, threads=threads) for devices in gpus.groups]
        self._free: SimpleQueue[StepProcesses] = SimpleQueue()
        for _ in range(gpus.each):
            for processes in self._gpus:
                self._free.put(processes)

    def look(self, movie_id: str, path: str) -> None:
        """Have a film's length reported as an event, asynchronously."""
        self._processors.look(movie_id, path)

    def place(self, job: Job[Result]) -> Result:
        """Run a job to its end, once a GPU is free if it needs one."""
        if not (job.resources.gpus and self._gpus):
            return self._processors.place(job)
        processes = self._next_gpu(job)
        try:
            return processes.place(job)
        finally:
            self._free.put(processes)

    def _next_gpu(self, job: Job[Result]) -> StepProcesses:
        while not self._stopped:
            try:
                return self._free.get(timeout=STOP_NOTICED_S)
            except Empty:
                continue
        raise EngineStopped(f"the engine was stopped before {job.what} ended")

    def stop(self, *, now: bool = False) -> None:
        """Let running jobs finish, or kill them now."""
        self._stopped = True
        for processes in (self._processors, *self._gpus):
            processes.stop(now=now)


def gpus_here() -> int:
    """How many NVIDIA devices this machine has."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def check_gpus(gpus: float) -> None:
    """Raise `EngineUnavailable` when GPUs are required on a machine without any."""
    if gpus and not gpus_here():
        raise EngineUnavailable(
            f"a task asks for {gpus:g} GPU, and this machine has no NVIDIA device (/dev/nvidia0 is not there). "
            "Set its resources to {gpus: 0} and its device to cpu, or name an engine that has GPUs."
        )


def visible() -> list[str]:
    """The devices that this process may use, as CUDA names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [str(number) for number in range(gpus_here())] if given is None else [d for d in given.split(",") if d]


@dataclass(frozen=True)
class Shares:
    """Who works on which GPU. groups: the devices of each, as CUDA names them, or None; each: processes of a group."""

    groups: tuple[str | None, ...] = ()
    each: int = 0


def shares(gpus: float, requested: Iterable[float], devices: Sequence[str]) -> Shares:
    """Divide `gpus` GPUs among processes; `requested`: how many, or which part of one, each kind of job needs.

    Where the machine has fewer devices than that (its operator declared a resource of this name), no device is named.
    """
    needed = [one for one in requested if one]
    if not needed or not gpus:
        return Shares()
    at_once = math.ceil(max(needed))
    groups = int(gpus) // at_once
    joined = (",".join(devices[at_once * n : at_once * (n + 1)]) for n in range(groups))
    named = tuple(joined) if len(devices) >= gpus else (None,) * groups
    return Shares(named, math.floor(1 / min(needed)) if max(needed) <= 1 else 1)
