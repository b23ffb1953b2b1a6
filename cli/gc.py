"""`cinelake gc`: deletes what the lake keeps of films that left the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.query.views import failed_tasks
from cinelake.spec.names import counted
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.plan import SHOWN_ROWS, listed_films
from cli.screen import out, print_json, table

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake gc", "cinelake gc --yes"))
def gc(
    manifest: ManifestOption = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete; without it only the list is shown.")] = False,
    json: JsonOption = False,
) -> None:
    """Delete the cells of films that left the catalogue (a dry run first)."""
    planning = plan_manifest(load_manifest(manifest))
    lake, index, known = planning.lake, planning.index, listed_films(planning)
    cells = [(name, m) for name in lake.tables() for m in index.cells(name) if m not in known]
    failures = [(name, m) for name in failed_tasks(lake) for m in index.failures(name) if m not in known]
    if yes:
        _check_not_everything(planning, cells)
        for cell in cells:
            lake.delete_cell(*cell)
        for failure in failures:
            lake.forget_failure(*failure)
    if json:
        print_json({"deleted": yes, "cells": _named(cells), "failures": _named(failures)})
        return
    shown = [*cells, *((f"failures/{name}", movie_id) for name, movie_id in failures)]
    if shown:
        table(["table", "film"], shown[:SHOWN_ROWS])
    films = len({movie_id for _, movie_id in shown})
    verb = "deleted" if yes else "would be deleted (`cinelake gc --yes`)"
    what = f"{counted(len(cells), 'cell')} and {counted(len(failures), 'failure')} of {counted(films, 'film')}"
    out.print(f"{what} that left the catalogue {verb}")


def _check_not_everything(planning: Planning, cells: Sequence[tuple[str, str]]) -> None:
    """An empty catalogue is more likely a share that is not mounted than an intention to delete the lake."""
    if cells and not listed_films(planning):
        raise UsageError(
            f"the catalogue names no film, so all {len(cells)} cells of the lake would be deleted. Is the folder of "
            f"films mounted? To start anew, delete {planning.manifest.lake.uri} itself."
        )


def _named(cells: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"table": name, "movie_id": movie_id} for name, movie_id in cells]
