"""`cinelake resume`: lets paused runs go on."""

from __future__ import annotations

import typer

from cinelake.lake import control
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cli.options import HERE, ManifestOption, example
from cli.screen import out

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake resume"))
def resume(manifest: ManifestOption = HERE) -> None:
    """Let paused runs go on."""
    is_new = control.resume(Lake(load_manifest(manifest).lake.place))
    out.print("runs on this lake go on" if is_new else "runs on this lake are not paused")
