"""`cinelake down`: ends what `cinelake up` and runs keep running for a manifest."""

from __future__ import annotations

import typer

from cinelake.errors import UsageError
from cli.options import HERE, ManifestOption, example
from cli.screen import err, out
from flows.server import end_servers
from flows.server_record import state_folder

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake down"))
def down(manifest: ManifestOption = HERE) -> None:
    """End the Prefect server that runs of this manifest have left, and its `cinelake up`."""
    folder = state_folder(manifest.absolute().parent)  # one that is no longer valid may have servers too
    with err.status("ending what runs; a worker lets its run stop, for some seconds"):
        ended, used = end_servers(folder)
    for what in ended:
        out.print(f"ended {what}", markup=False)
    if used:
        raise UsageError(f"{used}: it ends by itself some time after its last run")
    if not ended:
        out.print(f"nothing runs for {folder.parent}", markup=False)
