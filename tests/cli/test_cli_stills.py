"""`export frames` and `summary`: pictures as files, and the list that says when each is shown."""

import csv

import pytest
from PIL import Image
from typer.testing import CliRunner

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cli.main import app

FILM = "the_broken_river_000"


def call(project, *words):
    done = CliRunner().invoke(app, [*map(str, words), "-m", str(project / "pipeline.yaml")])
    if isinstance(done.exception, UsageError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def listed(folder):
    with (folder / "frames.csv").open() as file:
        return list(csv.DictReader(file))


def kept(made, table="frames"):
    return Lake(str(made / "lake")).reader(table, FILM).read().to_pylist()


def test_sampled_pictures_are_those_of_the_lake_to_the_byte(made, tmp_path):
    call(made, "export", "frames", FILM, "-o", tmp_path / "out")
    rows, frames = listed(tmp_path / "out"), kept(made)
    assert [(tmp_path / "out" / row["file"]).read_bytes() for row in rows] == [frame["jpeg"] for frame in frames]
    assert [(int(row["frame"]), float(row["time_s"])) for row in rows] == [(f["frame"], f["time_s"]) for f in frames]


def test_every_shot_has_one_middle(made, tmp_path):
    call(made, "export", "frames", FILM, "--of", "middles", "-o", tmp_path / "out")
    assert [int(row["shot"]) for row in listed(tmp_path / "out")] == [row["shot"] for row in kept(made, "shots")]


def test_pictures_are_grey_and_as_wide_as_asked(made, tmp_path):
    words = ["--grey", "--width", "256", "--format", "png"]
    call(made, "export", "frames", FILM, *words, "-o", tmp_path / "out")
    with Image.open(tmp_path / "out" / listed(tmp_path / "out")[0]["file"]) as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "L", (256, 144))


def test_main_faces_are_the_patches_of_the_lake(made, tmp_path):
    call(made, "export", "frames", FILM, "--of", "main-faces", "--format", "png", "-o", tmp_path / "out")
    faces, rows = [face for face in kept(made, "faces") if face["is_main"]], listed(tmp_path / "out")
    pictures = [Image.open(tmp_path / "out" / row["file"]) for row in rows]
    assert [list(picture.tobytes()) for picture in pictures] == [face["patch"] for face in faces]


def test_all_films_share_one_list_and_one_without_pictures_is_told(project, tmp_path):
    (project / "lake" / "frames" / f"{FILM}.parquet").unlink()
    done = CliRunner().invoke(
        app, ["export", "frames", "--all", "-o", str(tmp_path / "out"), "-m", str(project / "pipeline.yaml")]
    )
    assert {row["movie_id"] for row in listed(tmp_path / "out")} == {"the_golden_road_001"}
    assert f"{FILM}: the lake has no table 'frames'" in done.stderr


def test_a_folder_that_holds_something_is_left_alone(made, tmp_path):
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UsageError, match="--force"):
        call(made, "export", "frames", FILM, "-o", tmp_path)


def test_a_summary_has_as_many_keyframes_as_asked_with_shares_of_the_film(made, tmp_path):
    call(made, "summary", FILM, "-n", 2, "-o", tmp_path / "two")
    jpegs = {frame["jpeg"] for frame in kept(made)}
    assert 1 <= len(list((tmp_path / "two").iterdir())) <= 2
    assert all(path.read_bytes() in jpegs for path in (tmp_path / "two").iterdir())


def test_a_summary_without_embeddings_says_why(project, tmp_path):
    (project / "lake" / "embeddings" / f"{FILM}.parquet").unlink()
    with pytest.raises(UsageError, match="embeddings"):
        call(project, "summary", FILM, "-o", tmp_path / "out")
