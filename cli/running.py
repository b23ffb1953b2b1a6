"""`run`: makes what is stale, shows progress, ends with a summary and, after failures, the command that resumes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cinelake.errors import transient_reasons
from cinelake.lake.cells import Lake
from cinelake.lake.control import pause, resume
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import Planning
from cli.options import Films
from cli.progress import RunProgress
from cli.screen import duration, err, first_line, out, print_json, table
from flows.run_summary import RunSummary
from flows.start_catalogue import run_catalogue

SHOWN_FAILURES = 12


def run_manifest(
    manifest: Path, films: Films, *, monitoring: Mapping[str, Any], strict: bool = False, as_json: bool = False
) -> int:
    """Run a manifest; gives the exit code. monitoring: settings that go before the manifest's."""
    planning = films.planned(watched_by(load_manifest(manifest), monitoring))
    summary = run_planned(planning, quiet=as_json)
    if as_json:
        print_json(summary.to_json())
    else:
        print_summary(summary)
        if summary.interrupted or summary.failures:
            print_resume(summary, ["cinelake", "run", "-m", str(manifest), *films.words()])
    return summary.exit_code(strict=strict)


def watched_by(manifest: Manifest, monitoring: Mapping[str, Any]) -> Manifest:
    """The manifest with other settings of its section `monitoring`; paths are relative to the working folder."""
    given = {name: value for name, value in monitoring.items() if value is not None}
    settled = {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in given.items()}
    return replace(manifest, monitoring=manifest.monitoring.model_copy(update=settled))


def pause_runs(manifest: Path) -> int:
    """Pause all runs on the manifest's lake; gives the exit code."""
    new = pause(Lake(load_manifest(manifest).lake.place))
    out.print("paused: films that are worked on end, nothing new starts; `cinelake resume` goes on" if new
              else "runs on this lake are paused already: `cinelake resume` goes on")  # fmt: skip
    return 0


def resume_runs(manifest: Path) -> int:
    """Let paused runs go on; gives the exit code."""
    new = resume(Lake(load_manifest(manifest).lake.place))
    out.print("runs on this lake go on" if new else "runs on this lake are not paused")
    return 0


def run_planned(planning: Planning, *, quiet: bool = False) -> RunSummary:
    """Run a plan under a progress display."""
    stale = planning.plan.stale
    if stale and not quiet:
        err.print(f"  {len(stale)} cells of {len(planning.plan.by_film())} films to make")
    with RunProgress(planning.plan, quiet=quiet) as progress:
        return run_catalogue(planning, progress.on_event)


def print_summary(summary: RunSummary) -> None:
    """The run in a few lines: what was made, what failed, how fast."""
    if not summary.made and not summary.failures and not summary.interrupted:
        known = f" ({summary.known} cells known to be bad: `cinelake status`)" if summary.known else ""
        out.print(f"nothing to do: {summary.fresh} cells are fresh{known}")
        return
    head = "interrupted" if summary.interrupted else "done"
    made = sum(summary.made.values())
    speed = f" · {summary.times_real:.1f} × real time" if summary.film_s else ""
    out.print(
        f"{head}: {made} cells made in {duration(summary.work_s)} (with servers {duration(summary.wall_s)}) · "
        f"{duration(summary.film_s)} of film{speed}"
    )
    if made:
        out.print("  " + " · ".join(f"{name} {count}" for name, count in summary.made.items()), style="green")
    rest = [("fresh before", summary.fresh), ("failed", len(summary.failures)), ("waiting on them", summary.skipped)]
    rest += [("known bad", summary.known), ("blocked", summary.blocked), ("orphaned films", summary.orphans)]
    shown = " · ".join(f"{count} {what}" for what, count in rest if count)
    if shown:
        out.print("  " + shown)
    if summary.failures:
        rows = [[f["movie_id"], f["task"], f["reason"], first_line(f["message"])[:140]] for f in summary.failures]
        table(["film", "task", "reason", "message"], rows[:SHOWN_FAILURES])
        if len(rows) > SHOWN_FAILURES:
            out.print(f"… and {len(rows) - SHOWN_FAILURES} more: `cinelake status`")
    if summary.mlflow.startswith("not recorded"):
        err.print(f"! MLflow: {summary.mlflow}", style="yellow", markup=False)
    elif summary.mlflow:
        out.print(f"  recorded in MLflow as run {summary.mlflow} (`cinelake up` shows it)")


def print_resume(summary: RunSummary, command: Sequence[str]) -> None:
    """The command that goes on from here, for what failed in passing and for what will fail again."""
    if summary.interrupted:
        out.print(f"to resume: {shlex.join(command)}", markup=False)
        return
    passing = {failure["reason"] in transient_reasons() for failure in summary.failures}
    if True in passing:
        out.print(f"failures that may pass are tried again by: {shlex.join(command)}", markup=False)
    if False in passing:
        again = shlex.join([*command, "--failed"])
        out.print(f"permanent failures wait for another file or parameter; to try now: {again}", markup=False)
