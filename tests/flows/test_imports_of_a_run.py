"""A nightly run makes tables: it loads nothing that trains models, neither in the driver nor in what workers run.

That holds too where a table is made by a champion.
"""

import json
import shutil
import subprocess
import sys
import tarfile

import pytest
from end_to_end._command import ROOT, environment

LEARNING = ("fitting", "session", "tuning", "trial", "ray_search", "split", "evaluation", "gate", "metrics")
MODELS = ("fitting", "scores", "agent", "baselines", "ratings")
KEPT = ROOT / "tests" / "kept" / "first_release.tar.xz"
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
    room, _, name = module.rpartition(".")
    return name in LEARNING if room == "cinelake.learning" else room.startswith("models.") and name in MODELS


def run_in_a_process_of_its_own(folder, prefect):
    """What the script prints of a run of the manifest in a folder."""
    (folder / "night.py").write_text(SCRIPT)
    command = [sys.executable, str(folder / "night.py"), str(folder / "pipeline.yaml")]
    env = {**environment(), **prefect, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_catalogue_run_loads_no_module_of_training(drawn, prefect, tmp_path):
    shutil.copytree(drawn / "films", tmp_path / "films")
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    loaded = run_in_a_process_of_its_own(tmp_path, prefect)
    assert loaded["made"] == 6 and "prefect" not in loaded["driver"] and "tasks.shots" in loaded["worker"]
    assert not [module for module in loaded["driver"] if trains(module)]
    assert not [module for module in loaded["worker"] if trains(module)]


def test_a_run_that_applies_a_champion_loads_no_module_of_training(prefect, tmp_path):
    with tarfile.open(KEPT) as archive:
        archive.extractall(tmp_path, filter="data")
    shutil.rmtree(tmp_path / "lake" / "scenes")
    loaded = run_in_a_process_of_its_own(tmp_path, prefect)
    assert loaded["made"] == 4 and {"models.scenes", "models.scenes.predict"} <= set(loaded["worker"])
    assert not [module for module in loaded["driver"] if trains(module)]
    assert not [module for module in loaded["worker"] if trains(module)]


@pytest.mark.parametrize("room", ["tasks", "models"])
def test_no_task_and_no_model_loads_a_module_of_training_when_it_is_found(room):
    code = f"""
import sys
from cinelake.spec import installed, model, task
for name in installed.names_in("{room}"):
    (task.find_task if "{room}" == "tasks" else model.find_model)(name)
print(*sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert f"{room}.scenes" in found.stdout.split()
    assert not [module for module in found.stdout.split() if trains(module)]
