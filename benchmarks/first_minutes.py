"""What a new user waits for: a clone, its environment, the demo, and the demo again.

Measured: wall time of `git clone` of this checkout's last commit, of making an empty virtual environment (packages are
fetched each time, nothing is kept), of `cinelake demo` as `make demo` starts it, part by part, and of a second
`make demo`; each time in a folder of its own, which is removed.
Target:   clone, environment and demo together within 300 s on two quiet cores; the second demo within 5 s, and it does
nothing.

    python -m benchmarks.first_minutes --times 1
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.children import ROOT, Cost, cost_of
from benchmarks.figures import Figure, Report, run, say

LIMIT_S = 300
AGAIN_LIMIT_S = 5
NOTHING = "nothing to do"


def measure(given: argparse.Namespace) -> Report:
    """The first minutes, so many times."""
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "PREFECT_API_URL"):
        os.environ.pop(name, None)
    walls: dict[str, list[float]] = defaultdict(list)
    idle: list[float] = []
    for number in range(given.repeat):
        folder = given.folder / f"clone_{number}"
        say(f"{number + 1} of {given.repeat}")
        try:
            costs, parts, said = _first_minutes(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        for name, cost in costs.items():
            walls[name].append(cost.wall_s)
        for name, took in parts.items():
            walls[f"  {name}"].append(took)
        walls["processor time of the demo"].append(costs["demo"].cpu_s)
        walls["all of the first"].append(sum(costs[name].wall_s for name in ("clone", "environment", "demo")))
        idle.append(float(NOTHING in said))
    limits = {"all of the first": LIMIT_S, "second demo": AGAIN_LIMIT_S}
    figures = [Figure(name, values, "s", at_most=limits.get(name)) for name, values in walls.items()]
    return Report("first_minutes", [*figures, Figure("second demos that did nothing", [min(idle)], at_least=1)])


def _first_minutes(folder: Path) -> tuple[dict[str, Cost], dict[str, float], str]:
    """Costs of the steps, the demo's own parts in seconds, and what the second demo said."""
    demo = [str(folder / ".venv" / "bin" / "cinelake"), "demo", str(folder / "demo"), "--json"]
    make = ["make", "--silent", "-C", str(folder)]
    costs = {
        "clone": cost_of(["git", "clone", "--quiet", str(ROOT), str(folder)]),
        "environment": cost_of([*make, ".venv/.ready"]),
        "demo": cost_of(demo),
        "second demo": cost_of([*make, "demo"]),
    }
    parts = dict(costs["demo"].answer["seconds"])
    del parts["all"]
    return costs, parts, costs["second demo"].stdout


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
