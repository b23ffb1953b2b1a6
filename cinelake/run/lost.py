"""What is left to do of a film's step whose process died or was killed: it wrote nothing of that itself."""

from __future__ import annotations

from dataclasses import replace

from cinelake.errors import FilmError
from cinelake.events import Outcome
from cinelake.lake.cells import Footer, Lake
from cinelake.run.cells import REKEYED, CellReport, StepReport, held_inputs, rule_for
from cinelake.run.step import Step
from cinelake.spec.film import rule_of, stored_keys


def not_yet_made(step: Step) -> Step:
    """The step without the cells that the lake already has (a worker died after committing them)."""
    lake, movie_id = Lake(step.lake), step.film.movie_id
    left = (c for c in step.cells if not outcome_of(lake.footer(c.table, movie_id), c.key, c.rule))
    return replace(step, cells=tuple(left))


def outcome_of(footer: Footer | None, key: str, rule: str) -> Outcome | None:
    """How a cell that was stale came to be in the lake by its planned key; None where it is not."""
    if footer is None or footer.key not in stored_keys(key, rule):
        return None
    return "rekeyed" if REKEYED in footer.run else "made"


def report_lost(step: Step, error: FilmError) -> StepReport:
    """Write the cells that were not made as rows of `failures`; returns the report of them."""
    lake, movie_id, report = Lake(step.lake), step.film.movie_id, StepReport(step.film.movie_id)
    left = not_yet_made(step).cells
    made = [footer for cell in step.cells if cell not in left and (footer := lake.footer(cell.table, movie_id))]
    read_otherwise = any(rule_of(footer.key) for footer in made)
    for cell in left:
        rule = cell.rule or rule_for(cell, held_inputs(lake, movie_id, cell), read_otherwise)
        lake.record_failure(cell.table, movie_id, cell.key + rule, error)
        report.cells.append(CellReport(cell.table, "failed", error.reason, str(error)))
    return report
