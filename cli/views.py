"""`cinelake views`: the lake's views as SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cinelake.lake.format import open_known
from cinelake.manifest.document import load_manifest
from cinelake.query.views import views_sql
from cli.answers import manifest_contracts, open_sink
from cli.options import HERE, ManifestOption, example

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake views -o views.sql", "duckdb -init views.sql"))
def views(
    manifest: ManifestOption = HERE,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
) -> None:
    """Print the lake's views as SQL, for the plain DuckDB shell."""
    loaded = load_manifest(manifest)
    statements = views_sql(open_known(loaded.lake.place), manifest_contracts(loaded))
    with open_sink(output) as sink:
        sink.write(statements)
