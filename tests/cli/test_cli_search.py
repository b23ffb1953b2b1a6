"""`search` and `index`: what the command prints, and what it says of what cannot be searched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from end_to_end._command import answer_of, cinelake
from PIL import Image
from typer.testing import CliRunner

from cinelake.errors import CinelakeError
from cli.main import app

FILM = "the_broken_river_000"


def search(project: Path, *words: str | Path):
    return cinelake("search", "-m", project / "pipeline.yaml", *words)


def test_a_moment_finds_others_with_pictures(made: Path, tmp_path: Path) -> None:
    words = ["--like", f"{FILM}@0", "--thumbnails", tmp_path / "found", "--json", "-n", "2"]
    answer = json.loads(search(made, *words).stdout)
    assert [moment["rank"] for moment in answer["moments"]] == [1, 2] and answer["how"] == "exact"
    assert all(Image.open(moment["thumbnail"]).width for moment in answer["moments"])


def test_a_thumbnail_finds_its_own_moment(made: Path, tmp_path: Path) -> None:
    (moment,) = json.loads(search(made, "--like", f"{FILM}@0", "--thumbnails", tmp_path, "--json", "-n", "1").stdout)[
        "moments"
    ]
    (found,) = json.loads(search(made, "--image", moment["thumbnail"], "--json", "-n", "1").stdout)["moments"]
    assert (found["movie_id"], found["shot"]) == (moment["movie_id"], moment["shot"]) and found["score"] > 0.99


def test_a_table_is_for_eyes(made: Path) -> None:
    lines = search(made, "--like", f"{FILM}@0", "-n", "3").stdout.splitlines()
    assert lines[0].split() == ["film", "time", "lasts", "score"] and len(lines) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "what is searched for"),
        (["--like", "the_broken_rivr_000@0"], f"did you mean '{FILM}'"),
        (["--like", f"{FILM}@01:00:00"], f"{FILM} ends at 00:00:0"),
        (["--like", FILM], "FILM@HH:MM:SS"),
        (["--image", "pyproject.toml"], "pyproject.toml cannot be read"),
        (["--tag", "chase"], "the lake has no table 'tag_shots'"),
        (["--like", f"{FILM}@0", "--how", "index"], "there is no index: `cinelake index"),
    ],
)
def test_what_cannot_be_searched_is_said(made: Path, words: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["search", "-m", str(made / "pipeline.yaml"), *words])
    assert isinstance(done.exception, CinelakeError) and says in str(done.exception)


def test_a_small_table_needs_no_index(made: Path) -> None:
    done = cinelake("index", "-m", made / "pipeline.yaml")
    assert done.returncode == 2 and "is made from 1000" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_search_goes_by_the_index_where_there_is_one(tmp_path: Path) -> None:
    from benchmarks._drawn_vectors import make_vectors

    lake = make_vectors(tmp_path, 4000)
    (tmp_path / "films").mkdir()
    head = f"lake: {lake.storage.root}\ncatalogue: {{films: 'films/*'}}\n"
    tasks = "tasks: {films: {}, shots: {}, frames: {}, embeddings: {backbone: descriptor}}\n"
    (tmp_path / "pipeline.yaml").write_text(head + tasks)
    about = answer_of("index", "-m", tmp_path / "pipeline.yaml")
    found = answer_of("search", "-m", tmp_path / "pipeline.yaml", "--like", "film_00001@30")
    assert about["vectors"] == found["vectors"] == 4000 and found["how"] == "index" and len(found["moments"]) == 10
