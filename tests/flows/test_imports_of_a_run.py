"""A nightly run makes tables: it loads nothing that trains models, neither in the driver nor in what workers run."""

import json
import shutil
import subprocess
import sys

from end_to_end._command import ROOT, environment

TRAINING = ("fitting", "session", "tuning", "trial", "ray_search", "split", "evaluation", "gate")
MANIFEST = """\
lake: lake
catalogue: {films: "films/*"}
engine: {kind: local, workers: 1}
tasks: {films: {}, shots: {}, frames: {fps: 1}}
"""
SCRIPT = """
import json, sys
from pathlib import Path
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step
from flows.start_catalogue import run_catalogue

if __name__ == "__main__":
    planning = plan_manifest(load_manifest(Path(sys.argv[1])))
    summary = run_catalogue(planning, lambda event: None)
    driver = sorted(sys.modules)
    for film in planning.plan.by_film().items():  # what a worker does, in this process
        run_step(planning.step(*film))
    made = sum(summary.made.values())
    print(json.dumps({"made": made, "driver": driver, "worker": sorted(sys.modules)}))
"""


def trains(module):
    """Whether a module is one that only a training needs."""
    learning = module in {f"cinelake.learning.{name}" for name in TRAINING}
    return learning or (module.startswith("models.") and module.rpartition(".")[2] in ("fitting", "training"))


def test_a_catalogue_run_loads_no_module_of_training(drawn, prefect, tmp_path):
    shutil.copytree(drawn / "films", tmp_path / "films")
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    (tmp_path / "night.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "night.py"), str(tmp_path / "pipeline.yaml")]
    env = {**environment(), **prefect, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert loaded["made"] == 6 and "prefect" in loaded["driver"] and "tasks.shots" in loaded["worker"]
    assert not [module for module in loaded["driver"] if trains(module)]
    assert not [module for module in loaded["worker"] if trains(module)]
