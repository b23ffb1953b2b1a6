"""What is no film, and films that are missing, are told by every command that plans; a scheduler sees it."""

from pathlib import Path

import pytest
from end_to_end._command import answer_of, cinelake


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    for name in ("night.mkv", "night.srt", "notes.txt", ".hidden.mkv", "S1"):
        (tmp_path / "films" / name).touch() if name != "S1" else (tmp_path / "films" / name).mkdir()
    (tmp_path / "pipeline.yaml").write_text("lake: lake\ncatalogue: {films: films}\ntasks: {films: {}}\n")
    return tmp_path


def test_plan_and_status_tell_what_is_no_film(project: Path) -> None:
    for command in ("plan", "status"):
        said = cinelake(command, "-m", project / "pipeline.yaml").stdout
        assert "4 files are no films: 1 beside a film of their name, 1 folder (`**/*` takes the films in it)" in said
        assert "1 whose name begins with a dot (films/.hidden.mkv)" in said


@pytest.mark.parametrize("command", ["plan", "status"])
def test_machines_are_told_the_same(project: Path, command: str) -> None:
    found = answer_of(command, "-m", project / "pipeline.yaml")
    assert found["skipped"] == {"companion": 1, "folder": 1, "hidden": 1, "no_film": 1}
    assert {"uri": "films/notes.txt", "reason": "no_film"} in found["skipped_files"]


def test_an_empty_place_is_a_warning(project: Path) -> None:
    for path in (project / "films").glob("*.*"):
        path.unlink()
    done = cinelake("run", "-m", project / "pipeline.yaml")
    assert done.returncode == 0 and "! no film in 'films'" in done.stderr
    assert "1 file is no film" in done.stdout
    assert answer_of("run", "-m", project / "pipeline.yaml")["warnings"]


@pytest.mark.parametrize("command", ["plan", "run", "status", "gc"])
def test_too_few_films_stop_every_command_that_plans(project: Path, command: str) -> None:
    text = (project / "pipeline.yaml").read_text().replace("films: films}", "films: films, fewest_films: 2}")
    (project / "pipeline.yaml").write_text(text)
    done = cinelake(command, "-m", project / "pipeline.yaml")
    assert done.returncode == 2 and "has 1 films, and catalogue.fewest_films is 2" in done.stderr
