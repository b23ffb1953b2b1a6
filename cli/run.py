"""`cinelake run`: makes what is stale, shows progress and a summary; after failures the command that resumes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.errors import LakeBusy, transient_reasons
from cinelake.events import RunBegan
from cinelake.lake.cells import Lake
from cinelake.lake.control import refuse, turn
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import Planning
from cinelake.spec.names import counted
from cinelake.storage.interrupts import interrupts_answered
from cli.options import (
    HERE,
    FailedOption,
    FilmSelection,
    FilmsFromOption,
    JsonOption,
    ManifestOption,
    MovieOption,
    SelectOption,
    SinceOption,
    StrictOption,
    example,
    finish,
)
from cli.progress import RunProgress
from cli.screen import duration, err, first_line, out, print_json, table, warn
from cli.terminal import say_stopping
from flows.run_summary import RunSummary, group_failures
from flows.start_catalogue import run_catalogue

app = typer.Typer(add_completion=False)

SHOWN_FAILURES = 12
SHOWN_REASONS = 3


@app.command(
    epilog=example(
        "cinelake run",
        "cinelake run -s faces --movie sintel",
        "cinelake run --failed",
        "cinelake run --since 2026-11-01",
        "cinelake run --no-wait",
    )
)
def run(
    manifest: ManifestOption = HERE,
    select: SelectOption = None,
    movie: MovieOption = None,
    failed: FailedOption = False,
    films_from: FilmsFromOption = None,
    since: SinceOption = None,
    strict: StrictOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="The same as `plan --why`.")] = False,
    log_json: Annotated[Path | None, typer.Option(help="Add every event to this file, as a line of JSON.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve metrics for Prometheus on this port of loopback.", min=0, max=65535)
    ] = None,
    metrics_file: Annotated[Path | None, typer.Option(help="Write metrics for node_exporter to this file.")] = None,
    wait: Annotated[
        bool, typer.Option(help="Wait while another run works on the lake, or end at once with exit code 75.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Make everything that is stale; run it again to resume."""
    films = FilmSelection(select or [], movie or [], films_from, since, failed=failed)
    if dry_run:
        from cli.plan import show_plan

        show_plan(manifest, films, why=True, as_json=json)
        return
    monitoring = {"log_json": log_json, "metrics_port": metrics_port, "metrics_file": metrics_file}
    loaded = watched_by(load_manifest(manifest), monitoring)
    summary = run_in_turn(Lake(loaded.lake.place), lambda: films.planned(loaded), wait=wait, quiet=json)
    if json:
        print_json(summary.to_json())
    else:
        print_summary(summary)
        if summary.interrupted or summary.failures:
            print_resume(summary, ["cinelake", "run", "-m", str(manifest), *films.words()])
    finish(summary.exit_code(strict=strict))


def watched_by(manifest: Manifest, monitoring: Mapping[str, Any]) -> Manifest:
    """The manifest with these settings of its section `monitoring`; None keeps the manifest's.

    Paths are relative to the working folder.
    """
    overrides = {name: value for name, value in monitoring.items() if value is not None}
    absolute = {name: str(value.absolute()) if isinstance(value, Path) else value for name, value in overrides.items()}
    return replace(manifest, monitoring=manifest.monitoring.model_copy(update=absolute))


def run_in_turn(lake: Lake, plan: Callable[[], Planning], *, wait: bool = True, quiet: bool = False) -> RunSummary:
    """Plan and run while no other run works on the lake. A run that finds nothing to make does not wait for another.

    A Ctrl-C while it plans or waits is answered as one while films are made: the summary says so.
    Raises `LakeBusy` where there is something to make, another run is at work and this one is not to wait.
    """
    say = say_stopping("films that are being made are given up, finished tables stay")
    with interrupts_answered(say), ExitStack() as stack:
        try:
            try:
                stack.enter_context(turn(lake, "cinelake run", refuse(lake)))
            except LakeBusy as busy:
                planning = plan()
                if not planning.plan.stale:
                    return run_planned(planning, quiet=quiet)
                if not wait:
                    raise
                warn(f"{busy}. This one begins when it has ended, with what it left (`--no-wait` would end at once)")
                stack.enter_context(turn(lake, "cinelake run", lambda _: None))
            return run_planned(plan(), quiet=quiet)
        except KeyboardInterrupt as stop:
            summary = RunSummary()
            summary.stop(stop)
            return summary


def run_planned(planning: Planning, *, quiet: bool = False) -> RunSummary:
    """Run a plan under a progress display."""
    stale = planning.plan.stale
    if stale and not quiet:
        err.print(f"  {RunBegan(len(planning.plan.by_film()), len(stale)).words()}")
    with RunProgress(planning.plan, quiet=quiet) as progress:
        return run_catalogue(planning, progress.on_event)


def print_summary(summary: RunSummary) -> None:
    """Print the run in a few lines: what was made, what failed, how fast."""
    if not (summary.made or summary.rekeyed) and not summary.failures and not summary.interrupted:
        skipped = sum(summary.files_skipped.values())
        strays = "is no film" if skipped == 1 else "are no films"
        beside = f"; {counted(skipped, 'file')} {strays} (`cinelake status`)" if skipped else ""
        known = f" ({summary.known} known to be bad: `cinelake status`)" if summary.known else ""
        fresh = f"{counted(summary.fresh, 'cell')} {'is' if summary.fresh == 1 else 'are'}"
        out.print(f"nothing to do: {fresh} fresh{known}{beside}")
        _print_blocked(summary)
        return
    head = f"interrupted ({summary.stopped_by})" if summary.interrupted else "done"
    made = sum(summary.made.values())
    cells = counted(made, "cell")
    film = f" · {duration(summary.film_s)} of film · {summary.times_real:.1f} × real time" if summary.film_s else ""
    out.print(f"{head}: {cells} made in {duration(summary.work_s)} (with servers {duration(summary.wall_s)}){film}")
    if made:
        out.print("  " + " · ".join(f"{name} {count}" for name, count in summary.made.items()), style="green")
    if summary.rekeyed:
        same = " · ".join(f"{name} {count}" for name, count in summary.rekeyed.items())
        out.print(f"  not made again, as what they are made from came out the same: {same}")
    rest = [("fresh before", summary.fresh), ("failed", len(summary.failures)), ("waiting on them", summary.skipped)]
    skipped, deaths = sum(summary.files_skipped.values()), len(summary.worker_deaths)
    rest += [("known bad", summary.known), ("blocked", summary.blocked)]
    rest += [("orphaned film" if summary.orphans == 1 else "orphaned films", summary.orphans)]
    rest += [("file that is no film" if skipped == 1 else "files that are no films", skipped)]
    rest += [("workers died" if deaths > 1 else "worker died", deaths), ("tried again", len(summary.retries))]
    shown = " · ".join(f"{count} {what}" for what, count in rest if count)
    if shown:
        out.print("  " + shown)
    _print_blocked(summary)
    if summary.failures:
        failures = group_failures((f["movie_id"], f["task"], f["reason"], f["message"]) for f in summary.failures)
        rows = [[f.movie_id, ", ".join(f.tables), f.reason, first_line(f.message)[:140]] for f in failures]
        table(["film", "tables", "reason", "message"], rows[:SHOWN_FAILURES])
        if len(rows) > SHOWN_FAILURES:
            out.print(f"… and {len(rows) - SHOWN_FAILURES} more: `cinelake status`")
    if summary.mlflow.startswith("not recorded"):
        err.print(f"! MLflow: {summary.mlflow}", style="yellow", markup=False)
    elif summary.mlflow:
        out.print(f"  recorded in MLflow as run {summary.mlflow} (`cinelake up` shows it)")


def _print_blocked(summary: RunSummary) -> None:
    """What blocked cells wait for, in the words of the plan."""
    for why, count in list(summary.blocked_why.items())[:SHOWN_REASONS]:
        out.print(f"  blocked: {why} ({count})", markup=False, soft_wrap=True)


def print_resume(summary: RunSummary, command: Sequence[str]) -> None:
    """Print the command that resumes, for transient failures and for permanent ones."""
    if summary.interrupted:
        out.print(f"to resume: {shlex.join(command)}", markup=False)
        return
    is_transient = {failure["reason"] in transient_reasons() for failure in summary.failures}
    if True in is_transient:
        out.print(f"failures that may pass are tried again by: {shlex.join(command)}", markup=False)
    if False in is_transient:
        again = shlex.join([*command, "--failed"])
        out.print(f"permanent failures wait for another file or parameter; to try now: {again}", markup=False)
