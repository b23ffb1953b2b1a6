"""`cinelake summary`: the keyframes that tell most of a film, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_film
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import out, print_json, table
from report.film_pictures import summary_files
from report.tables import LakeTables

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake summary sintel_trailer", "cinelake summary sintel_trailer -n 5 -o five"))
def summary(
    movie_id: Annotated[str, typer.Argument(help="The film.", metavar="FILM")],
    count: Annotated[
        int | None, typer.Option("-n", "--count", min=1, max=1000, help="How many; by default as the film is long.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The folder; else FILM_summary here.")] = None,
    manifest: ManifestOption = HERE,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that holds something.")] = False,
    json: JsonOption = False,
) -> None:
    """Choose the few keyframes that tell most of a film, and write them as pictures.

    Chosen by facility location over the shots' embeddings, weighted by length (Lin and Bilmes, 2011); the share says
    how much of the film is most like each. It reads `frames` and `embeddings`.
    """
    folder = output or Path(f"{movie_id}_summary")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise UsageError(f"{folder} is there already: name another with --output, or write into it with --force")
    tables = LakeTables(plan_film(load_manifest(manifest), movie_id)).film(movie_id)
    rows = summary_files(tables, folder, count)
    if json:
        print_json({"movie_id": movie_id, "output": str(folder), "keyframes": rows})
        return
    table(list(rows[0]), [list(row.values()) for row in rows])
    out.print(f"{folder}: {len(rows)} pictures", markup=False, soft_wrap=True)
