"""`cinelake index`: the index of a table's vectors."""

from __future__ import annotations

import typer

from cinelake.client.lake_client import lake_contracts
from cinelake.lake.format import open_known
from cinelake.manifest.document import load_manifest
from cinelake.search.searcher import index_lake
from cli.options import HERE, JsonOption, ManifestOption, VectorsOption, example
from cli.screen import out, print_json

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake index", "cinelake index --table embeddings_cnn --json"))
def index(table: VectorsOption = "embeddings", manifest: ManifestOption = HERE, json: JsonOption = False) -> None:
    """Make the index of a table's vectors, for lakes of millions of them; again after they changed.

    It lies beside the lake with the keys of what it covers, and is never used for another state of the table.
    """
    lake = open_known(load_manifest(manifest).lake.place)
    made = index_lake(lake, lake_contracts(lake), table)
    facts = {"table": table, "vectors": made.vectors, "films": len(made.films), "cells": made.cells,
             "probes": made.probes, "recall_at_10": made.recall}  # fmt: skip
    if json:
        print_json(facts)
    else:
        out.print(
            f"{made.vectors:,} vectors of {len(made.films)} films in {made.cells:,} cells, of which a search looks "
            f"into {made.probes}: it finds {made.recall:.1%} of the ten nearest"
        )
