"""`cinelake plan`: what a run would do, and why."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.catalogue.films import duplicates
from cinelake.catalogue.sidecars import Skipped
from cinelake.errors import UsageError
from cinelake.events import RunBegan
from cinelake.lake.cells import Lake
from cinelake.lake.control import paused_since
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning
from cinelake.plan.forecast.estimate import Estimate
from cinelake.plan.forecast.estimate import estimate as estimate_cost
from cinelake.plan.plan import STATES, Plan
from cinelake.spec.names import counted
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
    example,
)
from cli.screen import duration, out, print_json, state, table
from cli.simulation import Simulation, print_simulation, simulation_json

app = typer.Typer(add_completion=False)

SHOWN_ROWS = 200
"""How many cells `--why` lists on a screen; `--json` lists all."""
SHOWN_FILES = 3
"""How many of the files that are no films are named for each reason; `--json` names all."""
SKIPPED = {
    "companion": "beside a film of their name",
    "no_film": "with a suffix that no film has",
    "unfinished": "unfinished downloads",
    "hidden": "whose name begins with a dot",
    "folder": "folders (`**/*` takes the films in them)",
    "no_file": "pipes or devices",
    "seen_before": "reached a second time through a link",
}
"""Reason → how the number of such files goes on."""
ONE_SKIPPED = {
    "unfinished": "unfinished download",
    "folder": "folder (`**/*` takes the films in it)",
    "no_file": "pipe or device",
}
"""The same where it is one, and that is said otherwise."""
SIMULATE = (
    "Simulate the run on a cluster, from measured costs, as in [cyan]nodes=64,cpus=16,gpus=1[/]. More settings: "
    "decoders (nodes without GPUs, 128x32), store_gbit (of each node), gpu_speedup (over a processor), engine, "
    "driver_ms (per film), window, film_minutes (scales costs), price and decoder_price (per hour), seed."
)


@app.command(
    epilog=example(
        "cinelake plan",
        "cinelake plan --why -s +faces",
        "cinelake plan --estimate",
        "cinelake plan --estimate --simulate nodes=2,cpus=8",
        "cinelake plan --estimate --simulate nodes=64,cpus=16,gpus=1,decoders=128x32,gpu_speedup=20 --films 1000000",
    )
)
def plan(
    manifest: ManifestOption = HERE,
    select: SelectOption = None,
    movie: MovieOption = None,
    failed: FailedOption = False,
    films_from: FilmsFromOption = None,
    since: SinceOption = None,
    why: Annotated[bool, typer.Option("--why", help="List every cell that would run, with its reason.")] = False,
    estimate: Annotated[bool, typer.Option("--estimate", help="Predict the time from earlier runs.")] = False,
    simulate: Annotated[str | None, typer.Option("--simulate", help=SIMULATE, metavar="CLUSTER")] = None,
    films: Annotated[
        int | None,
        typer.Option(
            "--films", help="Simulate so many films like those of the lake (or of --movie), all tables.", min=1
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a run would do, and why; nothing runs."""
    if simulate is None and films is not None:
        raise UsageError("--films is of a simulation: it wants --simulate nodes=…")
    selected = FilmSelection(select or [], movie or [], films_from, since, failed=failed)
    simulation = None if simulate is None else Simulation(simulate, films)
    show_plan(manifest, selected, why=why, with_estimate=estimate, simulation=simulation, as_json=json)


def show_plan(
    manifest: Path,
    films: FilmSelection,
    *,
    why: bool = False,
    with_estimate: bool = False,
    simulation: Simulation | None = None,
    as_json: bool = False,
) -> None:
    """Print the plan of these films."""
    planning = films.planned(load_manifest(manifest))
    predicted = _estimate(planning) if with_estimate else None
    forecast = simulation.forecast(planning) if simulation else None
    if as_json:
        simulated = {"simulation": simulation_json(forecast)} if forecast else {}
        print_json({**plan_json(planning, predicted), **simulated})
        return
    print_counts(planning.plan)
    if why:
        _print_reasons(planning.plan)
    print_problems(planning)
    if predicted:
        _print_estimate(predicted)
    if forecast:
        print_simulation(forecast)
    _print_verdict(planning)


def _estimate(planning: Planning) -> Estimate:
    sizes = {film.movie_id: film.look().size for film in planning.catalogue.films}
    workers = planning.manifest.engine.workers or len(os.sched_getaffinity(0))
    params = {table: planned.recipe.params for table, planned in planning.whole.by_table.items()}
    return estimate_cost(planning.index, planning.plan.stale, sizes, workers, params)


def plan_json(planning: Planning, predicted: Estimate | None = None) -> dict[str, Any]:
    """A plan as plain data, with its estimate where there is one."""
    cells = [
        {
            "movie_id": cell.movie_id,
            "task": cell.table,
            "state": cell.state,
            "reason": cell.reason,
            **({"work": cell.work} if cell.work else {}),
        }
        for cell in planning.plan.cells
    ]
    result: dict[str, Any] = {
        "cells": cells,
        "counts": planning.plan.counts(),
        "orphans": list(planning.plan.orphans),
        "paused_since": paused_since(planning.lake),
        "problems": [
            {"movie_id": problem.movie_id, "reason": problem.reason, "message": problem.message}
            for problem in planning.catalogue.problems
        ],
        "warnings": list(planning.catalogue.warnings),
        "skipped": planning.catalogue.skipped_counts(),
        "skipped_files": [asdict(file) for file in planning.catalogue.skipped if file.reason != "companion"],
    }
    if predicted:
        result["estimate"] = {
            "wall_s": predicted.wall_s,
            "processor_s": predicted.processor_s,
            "may_s": predicted.may_s,
            "by_table": predicted.by_table,
            "unknown": list(predicted.unknown),
            "otherwise": list(predicted.otherwise),
            "workers": predicted.workers,
        }
    return result


def print_counts(plan: Plan) -> None:
    """Each table's cells by state, and why they are stale."""
    counts: dict[str, Counter[str]] = {planned.name: Counter() for planned in plan.tables}
    for cell in plan.cells:
        counts[cell.table][cell.state] += 1
    rows = [
        [name, *(by_state[s] or "" for s in STATES), _reasons(plan, name)]
        for name, by_state in counts.items()
        if by_state
    ]
    table(["table", *STATES, "why"], rows)


def _reasons(plan: Plan, name: str) -> str:
    reasons = Counter(c.reason for c in plan.cells if c.table == name and c.state in ("stale", "blocked"))
    shown = [f"{reason} ({count})" for reason, count in reasons.most_common(3)]
    return ", ".join(shown) + (", …" if len(reasons) > 3 else "")


def _print_reasons(plan: Plan) -> None:
    cells = [cell for cell in plan.cells if cell.state != "fresh"]
    if cells:
        out.print()
        rows = [[cell.movie_id, cell.table, state(cell.state), cell.reason] for cell in cells[:SHOWN_ROWS]]
        table(["film", "table", "state", "reason"], rows)
    if len(cells) > SHOWN_ROWS:
        out.print(f"… and {len(cells) - SHOWN_ROWS} more (`--json` lists all)")


def print_problems(planning: Planning) -> None:
    """What is wrong with the catalogue's films, which films left it, and which files are none."""
    for warning in planning.catalogue.warnings:
        out.print(f"! {warning}", style="yellow", markup=False)
    for problem in planning.catalogue.problems:
        out.print(f"! {problem.movie_id}: {problem.message}", style="red", markup=False)
    for same in duplicates(planning.catalogue.films, planning.whole.fingerprints):
        out.print(f"! {same.message}", style="yellow", markup=False)
    if left := len(planning.plan.orphans):
        out.print(f"{counted(left, 'film')} left the catalogue: `cinelake gc` lists what the lake still has")
    print_skipped(planning.catalogue.skipped)


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """How many files are no films, and why; some of those that belong to no film by name."""
    if not skipped:
        return
    by_reason: dict[str, list[str]] = {}
    for file in skipped:
        by_reason.setdefault(file.reason, []).append(file.uri)
    parts = []
    for reason, uris in sorted(by_reason.items()):
        more = ", …" if len(uris) > SHOWN_FILES else ""
        named = "" if reason == "companion" else ", ".join(uris[:SHOWN_FILES]) + more
        words = ONE_SKIPPED.get(reason) if len(uris) == 1 else None
        parts.append(f"{len(uris)} {words or SKIPPED[reason]}{f' ({named})' if named else ''}")
    head = "1 file is no film" if len(skipped) == 1 else f"{len(skipped)} files are no films"
    out.print(f"{head}: {', '.join(parts)}", markup=False)


def _print_estimate(predicted: Estimate) -> None:
    if not predicted.by_table and not predicted.unknown:
        return
    out.print()
    table(["table", "processor time"], [[name, duration(s)] for name, s in predicted.by_table.items()])
    work, workers = duration(predicted.processor_s), predicted.workers
    out.print(f"about {duration(predicted.wall_s)} on {workers} workers ({work} of work), by earlier runs' costs")
    if predicted.may_s:
        out.print(f"{duration(predicted.may_s)} of it only where what is read comes out otherwise")
    if predicted.unknown:
        out.print(f"no run has recorded a cost yet of: {', '.join(predicted.unknown)}")
    if predicted.otherwise:
        out.print(f"made with other parameters until now, and may cost more or less: {', '.join(predicted.otherwise)}")


def _print_verdict(planning: Planning) -> None:
    stale, films = len(planning.plan.stale), len(planning.plan.by_film())
    if not stale:
        known = planning.plan.counts()["failed"]
        again = f"; {counted(known, 'cell')} known to be bad: `cinelake run --failed` tries again" if known else ""
        out.print(f"\nnothing to do: everything that can be made is fresh{again}")
    else:
        works = Counter(cell.work for cell in planning.plan.stale)
        if works["may"]:
            out.print(f"\n{works['may']} cells are made only where what they read comes out otherwise than before")
        if works["rekey"]:
            out.print(f"\n{works['rekey']} cells get a new key alone: what they read came out as before")
        out.print(f"\n{RunBegan(films, stale).words()}: `cinelake run`")
    print_paused(planning.lake)


def print_paused(lake: Lake) -> None:
    """Say that runs on the lake are paused, if they are."""
    if since := paused_since(lake):
        out.print(f"! runs on this lake are paused since {since}: `cinelake resume` lets them go on", style="yellow")


def listed_films(planning: Planning) -> set[str]:
    """The ids of all films that the catalogue lists, of those with problems too."""
    return {film.movie_id for film in planning.catalogue.films} | {p.movie_id for p in planning.catalogue.problems}
