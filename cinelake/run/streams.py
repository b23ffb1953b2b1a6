"""One decode for all stream tasks of a film: binds tasks to the reader of `cinelake.media`.

Tasks that follow one another (`frames` follows `shots`) share one consumer, so that the follower gets rows before the
pictures they belong to; all others are consumers of their own and never wait for each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from cinelake.media.light import check_colours
from cinelake.media.probe import probe
from cinelake.media.reader import DamagedAmongThreads, DecodeReport, Reading, read_film
from cinelake.run.cells import Clocks, FilmCells, Spent, StepCell
from cinelake.run.choosing import rows_of_choice, why_not_chosen
from cinelake.run.isolation import as_film_errors, no_idle_threads, quiet_memory
from cinelake.run.staging import FileStamp, check_as_planned, check_unchanged, stamp_film
from cinelake.spec.film import DecodeThreads, Probe
from cinelake.spec.streams import SOUND
from cinelake.spec.task import Stream, VideoClock, VideoStream, find_task


class StreamCell:
    """One stream task at work on one film."""

    def __init__(self, run: FilmCells, cell: StepCell, scratch: Path):
        self.run, self.cell = run, cell
        self.spec = find_task(cell.task)
        self.worker = self.spec.make(cell.params, run.film)
        self.writer = CellWriter(self.spec.contract, run.film.movie_id, scratch / f"{cell.table}.parquet")
        self.followers: list[StreamCell] = []
        self.guard: Guard = lambda _, act: act()
        self.busy_s = self.busy_cpu_s = 0.0
        self.choice: dict[str, Any] = {}

    @property
    def stream(self) -> Stream:
        """The stream that the task reads."""
        stream = self.spec.stream(self.cell.params)
        assert stream is not None
        return stream

    @property
    def hears(self) -> bool:
        """Whether it is the film's sound that the task reads."""
        return self.spec.kind(self.cell.params) == SOUND

    def on_batch(self, batch: Batch) -> None:
        """Pass a batch to the task; rows that it emits are written and passed on to its followers."""
        with self.at_work():
            rows = list(self.worker.on_batch(batch) or ())
        self.emit(rows)

    def on_rows(self, table: str, rows: pa.RecordBatch | None) -> None:
        """Pass rows of a followed table to the task."""
        with self.at_work():
            emitted = list(self.worker.on_rows(table, rows) or ())
        self.emit(emitted)

    def finish(self, damage: str) -> None:
        """Take the task's last rows; the followers are notified that no more will come. damage: what was lost."""
        with self.at_work():
            if damage and hasattr(self.worker, "on_damage"):
                self.worker.on_damage(damage)
            last = iter(self.worker.finish() or ())
        self.emit(self._timed(last))
        self._pass_on(None)

    def _timed(self, rows: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        while True:
            with self.at_work():
                batch = next(rows, None)
            if batch is None:
                return
            yield batch

    def emit(self, rows: Iterable[pa.RecordBatch]) -> None:
        """Write rows, and pass them on to the followers."""
        for batch in rows:
            with self.at_work():
                self.writer.write(batch)
            self._pass_on(batch)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count what is done meanwhile as this task's: on the clock, and of this thread's processor time."""
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.busy_s += time.perf_counter() - wall_s
            self.busy_cpu_s += time.thread_time() - cpu_s

    def _pass_on(self, rows: pa.RecordBatch | None) -> None:
        """Pass rows on; what a follower makes of them is no failure of this task."""
        for follower in list(self.followers):
            self.guard(follower, partial(follower.on_rows, self.spec.name, rows))


Guard = Callable[[StreamCell, Callable[[], None]], None]
"""Acts for a task, so that only that task fails when it fails."""


class SharedCost:
    """What one decode costs, divided among the cells that it makes.

    A task's own work is its own. What the worker does for all of them, it does for each alike. What ffmpeg takes is the
    pictures' or the sound's, and within these shared alike by all that asked for pictures, or for sound.
    """

    def __init__(self, members: Sequence[StreamCell], clocks: Clocks):
        self._members, self._clocks = list(members), clocks

    def of(self, member: StreamCell, report: DecodeReport) -> Spent:
        """What a cell cost up to now; the decode itself has ended."""
        spent, count = self._clocks.since(children_are_ffmpeg=True), len(self._members)
        common_s = max(0.0, spent.cpu_s - sum(other.busy_cpu_s for other in self._members))
        same = [other for other in self._members if other.hears == member.hears]
        share = report.sound_share if member.hears else 1 - report.sound_share
        return Spent(
            member.busy_s + max(0.0, spent.wall_s - member.busy_s) / count,
            member.busy_cpu_s + common_s / count,
            spent.ffmpeg_cpu_s * (share if len(same) < count else 1.0) / len(same),
        )


class Group:
    """Stream tasks that must see the same pictures in step; satisfies `cinelake.media.reader.Consumer`."""

    def __init__(self, members: Sequence[StreamCell], stamp: FileStamp, cost: SharedCost, done: set[str]):
        self.members = list(members)
        self.name = "+".join(member.cell.table for member in members)
        self.streams: Mapping[str, Stream] = {member.cell.table: member.stream for member in members}
        self._stamp, self._cost, self._done = stamp, cost, done
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
        spent = self._cost.of(member, report)
        facts = _decode_facts(report, member.choice)
        member.run.commit(member.cell, member.writer, member.worker, spent, facts)
        self._done.add(member.cell.table)

    def _guard(self, member: StreamCell, act: Callable[[], None]) -> None:
        """A member that fails leaves the group with its followers; the others go on."""
        if member not in self.members:
            return
        try:
            with as_film_errors(member.cell.table):
                act()
        except FilmError as error:
            if member not in self.members:
                return
            self._leave(member)
            member.run.fail(member.cell, error)
            self._skip_followers(member)

    def give_up(self) -> None:
        """Its tasks are made anew: what a call that is still under way ends with concerns no cell."""
        self.members.clear()

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
    clocks, stamp = Clocks(), stamp_film(run.film)
    check_as_planned(run.film)
    about = probe(run.film.path, run.film.choices, max_pixels=run.film.max_pixels)
    run.film = replace(run.film, probe=about)
    run.report.read_otherwise = about.is_read_otherwise
    limit_s = run.know_length(about.duration_s)
    members = _members(run, cells, scratch, done)
    if any(member.cell.chooses for member in members):
        members = _without_choice(run, members, (stamp, clocks, limit_s), scratch, done)
    try:
        groups, reading = _read(run, about, members, (stamp, clocks, limit_s), done, "checked")
    except DamagedAmongThreads:
        choices = {member.cell.table: member.choice for member in members if member.cell.table not in done}
        apart = scratch / "again"  # a call that is still under way may write into its file
        apart.mkdir()
        members = _members(run, [cell for cell in cells if cell.table in choices], apart, done)
        for member in members:
            member.choice = choices[member.cell.table]
        groups, reading = _read(run, about, members, (stamp, clocks, limit_s), done, "one")
    if reading is None:
        return
    run.report.frames_decoded = reading.frames_decoded
    run.report.decode = _decode_facts(reading)
    for group in groups:
        _settle(run, group, reading.errors.get(group.name), done)


def _without_choice(
    run: FilmCells, members: Sequence[StreamCell], known: tuple[FileStamp, Clocks, float], scratch: Path, done: set[str]
) -> list[StreamCell]:
    """Make a table from pictures that its task chooses, where that can be; returns the cells that need all pictures."""
    why = why_not_chosen(run.film, [member.cell for member in members])
    if not why:
        (member,) = members
        why = _choose(run, member, known, done)
        if not why:
            return []
        member.writer.abandon()
        members = _members(run, [member.cell], scratch, done)
    for member in members:
        member.choice = {"choice": "exact", "why": why} if member.cell.chooses else {}
    return list(members)


def _choose(run: FilmCells, member: StreamCell, known: tuple[FileStamp, Clocks, float], done: set[str]) -> str:
    """Make the table; returns why it cannot be made from a part of the pictures, '' where it was, or has failed."""
    stamp, clocks, limit_s = known
    try:
        with as_film_errors(member.cell.table):
            with quiet_memory(), no_idle_threads(), member.at_work():
                made = rows_of_choice(member.worker, run.film, member.cell, limit_s, _progress(run))
            if isinstance(made, str):
                return made
            rows, report, member.choice = made
            member.emit(rows)
            check_unchanged(run.film, stamp)
            spent = SharedCost([member], clocks).of(member, report)
            run.commit(member.cell, member.writer, member.worker, spent, _decode_facts(report, member.choice))
            run.report.frames_decoded, run.report.decode = report.frames_decoded, _decode_facts(report, member.choice)
    except FilmError as error:
        member.writer.abandon()
        run.fail(member.cell, error)
    done.add(member.cell.table)
    return ""


def _progress(run: FilmCells) -> Callable[[float], None]:
    return lambda seconds: run.on_event(DecodingMoved(run.film.movie_id, seconds, run.report.film_s))


def _read(
    run: FilmCells,
    about: Probe,
    members: Sequence[StreamCell],
    known: tuple[FileStamp, Clocks, float],
    done: set[str],
    threads: DecodeThreads,
) -> tuple[list[Group], Reading | None]:
    """Read the film for these tasks, in their groups; nothing is read where there are none.

    Raises `DamagedAmongThreads` where `threads` are `checked`; the tasks are then to be made anew.
    """
    stamp, clocks, limit_s = known
    cost = SharedCost(members, clocks)
    groups = [Group(group, stamp, cost, done) for group in _grouped(members)]
    if not groups:
        return [], None
    try:
        with quiet_memory(), no_idle_threads():
            reading = read_film(
                run.film.path,
                about,
                groups,
                deadline_s=limit_s,
                keep_damaged=run.film.keeps_damaged,
                max_pixels=run.film.max_pixels,
                device=run.film.decode_device,
                on_progress=_progress(run),
                threads=threads,
            )
    except DamagedAmongThreads:
        for group in groups:
            group.give_up()
        raise
    return groups, reading


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
    """Raise `NoSuchStream` where the film's choice finds nothing for what the task looks at or listens to.

    `ColoursNotShown` where it looks at pictures whose colours would be wrong, unless a person accepts the film.
    """
    spec = find_task(cell.task)
    stream, name = spec.stream(cell.params), run.film.uri or run.film.path
    refused = dict(run.film.probe.refused) if run.film.probe else {}
    if spec.kind(cell.params) in refused and not isinstance(stream, VideoClock):
        raise NoSuchStream(f"{name}: {refused[spec.kind(cell.params)]}")
    video = run.film.probe.video if run.film.probe else None
    if isinstance(stream, VideoStream) and video and not run.film.accepts_colours:
        check_colours(name, video)


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


def _decode_facts(report: Any, choice: Mapping[str, Any] | None = None) -> dict[str, Any]:
    told = {"holes_s": report.hole_s, "sound_holes_s": report.sound_hole_s}
    told |= {"clock_back_s": report.back_s, "pictures_late_s": report.late_s}
    return {
        "ffmpeg": ffmpeg.version(),
        "decode": {
            "frames": report.frames_decoded,
            "errors": report.decode_errors + max(report.damaged_pictures, report.lost_packets if report.hole_s else 0),
            "cpu_s": round(report.user_s + report.sys_s, 3),
            **({"device": report.device} if report.device != "cpu" else {}),
            **{name: round(seconds, 3) for name, seconds in told.items() if seconds},
            **({"damage": report.damage} if report.damage else {}),
            **({"picture_times": report.picture_times} if report.picture_times else {}),
            **(choice or {}),
        },
    }
