"""What a flow run shows in Prefect's UI: its plan, its progress, its failures, and where to look further.

Artifacts are for people to look at: where the server refuses one, the run continues without it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from cinelake.manifest.document import Manifest
from cinelake.plan.build import Planning
from cinelake.run.cells import StepReport
from cinelake.spec.markdown import as_text
from cinelake.tracking.addresses import shown
from flows.server_record import read_up, state_folder

UPDATE_EVERY_S = 5.0
SHOWN_FAILURES = 500


class Artifacts(Protocol):
    """Where artifacts of a flow run are shown; what is refused there stops nothing."""

    def create(self, kind: str, key: str, data: Any, words: str) -> Any:
        """Show an artifact; returns what `update` takes. kind: `table`, `markdown` or `progress`."""

    def update(self, artifact: Any, data: Any) -> None:
        """Show other data of an artifact."""


class ArtifactsOfThisRun:
    """Artifacts of the flow run that this code runs in, by Prefect's own client."""

    def create(self, kind: str, key: str, data: Any, words: str) -> Any:
        """As `Artifacts` has it."""
        from prefect.runtime import flow_run

        body = {"type": kind, "key": key, "data": data, "description": words, "flow_run_id": flow_run.id}
        made = None
        with refusals_ignored():
            made = self._sent("POST", "/artifacts/", body).json()["id"]
        return made

    def update(self, artifact: Any, data: Any) -> None:
        """As `Artifacts` has it."""
        with refusals_ignored():
            self._sent("PATCH", f"/artifacts/{artifact}", {"data": data})

    def _sent(self, method: Any, path: Any, body: Mapping[str, Any]) -> Any:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            return client.request(method, path, json=body)


@contextlib.contextmanager
def refusals_ignored() -> Iterator[None]:
    """Continue without an artifact that the server refuses or cannot take."""
    import httpx
    from prefect.exceptions import PrefectException

    with contextlib.suppress(httpx.HTTPError, PrefectException):
        yield


class ProgressArtifact:
    """The progress bar of a catalogue run, by cells, and its failures. artifacts: where they are shown."""

    def __init__(self, planning: Planning, artifacts: Artifacts | None = None):
        self._artifacts = artifacts or ArtifactsOfThisRun()
        self._total = len(planning.plan.stale)
        self._done = 0
        self._failures: list[dict[str, str]] = []
        self._updated = time.monotonic()
        self._artifact: Any = None
        show_plan(planning, self._artifacts)
        words = f"{self._total} cells of {len(planning.plan.by_film())} films"
        self._artifact = self._artifacts.create("progress", "cinelake-progress", 0.0, words)

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
            words = f"{len(self._failures)} cells failed; `cinelake status` lists all that are known"
            rows = json.dumps(self._failures[:SHOWN_FAILURES])
            self._artifacts.create("table", "cinelake-failures", rows, words)

    def _update(self) -> None:
        self._updated = time.monotonic()
        if self._artifact is not None:
            self._artifacts.update(self._artifact, 100.0 * self._done / max(self._total, 1))


def show_plan(planning: Planning, artifacts: Artifacts | None = None) -> None:
    """Show the plan as a table: how many cells of each table, in which state, and why."""
    counts = Counter((cell.table, cell.state, cell.reason) for cell in planning.plan.cells if cell.state != "fresh")
    rows = [
        {"table": table, "state": state, "why": reason, "films": films}
        for (table, state, reason), films in counts.items()
    ]
    words = ", ".join(f"{count} {state}" for state, count in planning.plan.counts().items())
    rows = rows or [{"table": "all", "state": "fresh"}]
    (artifacts or ArtifactsOfThisRun()).create("table", "cinelake-plan", json.dumps(rows), words)


def show_end(manifest: Manifest, facts: Mapping[str, Any], mlflow_page: str, failures: Sequence[str] = ()) -> None:
    """Show the outcome of a run in words, with links to its record in MLflow and to reports."""
    lines = [f"- {name}: {as_text(str(value))}" for name, value in facts.items() if value not in ("", None, [], {})]
    up = read_up(state_folder(manifest.folder)).get("mlflow", "")
    uri = shown(manifest.tracking.uri)
    server = uri if uri.startswith("http") else up
    record = f"[{mlflow_page}]({server}/#/{mlflow_page})" if server else f"`{mlflow_page}` in {uri}"
    lines += [f"- MLflow: {record}"] if mlflow_page else []
    lines += [f"- lake: `{manifest.lake.uri}`", f"- report: `{manifest.folder / 'report'}`"]
    lines += [f"- failed: {as_text(failure)}" for failure in failures]
    ArtifactsOfThisRun().create("markdown", "cinelake-summary", "\n".join(lines), "What the run did")
