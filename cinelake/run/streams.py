"""One decode for all stream tasks of a film: binds tasks to the reader of `cinelake.media`.

Tasks that follow one another (`frames` follows `shots`) share one consumer, so that the follower gets rows before the
pictures they belong to; all others are consumers of their own and never wait for each other.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.errors import FilmError, NoSuchStream, StorageError, TaskFailed
from cinelake.events import DecodingMoved
from cinelake.lake.cells import CellWriter
from cinelake.media import ffmpeg
from cinelake.media.batches import Batch
from cinelake.media.probe import probe
from cinelake.media.reader import DecodeReport, Reading, read_film
from cinelake.run.cells import FilmCells, StepCell
from cinelake.run.film_guard import FileStamp, check_as_planned, check_unchanged, stamp_film
from cinelake.run.isolation import as_film_errors
from cinelake.spec.film import Probe
from cinelake.spec.task import Stream, VideoClock, find_task


class StreamCell:
    """One stream task at work on one film."""

    def __init__(self, run: FilmCells, cell: StepCell, scratch: Path):
        self.run, self.cell = run, cell
        self.spec = find_task(cell.task)
        self.worker = self.spec.make(cell.params, run.film)
        self.writer = CellWriter(self.spec.contract, run.film.movie_id, scratch / f"{cell.table}.parquet")
        self.followers: list[StreamCell] = []
        self.guard: Guard = lambda _, act: act()
        self.busy_s = 0.0

    @property
    def stream(self) -> Stream:
        """The stream that the task reads."""
        stream = self.spec.stream(self.cell.params)
        assert stream is not None
        return stream

    def on_batch(self, batch: Batch) -> None:
        """Pass a batch to the task; rows that it emits are written and passed on to its followers."""
        started = time.perf_counter()
        rows = list(self.worker.on_batch(batch) or ())
        self.busy_s += time.perf_counter() - started
        self._emit(rows)

    def on_rows(self, table: str, rows: pa.RecordBatch | None) -> None:
        """Pass rows of a followed table to the task."""
        started = time.perf_counter()
        emitted = list(self.worker.on_rows(table, rows) or ())
        self.busy_s += time.perf_counter() - started
        self._emit(emitted)

    def finish(self, damage: str) -> None:
        """Take the task's last rows; the followers are notified that no more will come. damage: what was lost."""
        started = time.perf_counter()
        if damage and hasattr(self.worker, "on_damage"):
            self.worker.on_damage(damage)
        for batch in self.worker.finish() or ():
            self._emit([batch])
        self.busy_s += time.perf_counter() - started
        self._pass_on(None)

    def _emit(self, rows: Sequence[pa.RecordBatch]) -> None:
        for batch in rows:
            self.writer.write(batch)
            self._pass_on(batch)

    def _pass_on(self, rows: pa.RecordBatch | None) -> None:
        """Pass rows on; what a follower makes of them is no failure of this task."""
        for follower in list(self.followers):
            self.guard(follower, partial(follower.on_rows, self.spec.name, rows))


Guard = Callable[[StreamCell, Callable[[], None]], None]
"""Acts for a task, so that only that task fails when it fails."""


class Group:
    """Stream tasks that must see the same pictures in step; satisfies `cinelake.media.reader.Consumer`."""

    def __init__(self, members: Sequence[StreamCell], stamp: FileStamp, cell_count: int, done: set[str]):
        self.members = list(members)
        self.name = "+".join(member.cell.table for member in members)
        self.streams: Mapping[str, Stream] = {member.cell.table: member.stream for member in members}
        self._stamp, self._cell_count, self._done = stamp, cell_count, done
        self._started = time.perf_counter()
        for member in members:
            member.guard = self._guard

    def on_batches(self, batches: Mapping[str, Batch]) -> None:
        """Feed each member its batch, those that are followed first."""
        for member in list(self.members):
            if member.cell.table in batches:
                self._guard(member, partial(member.on_batch, batches[member.cell.table]))
        if not self.members:
            raise TaskFailed(f"{self.name}: every task of this group has failed")

    def finish(self, report: DecodeReport) -> None:
        """The film was decoded to its end: take the last rows and commit, those that are followed first."""
        for member in list(self.members):
            self._guard(member, partial(self._finish, member, report))

    def _finish(self, member: StreamCell, report: DecodeReport) -> None:
        member.finish(report.damage)
        check_unchanged(member.run.film, self._stamp)
        wall_s = member.busy_s + (time.perf_counter() - self._started - member.busy_s) / self._cell_count
        member.run.commit(member.cell, member.writer, member.worker, wall_s, _decode_facts(report))
        self._done.add(member.cell.table)

    def _guard(self, member: StreamCell, act: Callable[[], None]) -> None:
        """A member that fails leaves the group with its followers; the others go on."""
        if member not in self.members:
            return
        try:
            with as_film_errors(member.cell.table):
                act()
        except FilmError as error:
            self._leave(member)
            member.run.fail(member.cell, error)
            self._skip_followers(member)

    def _skip_followers(self, member: StreamCell) -> None:
        for follower in member.followers:
            if follower in self.members:
                self._leave(follower)
                follower.run.skip(follower.cell, f"needs {member.cell.table}, which failed")
                self._skip_followers(follower)

    def _leave(self, member: StreamCell) -> None:
        self.members.remove(member)
        member.writer.abandon()
        self._done.add(member.cell.table)


def decode_for(run: FilmCells, cells: Sequence[StepCell], scratch: Path, done: set[str]) -> None:
    """Decode the film once for all these cells. Raises `FilmError` for what concerns the whole film.

    `done` collects the tables that have ended, well or not; what is not in it when this raises failed with the film.
    """
    stamp = stamp_film(run.film)
    check_as_planned(run.film)
    about = probe(run.film.path, run.film.choices, max_pixels=run.film.max_pixels)
    run.film = replace(run.film, probe=about)
    limit_s = run.know_length(about.duration_s)
    members = _members(run, cells, scratch, done)
    groups = [Group(group, stamp, len(cells), done) for group in _grouped(members)]
    if not groups:
        return
    with _quiet_collector():
        reading = _read(run, about, groups, limit_s)
    run.report.frames_decoded = reading.frames_decoded
    run.report.decode = _decode_facts(reading)
    for group in groups:
        _settle(run, group, reading.errors.get(group.name), done)


@contextmanager
def _quiet_collector() -> Iterator[None]:
    """What exists already, modules above all, is left out of collections while a film runs."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _read(run: FilmCells, about: Probe, groups: Sequence[Group], limit_s: float) -> Reading:
    return read_film(
        run.film.path,
        about,
        groups,
        deadline_s=limit_s,
        keep_damaged=run.film.keeps_damaged,
        max_pixels=run.film.max_pixels,
        device=run.film.decode_device,
        on_progress=lambda seconds: run.on_event(DecodingMoved(run.film.movie_id, seconds, run.report.film_s)),
    )


def _settle(run: FilmCells, group: Group, error: BaseException | None, done: set[str]) -> None:
    """A consumer that the reader dropped: its remaining cells have failed."""
    if isinstance(error, StorageError):
        raise error
    for member in group.members:
        if member.cell.table not in done:
            typed = error if isinstance(error, FilmError) else TaskFailed(f"{group.name}: {error or 'did not finish'}")
            run.fail(member.cell, typed)
            done.add(member.cell.table)


def _members(run: FilmCells, cells: Sequence[StepCell], scratch: Path, done: set[str]) -> list[StreamCell]:
    """The tasks, made; one that cannot be made fails alone. Followed tables that are fresh are replayed."""
    members: dict[str, StreamCell] = {}
    for cell in cells:
        missing = [entry for entry in cell.inputs.values() if entry in run.not_made]
        if missing:
            run.skip(cell, f"needs {missing[0]}, which failed")
            done.add(cell.table)
            continue
        try:
            with as_film_errors(cell.table):
                _check_streams(run, cell)
                member = StreamCell(run, cell, scratch)
                _follow(run, member, members)
                members[cell.table] = member
        except FilmError as error:
            run.fail(cell, error)
            done.add(cell.table)
    return list(members.values())


def _check_streams(run: FilmCells, cell: StepCell) -> None:
    """Raise `NoSuchStream` where the film's choice finds nothing for what the task looks at or listens to."""
    spec = find_task(cell.task)
    refused = dict(run.film.probe.refused) if run.film.probe else {}
    if spec.kind(cell.params) in refused and not isinstance(spec.stream(cell.params), VideoClock):
        raise NoSuchStream(f"{run.film.uri or run.film.path}: {refused[spec.kind(cell.params)]}")


def _follow(run: FilmCells, member: StreamCell, members: Mapping[str, StreamCell]) -> None:
    for name in member.spec.follows:
        entry = member.cell.inputs[name]
        if entry in members:
            members[entry].followers.append(member)
        else:
            for batch in run.lake.reader(entry, run.film.movie_id).batches():
                member.on_rows(name, batch)
            member.on_rows(name, None)


def _grouped(members: Sequence[StreamCell]) -> list[list[StreamCell]]:
    """Followed tasks with all that follow them, in order; everyone else alone."""
    groups: list[list[StreamCell]] = []
    for member in members:
        homes = [group for group in groups if any(member in other.followers for other in group)]
        together = [other for other in members if any(other in group for group in homes)]
        groups = [group for group in groups if group not in homes]
        groups.append([*together, member])
    return groups


def _decode_facts(report: Any) -> dict[str, Any]:
    return {
        "ffmpeg": ffmpeg.version(),
        "decode": {
            "frames": report.frames_decoded,
            "errors": report.decode_errors,
            "cpu_s": round(report.user_s + report.sys_s, 3),
            **({"device": report.device} if report.device != "cpu" else {}),
            **({"damage": report.damage} if report.damage else {}),
        },
    }
