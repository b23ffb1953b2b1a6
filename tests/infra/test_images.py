"""The images' file: what it copies is there, what it installs is pinned, and nobody in it is root."""

import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from dockerfile_parse import DockerfileParser
from infra._files import INFRA, ROOT, below, loaded, pinned

SWAPPED = {"tensorflow-cpu", "onnxruntime"}


@pytest.fixture(scope="module")
def instructions(tmp_path_factory):
    """`(instruction, value)` of the file, in its order."""
    parser = DockerfileParser(str(tmp_path_factory.mktemp("docker")), cache_content=True)
    parser.content = (INFRA / "images" / "Dockerfile").read_text()
    return [(found["instruction"], found["value"]) for found in parser.structure]


@pytest.fixture(scope="module", params=["cpu", "cuda"])
def copied(request, instructions):
    """Everything that an image copies, by its path here."""
    words = [value.split()[:-1] for name, value in instructions if name == "COPY"]
    return [word.replace("${PROCESSOR}", request.param) for sources in words for word in sources]


def values(instructions, name):
    return [value for found, value in instructions if found == name]


def test_what_it_copies_is_in_the_checkout(copied):
    assert len(copied) > 10 and not [path for path in copied if not (ROOT / path).exists()]


def test_what_it_copies_is_not_left_out_of_what_docker_sees(copied):
    seen = (INFRA / "images" / "Dockerfile.dockerignore").read_text().splitlines()
    assert seen[0] == "*"
    let_in = [line[1:] for line in seen if line.startswith("!")]
    assert not [path for path in copied if not any(f"{path}/".startswith(f"{one}/") for one in let_in)]


def test_it_has_every_room_of_the_project(copied):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    rooms = {package.rstrip("*") for package in settings["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert rooms <= set(copied)


def test_its_python_is_one_that_the_project_runs_on(instructions):
    (python,) = [value.partition("=")[2] for value in values(instructions, "ARG") if value.startswith("PYTHON=")]
    assert f"--python-version {python} " in (ROOT / "Makefile").read_text()
    assert values(instructions, "FROM") == ["python:${PYTHON}-slim-bookworm"]


def test_it_is_nobody_s_root_and_says_how_it_is(instructions):
    assert values(instructions, "USER") == ["1000"] and "useradd --uid 1000" in " ".join(values(instructions, "RUN"))
    assert values(instructions, "HEALTHCHECK")[0].endswith('CMD ["healthy"]')
    assert values(instructions, "ENTRYPOINT") == ['["tini", "-g", "--", "start"]']


def test_every_pip_installs_exactly_what_the_lists_say(instructions):
    for command in values(instructions, "RUN"):
        assert "pip install" not in command or "--no-deps" in command
        assert "://" not in command and "index" not in command


def test_the_lists_are_the_versions_that_tests_run_with():
    lock, cpu, cuda = pinned("lock.txt"), pinned("cpu.txt"), pinned("cuda.txt")
    assert {name for name in cpu if lock.get(name, cpu[name]) != cpu[name]} == set()
    assert {name: cuda.get(name) for name in cpu.keys() - SWAPPED} == {name: cpu[name] for name in cpu.keys() - SWAPPED}
    assert cuda["tensorflow"] == cpu["tensorflow-cpu"]


def test_the_lists_have_all_that_the_project_asks_for():
    asked = re.findall(r"^([a-z][\w.-]*)", (ROOT / "requirements" / "base.in").read_text(), re.M)
    missing = {name for name in asked if re.sub(r"[_.]", "-", name) not in pinned("cpu.txt")}
    assert len(asked) > 30 and not missing, "`make lock` compiles all lists"


def test_packages_that_would_fill_one_folder_are_not_both_there():
    cuda = pinned("cuda.txt")
    assert not SWAPPED & cuda.keys() and "opencv-python" not in cuda
    assert {name.rpartition("-")[2] for name in cuda if name.startswith("nvidia-cud")} == {"cu12"}


@pytest.mark.parametrize("script", ["start", "healthy"])
def test_its_scripts_are_shell_and_can_be_run(script):
    path = INFRA / "images" / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", str(path)]).returncode == 0


def test_a_word_that_is_no_role_is_run_as_it_is(tmp_path):
    start = [str(INFRA / "images" / "start"), "echo", "--a", "b c"]
    done = subprocess.run(start, env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.stdout == "--a b c\n"


def test_every_role_that_a_file_starts_has_a_health_check():
    roles = {name: set(re.findall(r"^([a-z-]+)\)", (INFRA / "images" / name).read_text(), re.M))
             for name in ("start", "healthy")}  # fmt: skip
    assert roles["start"] == roles["healthy"]
    used = [words[0] for words in below(loaded("compose/compose.yaml")["services"], "command")]
    used += [
        words[0] for file in ("daskcluster", "gpu-workers") for words in below(loaded(f"dask/{file}.yaml"), "args")
    ]
    assert set(used) - {"server", "prefect"} == roles["start"]


@pytest.fixture
def tree(instructions, tmp_path):
    """What an image has below `/opt/cinelake`, in a folder."""
    words = [value.split() for name, value in instructions if name == "COPY"]
    for source in (source for *sources, target in words for source in sources if target.startswith("/opt/cinelake")):
        place = tmp_path / source
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, place)
    return tmp_path


def test_what_is_copied_is_enough_to_install_and_to_start_the_command(tree):
    built = "from setuptools import build_meta; print(build_meta.prepare_metadata_for_build_editable('.'))"
    done = subprocess.run([sys.executable, "-c", built], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = [sys.executable, "-m", "cli", "plan", "--help"]
    assert subprocess.run(run, cwd=tree, env={"PYTHONPATH": str(tree)}, capture_output=True).returncode == 0
