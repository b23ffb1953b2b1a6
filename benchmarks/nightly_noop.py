"""What a night costs in which nothing has changed: a deployed catalogue run over a large lake that is all fresh.

Measured: a deployment of the flow `catalogue`, made by `cinelake deploy`, is started on a running Prefect server as a
schedule would, and carried out by a running worker. From the flow's start to its end, as the server recorded them; and
from the moment it was due, which adds the worker's look (every 10 seconds) and the start of a process that imports
Prefect. Beside it, since other load on the machine lengthens both, the processor time of the same run as a command.
Lake: 10,000 films × 8 tables of a row each (`benchmarks/big_lake.py` says how it is made).
Target:   at most 10 s from the flow's start to its end, and no cell made.

The first time the lake is made, in about a minute; with `--folder` it is kept.

    python -m benchmarks.nightly_noop --folder /tmp/benchmarks
    python -m benchmarks.nightly_noop --films 200 --repeat 1       # a quick look
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.children import cinelake, cost_of, python
from benchmarks.figures import Figure, Report, run, say
from flows.server import free_port, start_prefect, worker_command, worker_environment

SETTLED_S = 2.5
"""Files younger than two seconds are read again by the next plan; so the first one waits."""
NIGHT = """\
schedules:
  nightly: {flow: catalogue, cron: "0 2 * * *", timezone: Europe/Berlin}
deploy: {project: noop}
tracking: {enabled: false}
"""


def measure(given: argparse.Namespace) -> Report:
    """Deploy, and let it be due once to warm up and then `--repeat` times."""
    folder = given.folder / f"lake_{given.films}"
    say(f"looking after a lake of {given.films:,} films in {folder}")
    lake = cost_of(python("-m", "benchmarks.big_lake", str(folder), "--films", str(given.films)))
    manifest = folder / "night.yaml"
    manifest.write_text(Path(lake.stdout.strip()).read_text() + NIGHT)
    time.sleep(SETTLED_S)
    with _server_and_worker(given.folder):
        runs = [_night(manifest) for _ in range(given.repeat + 1)][1:]
    alone = [cost_of(cinelake("run", "-m", str(manifest))) for _ in range(given.repeat)]
    figures = [
        Figure("from the flow's start to its end", [result["total_s"] for result in runs], "s", at_most=10),
        Figure("from when it was due to its end", [result["due_s"] for result in runs], "s"),
        Figure("processor time of `cinelake run` on the same lake", [cost.cpu_s for cost in alone], "s CPU"),
        Figure("cells made", [result["made"] for result in runs], at_most=0, at_least=0),
    ]
    return Report("nightly_noop", figures, [f"{given.films:,} films × 8 tables of a row each, all fresh"])


@contextmanager
def _server_and_worker(folder: Path) -> Iterator[None]:
    """A Prefect server on loopback, and a worker of the pool `cinelake`."""
    say("starting a Prefect server and a worker")
    server = start_prefect(folder, free_port(), services=True)
    worker = None
    try:
        server.wait()
        os.environ.update(server.environment())
        with (folder / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                worker_command("cinelake"), env=worker_environment(server), stdout=log, stderr=log
            )
        yield
    finally:
        if worker:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)
        server.stop()


def _night(manifest: Path) -> dict[str, Any]:
    """One run of the deployment: seconds since it was due and since it began, cells made."""
    from prefect.deployments import run_deployment

    from cinelake.manifest.document import load_manifest
    from flows.deploy import deploy

    deploy(load_manifest(manifest))
    due = datetime.datetime.now(datetime.UTC)
    ended = run_deployment("catalogue/nightly", timeout=600, poll_interval=1, as_subflow=False)
    if not ended.state.is_completed():
        raise SystemExit(f"the run ended with {ended.state.name}: {ended.state.message}")
    made = re.match(r"(\d+) cells made", ended.state.message or "")
    total_s = (ended.end_time - ended.start_time).total_seconds()
    say(f"  {total_s:.1f} s")
    return {"total_s": total_s, "due_s": (ended.end_time - due).total_seconds(), "made": int(made[1]) if made else -1}


OPTIONS = (("--films", {"type": int, "default": 10_000, "help": "how many films (default: %(default)s)"}),)

if __name__ == "__main__":
    os.environ.pop("CINELAKE_MANIFEST", None)
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
