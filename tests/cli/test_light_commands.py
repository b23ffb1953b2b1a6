"""Help and planning are quick: they import nothing heavy and start nothing."""

import json
import subprocess
import sys

import pytest
from end_to_end._command import ROOT, environment

from cli.main import COMMANDS

NO_HELP_NEEDS = {"tensorflow", "prefect", "mlflow", "pyarrow", "duckdb"}
NO_PLAN_NEEDS = {"tensorflow", "keras", "prefect", "mlflow", "insightface", "onnxruntime", "cv2", "dlib", "av"}

SCRIPT = """
import json, runpy, sys
started = []
sys.addaudithook(lambda name, _: started.append(name) if name in WATCHED else None)
try:
    runpy.run_module("cli", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps([started, sorted(sys.modules)]), file=sys.stderr)
""".replace("WATCHED", '("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system", "socket.connect")')


def run_watched(*words: str) -> tuple[list[str], set[str]]:
    """Run a command in its own process; gives what it started and what it imported."""
    script = f"import sys; sys.argv = ['cinelake', *{list(words)!r}]\n{SCRIPT}"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    started, imported = json.loads(done.stderr.splitlines()[-1])
    return started, set(imported)


def test_help_imports_nothing_heavy():
    _, imported = run_watched("--help")
    assert not imported & NO_HELP_NEEDS


@pytest.mark.parametrize("words", [("--help",), ("plan", "--help"), ("run", "--help")])
def test_help_imports_the_modules_of_no_other_command(words):
    _, imported = run_watched(*words)
    assert {name for name in COMMANDS if f"cli.{name}" in imported} == set(words) - {"--help"}


@pytest.mark.parametrize("words", [("--why",), ("--estimate",), ("--json",)])
def test_planning_imports_nothing_heavy_and_starts_nothing(made, words):
    started, imported = run_watched("plan", "-m", str(made / "pipeline.yaml"), *words)
    assert not imported & NO_PLAN_NEEDS
    assert not started


def test_planning_new_films_imports_nothing_heavy_and_starts_nothing(drawn):
    started, imported = run_watched("plan", "-m", str(drawn / "pipeline.yaml"))
    assert not imported & NO_PLAN_NEEDS
    assert not started


def test_a_run_with_nothing_to_do_imports_neither_prefect_nor_mlflow_and_starts_nothing(project):
    started, imported = run_watched("run", "-m", str(project / "pipeline.yaml"))
    assert not imported & {"prefect", "mlflow", "tensorflow", "pebble"}
    assert not {name for name in imported if name.startswith(("cinelake.labels.", "cinelake.plan.forecast."))}
    assert not started
    assert not (project / ".cinelake").exists()
