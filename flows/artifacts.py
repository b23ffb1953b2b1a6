"""What a flow run shows in Prefect's UI: its plan, its progress, its failures, and where to look further.

Artifacts are for people to look at: where the server refuses one, the run continues without it.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from cinelake.manifest.document import Manifest
from cinelake.plan.build import Planning
from cinelake.run.cells import StepReport
from cinelake.tracking.addresses import shown
from flows.server_record import read_up, state_folder

UPDATE_EVERY_S = 5.0
SHOWN_FAILURES = 500


@contextlib.contextmanager
def refusals_ignored() -> Iterator[None]:
    """Continue without an artifact that the server refuses or cannot take."""
    with contextlib.suppress(httpx.HTTPError, PrefectException):
        yield


class ProgressArtifact:
    """The progress bar of a catalogue run, by cells, and its failures."""

    def __init__(self, planning: Planning):
        self._total = len(planning.plan.stale)
        self._done = 0
        self._failures: list[dict[str, str]] = []
        self._updated = time.monotonic()
        self._artifact: Any = None
        show_plan(planning)
        with refusals_ignored():
            words = f"{self._total} cells of {len(planning.plan.by_film())} films"
            self._artifact = create_progress_artifact(0.0, key="cinelake-progress", description=words)

    def on_report(self, report: StepReport) -> None:
        """Count a film that has ended."""
        self._done += len(report.cells)
        self._failures += [
            {"film": report.movie_id, "task": cell.table, "reason": cell.reason, "message": cell.message}
            for cell in report.failed()
        ]
        if time.monotonic() - self._updated > UPDATE_EVERY_S:
            self._update()

    def end(self) -> None:
        """Show the final progress, and what failed."""
        self._update()
        if self._failures:
            with refusals_ignored():
                words = f"{len(self._failures)} cells failed; `cinelake status` lists all that are known"
                create_table_artifact(self._failures[:SHOWN_FAILURES], key="cinelake-failures", description=words)

    def _update(self) -> None:
        self._updated = time.monotonic()
        if self._artifact is not None:
            with refusals_ignored():
                update_progress_artifact(self._artifact, 100.0 * self._done / max(self._total, 1))


def show_plan(planning: Planning) -> None:
    """Show the plan as a table: how many cells of each table, in which state, and why."""
    counts = Counter((cell.table, cell.state, cell.reason) for cell in planning.plan.cells if cell.state != "fresh")
    rows = [
        {"table": table, "state": state, "why": reason, "films": films}
        for (table, state, reason), films in counts.items()
    ]
    words = ", ".join(f"{count} {state}" for state, count in planning.plan.counts().items())
    with refusals_ignored():
        create_table_artifact(rows or [{"table": "all", "state": "fresh"}], key="cinelake-plan", description=words)


def show_end(manifest: Manifest, facts: Mapping[str, Any], mlflow_page: str, failures: Sequence[str] = ()) -> None:
    """Show the outcome of a run in words, with links to its record in MLflow and to reports."""
    lines = [f"- {name}: {value}" for name, value in facts.items() if value not in ("", None, [], {})]
    up = read_up(state_folder(manifest.folder)).get("mlflow", "")
    uri = shown(manifest.tracking.uri)
    server = uri if uri.startswith("http") else up
    record = f"[{mlflow_page}]({server}/#/{mlflow_page})" if server else f"`{mlflow_page}` in {uri}"
    lines += [f"- MLflow: {record}"] if mlflow_page else []
    lines += [f"- lake: `{manifest.lake.uri}`", f"- report: `{manifest.folder / 'report'}`"]
    lines += [f"- failed: {failure}" for failure in failures]
    with refusals_ignored():
        create_markdown_artifact("\n".join(lines), key="cinelake-summary", description="What the run did")
