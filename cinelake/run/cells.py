"""The cells of one film while they are made: what is to be made, what it costs, how it is committed, failed or skipped.

Knows neither the step nor the decoding: `cinelake.run.streams` and `cinelake.run.step` end their cells here.
"""

from __future__ import annotations

import datetime
import resource
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from cinelake.errors import DamagedFilm, FilmError, InputChanged, NothingToKeep
from cinelake.events import CellEnded, Deadline, Event, FilmBegan, OnEvent, Outcome
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.champions import AppliedModel
from cinelake.lake.onnx import device_of
from cinelake.lake.rekeying import differs_in_tables_only, is_made_from
from cinelake.media.sealed import sealed_cpu_s
from cinelake.run.staging import as_listed
from cinelake.spec.film import MIXED_READINGS, READ_RULE, rule_of, stored_keys
from cinelake.spec.installed import RECORDED_VERSIONS, installed_versions
from cinelake.spec.task import Film, Params, Resources, find_task

REKEYED = "rekeyed"
"""The fact of a cell's run that its last writer gave it a new key alone; what makes it has none."""

CHOSEN = "economical"
"""What a cell's run says of its decode (`choice`) where only pictures that the task chose were decoded."""


@dataclass(frozen=True)
class Spent:
    """Seconds that went into something.

    cpu_s: processor time (user and system) of the worker's process, and of processes that it shared its work with.
    ffmpeg_cpu_s: the same of ffmpeg, as far as it worked for this.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0
    ffmpeg_cpu_s: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(*(one + more for one, more in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __sub__(self, other: Spent) -> Spent:
        return Spent(*(one - less for one, less in zip(vars(self).values(), vars(other).values(), strict=True)))

    def facts(self) -> dict[str, float]:
        """As the footer keeps it."""
        return {name: round(seconds, 4) for name, seconds in vars(self).items()}


class Clocks:
    """All three clocks of this process, read when made."""

    def __init__(self) -> None:
        self.wall_s, self.cpu_s = time.perf_counter(), time.process_time() + sealed_cpu_s()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.children_s = used.ru_utime + used.ru_stime

    def since(self, *, children_are_ffmpeg: bool) -> Spent:
        """What was spent since; children that have ended were ffmpeg, or did a part of the worker's own work."""
        now = Clocks()
        children_s = now.children_s - self.children_s
        own_s = now.cpu_s - self.cpu_s
        wall_s = now.wall_s - self.wall_s
        return Spent(wall_s, own_s, children_s) if children_are_ffmpeg else Spent(wall_s, own_s + children_s)


def processor_s(run: Mapping[str, Any]) -> float | None:
    """Processor seconds, ffmpeg's with them, that a footer's run facts have of a cell; None where it has none."""
    return run["cpu_s"] + run.get("ffmpeg_cpu_s", 0.0) if "cpu_s" in run else None


@dataclass(frozen=True)
class StepCell:
    """One cell to make. `inputs`: input name → entry of the manifest; `input_keys`: entry → key it must have.

    rule: ends the key besides, where the plan knows by which rule the film is read. reading: inputs whose keys end with
    it where they were made by that rule. decodes_all: whether all pictures are decoded where the task could choose.
    """

    table: str
    task: str
    params: Params
    key: str
    content_hash: str
    ingredients: dict[str, Any]
    inputs: dict[str, str]
    input_keys: dict[str, str]
    model: AppliedModel | None = None
    resources: Resources = field(default_factory=Resources)
    rule: str = ""
    reading: tuple[str, ...] = ()
    decodes_all: bool = False

    @property
    def chooses(self) -> bool:
        """Whether its task is asked to choose pictures."""
        return not self.decodes_all and find_task(self.task).chooses(self.params)


@dataclass
class CellReport:
    """How one cell ended."""

    table: str
    outcome: Outcome
    reason: str = ""
    message: str = ""
    rows: int = 0
    wall_s: float = 0.0
    processor_s: float = 0.0
    """Processor time of everything that worked for it."""


@dataclass
class StepReport:
    """How a step ended: its cells, and what decoding cost."""

    movie_id: str
    cells: list[CellReport] = field(default_factory=list)
    film_s: float = 0.0
    wall_s: float = 0.0
    frames_decoded: int = 0
    decode: dict[str, Any] = field(default_factory=dict)
    staged_bytes: int = 0
    staged_s: float = 0.0
    read_otherwise: bool = False
    """Whether the film is one that `READ_RULE` concerns; false where it was not decoded."""

    def add(self, more: StepReport) -> None:
        """Take in how a further part of the same step ended."""
        self.cells += more.cells
        self.film_s = self.film_s or more.film_s
        self.wall_s += more.wall_s
        self.frames_decoded += more.frames_decoded
        self.decode = self.decode or more.decode
        self.staged_bytes += more.staged_bytes
        self.staged_s += more.staged_s
        self.read_otherwise |= more.read_otherwise

    def failed(self) -> list[CellReport]:
        """Cells that got a row in `failures`."""
        return [cell for cell in self.cells if cell.outcome == "failed"]

    def lost(self) -> list[str]:
        """Tables that are not there afterwards, so that nothing can be made from them."""
        return [cell.table for cell in self.cells if cell.outcome in ("failed", "skipped")]


@dataclass(frozen=True)
class FilmEnded(Event):
    """A film's step ended, with so many cells failed; only in the driver."""

    kind = "done"
    movie_id: str
    failed: int
    report: StepReport


class FilmCells:
    """The state of a film's cells while they are made.

    `film`: as it is read, which for a staged film is a copy of `listed`. `report`: how the cells ended so far.
    `not_made`: tables whose cell failed or was skipped, here or (`lost`) in an earlier part of the step. `limit_s`: how
    long the step may take with a film of this length, or of unknown length.
    """

    def __init__(
        self, lake: Lake, film: Film, lost: Iterable[str], limit_s: Callable[[float | None], float], on_event: OnEvent
    ):
        self.lake, self.listed, self.film = lake, film, film
        self.on_event = on_event
        self.report = StepReport(film.movie_id)
        self.not_made: set[str] = set(lost)
        self._limit_s = limit_s

    def know_length(self, film_s: float | None) -> float:
        """The film was probed: report, progress and deadline use its length. Returns the new limit in seconds.

        film_s: None where the film states no length; the deadline is then what its size could hold at most.
        """
        self.report.film_s = film_s or 0.0
        limit_s = self._limit_s(film_s)
        self.on_event(Deadline(self.film.movie_id, limit_s))
        self.on_event(FilmBegan(self.film.movie_id, self.report.film_s))
        return limit_s

    def commit(self, cell: StepCell, writer: CellWriter, worker: Any, spent: Spent, facts: Mapping[str, Any]) -> None:
        """Finish and publish a cell, unless one of its inputs changed meanwhile (`InputChanged`)."""
        held = self._held(cell)
        reported = dict(getattr(worker, "facts", {}) or {})
        run = {
            **_run_facts(spent, writer.rows, self.film),
            **facts,
            "device": device_of(reported.get("provider", "")),
            **reported,
        }
        key = cell.key + self._rule(cell, held)
        digests = _contents(cell, held)
        writer.close(Footer(key, cell.content_hash, cell.ingredients, run, input_digests=digests))
        self.lake.commit(writer, cell.table)
        cpu_s = spent.cpu_s + spent.ffmpeg_cpu_s
        made = CellReport(cell.table, "made", rows=writer.rows, wall_s=spent.wall_s, processor_s=cpu_s)
        self.report.cells.append(made)
        self.on_event(CellEnded(self.film.movie_id, cell.table, "made"))

    def _held(self, cell: StepCell) -> dict[str, Footer]:
        """Entry of each input → its footer now. Raises `InputChanged`."""
        held = held_inputs(self.lake, self.film.movie_id, cell)
        for entry in cell.input_keys:
            if entry not in held:
                raise InputChanged(f"{entry} of {self.film.movie_id} changed while {cell.table} was made from it")
        return held

    def _rule(self, cell: StepCell, held: Mapping[str, Footer]) -> str:
        """What the cell's key ends with: as the plan has it, or else as the film, now that it is open, shows."""
        return cell.rule or rule_for(cell, held, bool(self.film.probe and self.film.probe.is_read_otherwise))

    def rekey(self, cell: StepCell) -> bool:
        """Give the cell that the lake has its new key, where it was made from the very inputs that are there now.

        Its data are not touched. Returns whether that was so; if not, the cell is to be made. Raises `InputChanged`.
        """
        present = self.lake.footer(cell.table, self.film.movie_id)
        if present is None or not differs_in_tables_only(present.ingredients, cell.ingredients, cell.inputs):
            return False
        held = self._held(cell)
        if not is_made_from(present, _contents(cell, held)):
            return False
        rule = self._rule(cell, held)
        if _reads_streams(cell) and rule != rule_of(present.key):  # other pictures or sounds went in
            return False
        key = cell.key + rule
        run = {**present.run, REKEYED: {"at": _now(), "key_before": present.key}}
        known = replace(present, key=key, content_hash=cell.content_hash, ingredients=cell.ingredients, run=run)
        try:
            self.lake.rekey(cell.table, self.film.movie_id, known, before=present)
        except ValueError:  # another writer's Parquet, or made again meanwhile: made anew, it is ours
            return False
        self.report.cells.append(CellReport(cell.table, "rekeyed", rows=present.run.get("rows", 0)))
        self.on_event(CellEnded(self.film.movie_id, cell.table, "rekeyed"))
        return True

    def fail(self, cell: StepCell, error: FilmError) -> None:
        """Record a cell's failure as a row."""
        if self.film.keeps_damaged and isinstance(error, DamagedFilm):
            error = NothingToKeep(f"nothing can be kept: {error}", log_tail=error.log_tail)
        error = as_listed(error, self.film, self.listed)
        self.not_made.add(cell.table)
        key = cell.key + self._rule(cell, held_inputs(self.lake, self.film.movie_id, cell))
        self.lake.record_failure(cell.table, self.film.movie_id, key, error)
        self.report.cells.append(CellReport(cell.table, "failed", error.reason, str(error)))
        self.on_event(CellEnded(self.film.movie_id, cell.table, "failed"))

    def skip(self, cell: StepCell, why: str) -> None:
        """Leave a cell out because what it needs was not made."""
        self.not_made.add(cell.table)
        self.report.cells.append(CellReport(cell.table, "skipped", "blocked", why))
        self.on_event(CellEnded(self.film.movie_id, cell.table, "skipped"))


def held_inputs(lake: Lake, movie_id: str, cell: StepCell) -> dict[str, Footer]:
    """Entry of each input that the lake has as the plan wants it → its footer."""
    found = ((entry, key, lake.footer(entry, movie_id)) for entry, key in cell.input_keys.items())
    return {entry: footer for entry, key, footer in found if footer and footer.key in stored_keys(key, rule="")}


def rule_for(cell: StepCell, held: Mapping[str, Footer], read_otherwise: bool) -> str:
    """What a cell's key ends with where the plan did not know the film: `READ_RULE` if that of its inputs does too.

    Streams read by the rule beside inputs of the reading before give `MIXED_READINGS`, for the next plan to see.
    Inputs of a stream that are not held are being made in the same decode. read_otherwise: whether the rule concerns
    the film; what only reads tables goes by these.
    """
    by_rule = [rule_of(held[entry].key) == READ_RULE for entry in cell.reading if entry in held]
    if _reads_streams(cell):
        return "" if not read_otherwise else READ_RULE if all(by_rule) else MIXED_READINGS
    return READ_RULE if by_rule and all(by_rule) else ""


def _run_facts(spent: Spent, rows: int, film: Film) -> dict[str, Any]:
    return {
        "at": _now(),
        **spent.facts(),
        "rows": rows,
        "film_bytes": film.size_bytes,
        "versions": _versions(),
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


@cache
def _versions() -> dict[str, str]:
    return installed_versions(RECORDED_VERSIONS)


def _reads_streams(cell: StepCell) -> bool:
    return bool(find_task(cell.task).kind(cell.params))


def _contents(cell: StepCell, held: Mapping[str, Footer]) -> dict[str, str]:
    """Input name → digest of that table's content; '' where an older release made it."""
    return {name: held[entry].content_digest for name, entry in cell.inputs.items()}
