"""`plan`, `status` and `gc`: what the lake holds and what a run would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cinelake.catalogue.films import duplicates
from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import CATALOGUE, Planning, plan_manifest
from cinelake.plan.forecast.estimate import Estimate, estimate
from cinelake.plan.plan import STATES, Plan
from cinelake.query.views import failed_tasks
from cli.options import Films
from cli.screen import duration, first_line, out, print_json, state, table
from cli.simulating import Simulated, print_simulation, simulation_json
from cli.standing import print_standing_out, standing_out

SHOWN_ROWS = 200
"""How many cells `--why` lists on a screen; `--json` lists all."""


def show_plan(
    manifest: Path,
    films: Films,
    *,
    why: bool = False,
    with_estimate: bool = False,
    simulated: Simulated | None = None,
    as_json: bool = False,
) -> int:
    """Print the plan; gives the exit code."""
    planning = films.planned(load_manifest(manifest))
    predicted = _estimate(planning) if with_estimate else None
    forecast = simulated.forecast(planning) if simulated else None
    if as_json:
        simulation = {"simulation": simulation_json(forecast)} if forecast else {}
        print_json({**_plan_json(planning, predicted), **simulation})
        return 0
    _print_counts(planning.plan)
    if why:
        _print_reasons(planning.plan)
    _print_problems(planning)
    if predicted:
        _print_estimate(predicted)
    if forecast:
        print_simulation(forecast)
    _print_verdict(planning)
    return 0


def _estimate(planning: Planning) -> Estimate:
    import os

    sizes = {film.movie_id: film.look().size for film in planning.catalogue.films}
    workers = planning.manifest.engine.workers or len(os.sched_getaffinity(0))
    return estimate(planning.index, planning.plan.stale, sizes, workers)


def _plan_json(planning: Planning, predicted: Estimate | None) -> dict[str, Any]:
    cells = [
        {"movie_id": cell.movie_id, "task": cell.table, "state": cell.state, "reason": cell.reason}
        for cell in planning.plan.cells
    ]
    result: dict[str, Any] = {
        "cells": cells,
        "counts": planning.plan.counts(),
        "orphans": list(planning.plan.orphans),
        "problems": [vars_of(problem) for problem in planning.catalogue.problems],
    }
    if predicted:
        result["estimate"] = {
            "wall_s": predicted.wall_s,
            "by_table": predicted.by_table,
            "unknown": list(predicted.unknown),
            "workers": predicted.workers,
        }
    return result


def vars_of(problem: Any) -> dict[str, Any]:
    """A catalogue's problem as plain data."""
    return {"movie_id": problem.movie_id, "reason": problem.reason, "message": problem.message}


def _print_counts(plan: Plan) -> None:
    counts: dict[str, Counter[str]] = {planned.name: Counter() for planned in plan.tables}
    for cell in plan.cells:
        counts[cell.table][cell.state] += 1
    rows = [[name, *(found[s] or "" for s in STATES), _reasons(plan, name)] for name, found in counts.items() if found]
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


def _print_problems(planning: Planning) -> None:
    for problem in planning.catalogue.problems:
        out.print(f"! {problem.movie_id}: {problem.message}", style="red", markup=False)
    for same in duplicates(planning.catalogue.films, planning.whole.fingerprints):
        out.print(f"! {same.message}", style="yellow", markup=False)
    if planning.plan.orphans:
        out.print(f"{len(planning.plan.orphans)} films left the catalogue: `cinelake gc` lists their tables")


def _print_estimate(predicted: Estimate) -> None:
    out.print()
    table(["table", "predicted"], [[name, duration(s)] for name, s in predicted.by_table.items()])
    out.print(f"about {duration(predicted.wall_s)} on {predicted.workers} workers, from earlier runs' recorded costs")
    if predicted.unknown:
        out.print(f"no run has recorded a cost yet of: {', '.join(predicted.unknown)}")


def _print_verdict(planning: Planning) -> None:
    stale, films = len(planning.plan.stale), len(planning.plan.by_film())
    if not stale:
        out.print("\nnothing to do: everything that can be made is fresh")
    else:
        out.print(f"\n{stale} cells of {films} films to make: `cinelake run`")


def show_status(manifest: Path, *, strict: bool, as_json: bool) -> int:
    """Print tables, failures, orphans; gives the exit code."""
    planning = plan_manifest(load_manifest(manifest))
    failures, strange = failure_rows(planning), standing_out(planning)
    if as_json:
        about = {"failures": failures, **asdict(strange), "lake": planning.manifest.lake.uri}
        print_json({**_plan_json(planning, None), **about})
    else:
        films = len(planning.catalogue.films)
        out.print(f"lake {planning.manifest.lake.uri} · {films} films in the catalogue", markup=False)
        _print_counts(planning.plan)
        if failures:
            out.print()
            columns = ["film", "task", "reason", "attempt", "message"]
            keys = ["movie_id", "task", "reason", "attempt", "message"]
            table(columns, [[first_line(str(row[key]))[:160] for key in keys] for row in failures[:SHOWN_ROWS]])
        _print_problems(planning)
        print_standing_out(strange)
    return int(strict and bool(failures))


def failure_rows(planning: Planning) -> list[dict[str, Any]]:
    """Every recorded failure of the manifest's tables and of its catalogue; films that left it are left out."""
    tables, known = [CATALOGUE, *(planned.name for planned in planning.whole.tables)], listed(planning)
    return [
        {"movie_id": movie_id, **facts}
        for name in tables
        for movie_id, facts in sorted(planning.index.failures(name).items())
        if movie_id in known
    ]


def listed(planning: Planning) -> set[str]:
    """The ids of all films that the catalogue lists, of those with problems too."""
    return {film.movie_id for film in planning.catalogue.films} | {p.movie_id for p in planning.catalogue.problems}


def collect_orphans(manifest: Path, *, yes: bool, as_json: bool) -> int:
    """List, or with `yes` delete, cells and failures of films that left the catalogue; gives the exit code."""
    planning = plan_manifest(load_manifest(manifest))
    lake, index, known = planning.lake, planning.index, listed(planning)
    cells = [(name, m) for name in lake.tables() for m in index.cells(name) if m not in known]
    failures = [(name, m) for name in failed_tasks(lake) for m in index.failures(name) if m not in known]
    if yes:
        _check_not_everything(planning, cells)
        for cell in cells:
            lake.delete_cell(*cell)
        for failure in failures:
            lake.forget_failure(*failure)
    if as_json:
        print_json({"deleted": yes, "cells": _named(cells), "failures": _named(failures)})
        return 0
    shown = [*cells, *((f"failures/{name}", movie_id) for name, movie_id in failures)]
    if shown:
        table(["table", "film"], shown[:SHOWN_ROWS])
    films = len({movie_id for _, movie_id in shown})
    verb = "deleted" if yes else "would be deleted (`cinelake gc --yes`)"
    out.print(f"{len(cells)} cells and {len(failures)} failures of {films} films that left the catalogue {verb}")
    return 0


def _check_not_everything(planning: Planning, cells: Sequence[tuple[str, str]]) -> None:
    """An empty catalogue is more likely a share that is not mounted than a wish to delete the lake."""
    if cells and not listed(planning):
        raise UsageError(
            f"the catalogue names no film, so all {len(cells)} cells of the lake would be deleted. Is the folder of "
            f"films mounted? To start anew, delete {planning.manifest.lake.uri} itself."
        )


def _named(found: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"table": name, "movie_id": movie_id} for name, movie_id in found]
