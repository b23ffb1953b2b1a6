"""How soon the command answers.

Measured: wall time of `cinelake --help`, and of `cinelake plan` on a small lake like the demo's that is all fresh, a
fresh process each time; and which heavy libraries either has imported when it ends.
Target:   help within 0.6 s, the plan within 1.5 s, and neither imports TensorFlow.

The small lake is made by `benchmarks/big_lake.py`; `--manifest demo/pipeline.yaml` takes the demo's own.

    python -m benchmarks.cli_start
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.children import CommandFailed, Cost, cinelake, cost_of, python
from benchmarks.figures import Figure, Report, run

HEAVY = ("tensorflow", "keras", "mlflow", "prefect", "ray", "dask", "insightface", "onnxruntime", "cv2", "scipy", "av")
FILMS = 4
LIMITS = {"cinelake --help": 0.6, "cinelake plan": 1.5}
WATCHED = """
import json, sys
from cli.main import main
sys.argv = ["cinelake", *sys.argv[1:]]
try:
    main()
finally:
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
"""


def measure(given: argparse.Namespace) -> Report:
    """Both commands, in turn."""
    manifest = str(given.manifest.absolute()) if given.manifest else _small_lake(given.folder)
    commands = {"cinelake --help": ["--help"], "cinelake plan": ["plan", "-m", manifest]}
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(given.repeat):
        for name, arguments in commands.items():
            costs[name].append(cost_of(cinelake(*arguments)))
    imported = {name: _imported(arguments) for name, arguments in commands.items()}
    tensorflow = [float("tensorflow" in libraries) for libraries in imported.values()]
    figures = [
        *(Figure(name, [cost.wall_s for cost in costs[name]], "s", at_most=limit) for name, limit in LIMITS.items()),
        *(Figure(f"{name}, processor time", [cost.cpu_s for cost in costs[name]], "s CPU") for name in commands),
        Figure("commands that import TensorFlow", [sum(tensorflow)], at_most=0, at_least=0),
    ]
    heavy = {name: [library for library in HEAVY if library in libraries] for name, libraries in imported.items()}
    sentences = [
        f"{name} imports of the heavy libraries: {', '.join(libraries) or 'none'}" for name, libraries in heavy.items()
    ]
    return Report("cli_start", figures, sentences)


def _small_lake(folder: Path) -> str:
    made = cost_of(python("-m", "benchmarks.big_lake", str(folder / f"lake_{FILMS}"), "--films", str(FILMS)))
    return made.stdout.strip()


def _imported(arguments: list[str]) -> set[str]:
    """The top-level modules that a command has imported when it ends."""
    cost = cost_of(python("-c", WATCHED, *arguments))
    names = cost.stderr.strip().rpartition("\n")[2]
    if not names.startswith("["):
        raise CommandFailed(f"no list of modules in {names!r}")
    return {name.strip('[]" ') for name in names.split(",")}


OPTIONS = (("--manifest", {"type": Path, "help": "a manifest whose plan is measured (default: a small lake is made)"}),)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=9))
