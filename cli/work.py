"""`cinelake work`: becomes a worker for deployments."""

from __future__ import annotations

import os
import signal
import sys

import typer

from cinelake.manifest.document import load_manifest
from cli.options import HERE, ManifestOption, example
from cli.screen import out
from flows.server import kept_server, worker_command, worker_environment
from flows.server_record import state_folder

app = typer.Typer(add_completion=False)


@app.command(epilog=example("PREFECT_API_URL=http://prefect:4200/api cinelake work"))
def work(manifest: ManifestOption = HERE) -> None:
    """Run deployments that are due, on this machine, until Ctrl-C (`cinelake up` does it too)."""
    loaded = load_manifest(manifest)
    with kept_server(state_folder(loaded.folder)) as server:
        out.print(f"working for pool {loaded.deploy.work_pool} of {server.url}, until Ctrl-C", markup=False)
        command = worker_command(loaded.deploy.work_pool)
        sys.stdout.flush()
        _hear_interrupts()
        os.execve(command[0], command, worker_environment(server))


def _hear_interrupts() -> None:
    """Let SIGTERM end the worker where a script has started it with `&`, which has it ignore SIGINT.

    Prefect's worker passes SIGTERM on to itself as SIGINT. A group of its own keeps it from its terminal's Ctrl-C, as
    the script wants it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        if os.getpid() != os.getpgrp():
            os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
