"""What is left to do of a film's step whose process died or was killed: it wrote nothing of that itself."""

from __future__ import annotations

from dataclasses import replace

from cinelake.errors import FilmError
from cinelake.lake.cells import Lake
from cinelake.run.cells import CellReport, StepCell, StepReport
from cinelake.run.step import Step
from cinelake.spec.film import stored_keys


def not_yet_made(step: Step) -> Step:
    """The step without the cells that the lake already has (a worker died after committing them)."""
    lake = Lake(step.lake)
    return replace(step, cells=tuple(cell for cell in step.cells if not _is_made(lake, step, cell)))


def _is_made(lake: Lake, step: Step, cell: StepCell) -> bool:
    footer = lake.footer(cell.table, step.film.movie_id)
    return footer is not None and footer.key in stored_keys(cell.key, cell.rule)


def report_lost(step: Step, error: FilmError) -> StepReport:
    """Write the cells that were not made as rows of `failures`; returns the report of them."""
    lake, report = Lake(step.lake), StepReport(step.film.movie_id)
    for cell in not_yet_made(step).cells:
        lake.record_failure(cell.table, step.film.movie_id, cell.key, error)
        report.cells.append(CellReport(cell.table, "failed", error.reason, str(error)))
    return report
