"""`cinelake report`: the options; what it does is in `cli.report_work`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import HERE, JsonOption, ManifestOption, example, finish

EPILOG = example("cinelake report", "cinelake report --film sintel -o look", "cinelake report --dry-run --json")


def report(
    film: Annotated[list[str] | None, typer.Option("--film", help="Only this film's page (repeat for more).")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The site's folder; by default `site` beside the manifest.")
    ] = None,
    manifest: ManifestOption = HERE,
    force: Annotated[
        bool, typer.Option("--force", help="Write every page anew, even into a folder that holds something else.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which pages would be written.")] = False,
    json: JsonOption = False,
) -> None:
    """Write a site to look at: a catalogue, and for each film a timeline, keyframes, tables, provenance.

    It needs no server: open index.html in a browser. Run it again after each run: only pages whose tables, states,
    scores or code have changed are written; the pages of films that left the catalogue are removed.
    """
    from cli.report_work import write_report

    finish(write_report(manifest, film or [], out, force=force, dry_run=dry_run, as_json=json))
