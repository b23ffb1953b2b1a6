"""`cinelake pause`: lets no further film of the lake's runs start."""

from __future__ import annotations

import typer

from cinelake.lake import control
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cli.options import HERE, ManifestOption, example
from cli.screen import out

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake pause", "cinelake resume"))
def pause(manifest: ManifestOption = HERE) -> None:
    """Let runs on this lake end the films that they work on and start no others, until `cinelake resume`."""
    is_new = control.pause(Lake(load_manifest(manifest).lake.place))
    out.print("paused: films that are worked on end, nothing new starts; `cinelake resume` goes on" if is_new
              else "runs on this lake are paused already: `cinelake resume` goes on")  # fmt: skip
