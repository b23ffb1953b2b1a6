"""What a catalogue run did, as numbers for people and machines, and its record in MLflow."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cinelake.plan.build import Planning
from cinelake.run.cells import StepReport
from cinelake.run.step import outcome_of
from cinelake.storage.content import digest
from cinelake.tracking.runs import DatasetNote, RunRecord

SHOWN_FILMS = 10_000


@dataclass
class RunSummary:
    """What a run did. `failures` are the new ones; `known` counts cells that were already known to be bad.

    `rekeyed` counts cells that stay as they are under a new key, as what they are made from came out the same.

    `blocked_why`: why cells are blocked, the reason of most first, and how many.
    `stopped_by`: why an interrupted run was stopped. `worker_deaths`, `retries`: each as its event has it.
    warnings: of the catalogue. read_otherwise: films that are read otherwise than when other tables of them were made,
    which the next run makes anew. files_skipped: why files of its place are no films, and how many.
    """

    films: int = 0
    made: Counter[str] = field(default_factory=Counter)
    rekeyed: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    skipped: int = 0
    fresh: int = 0
    known: int = 0
    blocked: int = 0
    blocked_why: dict[str, int] = field(default_factory=dict)
    orphans: int = 0
    film_s: float = 0.0
    wall_s: float = 0.0
    work_s: float = 0.0
    frames_decoded: int = 0
    mlflow: str = ""
    measured: int = 0
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    interrupted: bool = False
    warnings: list[str] = field(default_factory=list)
    files_skipped: dict[str, int] = field(default_factory=dict)
    stopped_by: str = ""
    read_otherwise: int = 0
    worker_deaths: list[dict[str, Any]] = field(default_factory=list)
    retries: list[dict[str, Any]] = field(default_factory=list)

    def stop(self, why: BaseException) -> None:
        """Note that the run was stopped; a `KeyboardInterrupt` without words is Ctrl-C."""
        self.interrupted, self.stopped_by = True, str(why) or "Ctrl-C"

    @property
    def times_real(self) -> float:
        """Seconds of film per second of work (start of servers not counted)."""
        return self.film_s / self.work_s if self.work_s else 0.0

    def exit_code(self, *, strict: bool = False) -> int:
        """0 done; 1 new failures, or with `strict` any; 130 interrupted."""
        if self.interrupted:
            return 130
        return int(bool(self.failures) or (strict and bool(self.known)))

    def to_json(self) -> dict[str, Any]:
        """The summary as plain data."""
        return {**asdict(self), "made": dict(self.made), "rekeyed": dict(self.rekeyed),
                "cells_made": sum(self.made.values()), "cells_rekeyed": sum(self.rekeyed.values()),
                "times_real": round(self.times_real, 2)}  # fmt: skip


def start_summary(planning: Planning) -> RunSummary:
    """The summary of a run that has not made anything yet: what its plan counts."""
    counts = planning.plan.counts()
    return RunSummary(
        films=len(planning.catalogue.films),
        fresh=counts["fresh"],
        known=counts["failed"],
        blocked=counts["blocked"],
        blocked_why=dict(Counter(c.reason for c in planning.plan.cells if c.state == "blocked").most_common()),
        orphans=len(planning.plan.orphans),
        warnings=list(planning.catalogue.warnings),
        files_skipped=planning.catalogue.skipped_counts(),
    )


def recount(planning: Planning, summary: RunSummary) -> None:
    """Count what became of the plan's cells by what the lake has: a run that is stopped lacks its last reports."""
    lake, stale = planning.lake, planning.plan.stale
    outcomes = [(c.table, outcome_of(lake.footer(c.table, c.movie_id), c.key, c.rule)) for c in stale]
    summary.made = Counter(table for table, outcome in outcomes if outcome == "made")
    summary.rekeyed = Counter(table for table, outcome in outcomes if outcome == "rekeyed")


def count_film(planning: Planning, summary: RunSummary, report: StepReport) -> None:
    """Add what became of a film's cells."""
    summary.film_s += report.film_s
    summary.frames_decoded += report.frames_decoded
    summary.read_otherwise += report.read_otherwise and planning.has_older_tables(report.movie_id)
    for cell in report.cells:
        if cell.outcome == "made":
            summary.made[cell.table] += 1
        elif cell.outcome == "rekeyed":
            summary.rekeyed[cell.table] += 1
        elif cell.outcome == "failed":
            summary.failures.append(failure_row(report.movie_id, cell.table, cell.reason, cell.message))
        else:
            summary.skipped += 1


def failure_row(movie_id: str, table: str, reason: str, message: str) -> dict[str, str]:
    """One of `RunSummary.failures`."""
    return {"movie_id": movie_id, "task": table, "reason": reason, "message": message}


@dataclass(frozen=True)
class GroupedFailure:
    """One thing that went wrong with a film, and the tables that it cost."""

    movie_id: str
    tables: tuple[str, ...]
    reason: str
    message: str


def group_failures(rows: Iterable[tuple[str, str, str, str]]) -> list[GroupedFailure]:
    """Failures that say the same of a film as one. rows: movie_id, table, reason, message; in the order of the rows."""
    tables: dict[tuple[str, str, str], list[str]] = {}
    for movie_id, table, reason, message in rows:
        tables.setdefault((movie_id, reason, message), []).append(table)
    return [GroupedFailure(m, tuple(named), reason, message) for (m, reason, message), named in tables.items()]


def start_record(planning: Planning) -> RunRecord | None:
    """The run's record in MLflow with its manifest and plan; None where tracking is switched off."""
    tracking = planning.manifest.tracking
    if not tracking.enabled:
        return None
    counts = planning.plan.counts()
    plan = [
        {"movie_id": c.movie_id, "task": c.table, "state": c.state, "reason": c.reason} for c in planning.plan.stale
    ]
    return RunRecord(
        tracking=tracking,
        name=time.strftime("catalogue %Y-%m-%d %H:%M:%S"),
        texts={"pipeline.yaml": planning.manifest.text, "plan.json": json.dumps({"cells": plan}, indent=1)},
        params={
            "manifest_digest": planning.manifest.digest,
            "engine": planning.manifest.engine.kind,
            "selection": planning.plan.selection or "everything",
            "films": str(len(planning.catalogue.films)),
            **{f"cells_{state}": str(count) for state, count in counts.items()},
        },
        note=f"To make: {_by_table(Counter(cell.table for cell in planning.plan.stale))}.",
        films=_films_of(planning),
    ).start()


def _films_of(planning: Planning) -> DatasetNote:
    """The films that the run makes something of, identified by their contents."""
    prints = {movie_id: planning.whole.fingerprints[movie_id] for movie_id in sorted(planning.plan.by_film())}
    profile = {"films": len(prints), "num_rows": len(prints), "movie_ids": list(prints)[:SHOWN_FILMS]}
    return DatasetNote("films", digest(prints), "catalogue", str(planning.manifest.path), profile)


def _by_table(cells: Mapping[str, int]) -> str:
    return " · ".join(f"{table} {count}" for table, count in cells.items()) or "nothing"


def finish_record(record: RunRecord, summary: RunSummary, clean: bool) -> str:
    """End the record with the summary's counts and failures; returns what `RunRecord.finish` does."""
    metrics = {
        "cells_made": sum(summary.made.values()),
        "cells_failed": len(summary.failures),
        "cells_skipped": summary.skipped,
        "film_s": summary.film_s,
        "work_s": summary.work_s,
        "times_real": summary.times_real,
        "frames_decoded": summary.frames_decoded,
        "worker_deaths": len(summary.worker_deaths),
        "retries": len(summary.retries),
        **{f"made_{table}": count for table, count in summary.made.items()},
    }
    status = "FINISHED" if clean else "KILLED" if summary.interrupted else "FAILED"
    note = f"Made {sum(summary.made.values())} cells ({_by_table(summary.made)}), {len(summary.failures)} failed"
    note += f", {summary.skipped} skipped; {summary.film_s:.0f} s of film in {summary.work_s:.0f} s."
    texts = {"summary.json": json.dumps(summary.to_json(), indent=1)}
    return record.finish(status, metrics, summary.failures, texts, note, in_haste=summary.interrupted)
