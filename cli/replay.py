"""`cinelake replay`: makes a cell again and compares it."""

from __future__ import annotations

from typing import Annotated

import typer

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_film
from cinelake.plan.replay import ReplayResult
from cinelake.plan.replay import replay as replay_cell
from cinelake.spec.names import counted
from cli.options import HERE, CellFilm, CellTable, JsonOption, ManifestOption, example, finish
from cli.screen import out, print_json, table

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake replay shots sintel_trailer", "cinelake replay tags sintel_trailer --json"))
def replay(
    table: CellTable,
    movie_id: CellFilm,
    manifest: ManifestOption = HERE,
    tolerance: Annotated[
        float, typer.Option(help="Numbers that differ by at most this count as equal, as on a GPU.", min=0)
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Make a cell again beside the lake and compare: the same to the last bit, or how each column differs."""
    comparison = replay_cell(plan_film(load_manifest(manifest), movie_id), table, movie_id)
    if json:
        print_json(comparison.to_json())
    else:
        _print(comparison, table, movie_id)
    finish(int(not comparison.within(tolerance)))


def _print(comparison: ReplayResult, name: str, movie_id: str) -> None:
    before, now = comparison.rows
    if comparison.identical:
        out.print(f"{name} of {movie_id} came out the same, to the last bit ({counted(before, 'row')})", markup=False)
        return
    out.print(f"{name} of {movie_id} differs: {counted(before, 'row')} in the lake, {now} now", markup=False)
    rows = [[d.column, d.rows, "" if d.largest is None else f"{d.largest:.3g}"] for d in comparison.differences]
    table(["column", "rows that differ", "largest difference"], rows)
