"""0: done. 1: new failures, with `--strict` known ones too. 2: the manifest or the command is wrong."""

import pytest
from end_to_end._command import cinelake

COMMANDS = [("plan",), ("run",), ("query", "select 1")]
BROKEN = """\
lake: lake
catalogue: {films: films, list: films.csv}
engine: {kind: locl}
tasks:
  shotz: {}
  frames: {fps: -1}
"""


@pytest.mark.parametrize("words", COMMANDS)
def test_a_missing_manifest_is_one_message(tmp_path, words):
    done = cinelake(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pipeline.yaml: there is no such file" in done.stderr and "Traceback" not in done.stderr
    assert all(f"`cinelake {command}`" in done.stderr for command in ("init", "demo"))


@pytest.mark.parametrize("words", COMMANDS)
def test_all_problems_of_a_manifest_go_to_stderr_with_their_lines(tmp_path, words):
    (tmp_path / "pipeline.yaml").write_text(BROKEN)
    done = cinelake(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert [f"pipeline.yaml:{line}" in done.stderr for line in (2, 3, 5, 6)] == [True] * 4
    assert "did you mean 'shots'" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("pln",), ("plan", "--jsn"), ("why", "shots"), ("query",), ("demo", "--films", "0")])
def test_a_wrong_command_is_2(tmp_path, words):
    done = cinelake(*words, cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr


def test_a_mistyped_command_gets_close_matches():
    assert "Did you mean 'plan'?" in cinelake("pln").stderr


def test_nothing_to_do_is_0(project):
    done = cinelake("run", "-m", project / "pipeline.yaml")
    assert done.returncode == 0 and "nothing to do: 12 cells are fresh" in done.stdout


def test_a_bad_film_is_1_once_then_0_and_with_strict_1(project, prefect):
    (project / "films" / "bad.mp4").write_text("no film")
    first = cinelake("run", cwd=project, env=prefect)
    assert first.returncode == 1 and "not_a_film" in first.stdout
    assert "cinelake run -m pipeline.yaml --failed" in first.stdout
    assert cinelake("run", cwd=project).returncode == 0
    assert cinelake("run", "--strict", cwd=project).returncode == 1


def test_a_missing_weight_file_is_said_before_any_film_is_touched(project):
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("backbone: descriptor", "backbone: {file: places.onnx}"))
    done = cinelake("run", cwd=project)
    assert done.returncode == 2
    assert f"{project}/places.onnx" in done.stderr and "Traceback" not in done.stderr
