"""`labels import`: from every form; a problem anywhere and nothing is imported."""

import io
import json
import os
import shutil
import subprocess

import pandas
import pyarrow.parquet as pq
import pytest
from core._labelled import put_film
from end_to_end._command import COMMAND, ROOT, environment
from end_to_end._labels_command import CSV, draw, labels, shown, take, told
from typer.testing import CliRunner

from cinelake.errors import BadLabels, UnknownName, UsageError
from cinelake.labels.store import label_versions
from cinelake.lake.cells import Lake
from cli.main import app


def test_the_rate_by_which_time_codes_of_a_table_are_counted_is_told(project):
    put_film(Lake(str(project / "lake")), "dawn", fps=24.0, size=(640, 360))
    made = take(project, "movie_id,start_s,end_s,kind\ndawn,0:00:00:12,0:00:05:00,chase\n", "--json")
    assert json.loads(made)["notes"] == ["dawn: pictures of time codes counted at 24 a second (the film's)"]


def test_labels_are_imported_and_shown(project):
    assert take(project) == "Imported 3 labels of 2 films as version 1 of toy.\n"
    assert shown(project)[1] == ("dawn", 10.0, 20.5, "sorrow")


def test_a_parquet_names_its_films_by_another_header_beside_columns_that_are_left_aside(project):
    frame = pandas.DataFrame({"film": ["dawn"], "start_s": [0.0], "end_s": [1.0], "kind": ["chase"]})
    frame.assign(note=[{"by": 1}]).to_parquet(project / "a.parquet")
    labels(project, "import", project / "a.parquet", "--model", "toy", "--ignore-extra-columns")
    assert shown(project) == [("dawn", 0.0, 1.0, "chase")]


def test_lines_of_a_collection_are_imported_with_their_scale(project):
    for name, numbers in (("arousal", "0.5,1"), ("valence", "0,0.25")):
        (project / f"{name}.csv").write_text(f"song_id,sample_15000ms,sample_15500ms\ndawn,{numbers}\n")
    files = (project / "arousal.csv", project / "valence.csv")
    made = json.loads(labels(project, "import", *files, "--model", "affect", "--scale", "0..1", "--json"))
    assert "2 columns are moments, of 15 to 15.5 s: arousal, valence" in made["notes"]
    rows = told(project, "show", "affect")["labels"]
    assert [(row["time_s"], row["valence"], row["arousal"]) for row in rows] == [(15.0, -1.0, 0.0), (15.5, -0.5, 1.0)]


def test_one_value_of_a_film_needs_to_be_told_how_often_it_is_a_label(project):
    (project / "a.csv").write_text("musicId,Valence(mean)\ndawn,0.5\n")
    words = ("import", project / "a.csv", "--model", "affect")
    with pytest.raises(BadLabels, match="labels a moment every so many seconds by --every"):
        labels(project, *words)
    assert json.loads(labels(project, *words, "--every", "2", "--json"))["rows"] == 30


@pytest.mark.parametrize("scale", ["9..1", "1-9", "a..b", "nan..1"])
def test_a_scale_is_two_numbers(project, scale):
    (project / "a.csv").write_text("film,time_s,valence\ndawn,1,0.5\n")
    with pytest.raises(UsageError, match="--scale takes its least and its greatest number"):
        labels(project, "import", project / "a.csv", "--model", "affect", "--scale", scale)


def test_an_import_as_json_says_what_was_made(project):
    made = json.loads(take(project, CSV, "--annotator", "maria", "--json"))
    assert made["films"] == ["dawn", "dusk"] and (made["rows"], made["annotator"], made["source"]) == (
        3,
        "maria",
        "a.csv",
    )


def test_the_same_labels_again_are_said_to_be_there(project):
    take(project)
    assert "count already (version 1 of toy): nothing was written" in take(project)


def test_labels_that_an_import_lacks_are_named_since_they_count_no_longer(project):
    take(project, CSV, "--annotator", "maria")
    fewer = CSV.splitlines()[0] + "\ndawn,10,20.5,sorrow\n"
    made = json.loads(take(project, fewer, "--json"))
    assert made["superseded"] == [{"movie_id": "dawn", "labels": 1, "of": 2, "version": 1, "annotator": "maria"}]
    assert json.loads(take(project, CSV, "--json"))["superseded"] == []


def test_all_problems_are_said_with_their_lines_and_nothing_is_imported(project):
    text = CSV + "dwan,0,1,chase\ndusk,50,99,chase\nnight,0,1,chase\ndusk,5,5,chaise\n"
    with pytest.raises(BadLabels) as caught:
        take(project, text)
    said = [(problem.line, problem.where) for problem in caught.value.problems]
    assert said == [(5, "movie_id"), (6, "end_s"), (7, "movie_id"), (8, "kind"), (8, "start_s")]
    assert not (project / "labels").exists()


def test_a_problem_ends_the_command_with_2_and_one_message(project):
    (project / "a.csv").write_text("movie_id,kind\ndwan,chase\n")
    words = ["labels", "import", "a.csv", "--model", "toy"]
    done = subprocess.run([*COMMAND, *words], cwd=project, env=_with_models(project), capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "a.csv:2: movie_id: unknown film 'dwan': did you mean 'dawn'?" in done.stderr


def _with_models(project):
    """The environment in which an installed package gives the model `toy`."""
    places = [ROOT, ROOT / "tests", project.parent / "models_site"]
    return environment(PYTHONPATH=os.pathsep.join(map(str, places)))


def test_a_film_that_waits_for_its_run_may_be_labelled_when_asked(project):
    assert "1 label of 1 film" in take(project, "movie_id,kind\nnight,chase\n", "--before-run")


def test_a_dry_run_writes_nothing(project):
    assert "would be version 1 of toy" in take(project, CSV, "--dry-run")
    assert not (project / "labels").exists()


def test_parquet_is_imported_too(project):
    pandas.read_csv(io.StringIO("movie_id,kind\ndawn,chase\n")).to_parquet(project / "a.parquet")
    labels(project, "import", project / "a.parquet", "--model", "toy")
    assert shown(project) == [("dawn", "chase")]


def test_ratings_are_a_kind_of_their_own(project):
    take(project, "movie_id,viewer,kind,rating\ndawn,v1,chase,4\ndawn,v2,chase,2.5\n", "--kind", "ratings")
    assert shown(project, "--kind", "ratings") == [("dawn", "v1", "chase", 4.0), ("dawn", "v2", "chase", 2.5)]


def test_pictures_at_a_rate_are_imported_as_moments(project):
    rate = ("--kind", "faces", "--rate", "2", "--movie", "dawn", "--classes", "0=sorrow,1=chase")
    take(project, "Image_ID,Class\nframe0.jpg,0\nframe3.jpg,1\n", *rate, "--annotator", "jo")
    assert [version.annotator for version in label_versions(project / "labels", "toy", "faces")] == ["jo"]
    assert shown(project, "--kind", "faces") == [("dawn", 0.0, "sorrow"), ("dawn", 1.5, "chase")]


def test_pictures_past_the_films_end_are_a_problem(project):
    with pytest.raises(BadLabels, match=r"a.csv:2: time_s: 61 s is past the end of 'dawn'"):
        take(project, "Image_ID,Class\nframe61.jpg,chase\n", "--kind", "faces", "--rate", "1", "--movie", "dawn")


def test_clips_in_class_folders_are_imported(project):
    for movie_id, kind in (("dawn", "chase"), ("dusk", "sorrow")):
        (project / "films" / kind).mkdir()
        shutil.move(project / "films" / f"{movie_id}.mp4", project / "films" / kind / f"{movie_id}.mp4")
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text().replace("films/*", "films/*/*.mp4"))
    labels(project, "import", "--clips", project / "films", "--model", "toy")
    assert shown(project) == [("dawn", "chase"), ("dusk", "sorrow")]


def test_a_folder_of_images_is_imported_with_its_images(project):
    folder = draw(project / "in", "chase/heat_1.jpg", "sorrow/heat_2.jpg", "chase/alien_1.png")
    labels(project, "import", folder, "--model", "toy")
    assert shown(project) == [
        ("images_alien", 0, 1, "chase"),
        ("images_heat", 0, 1, "chase"),
        ("images_heat", 1, 2, "sorrow"),
    ]
    assert len(pq.read_table(project / "labels/toy/images/images_heat.parquet")) == 2


def test_images_that_were_imported_can_be_labelled_anew_in_a_file(project):
    labels(project, "import", draw(project / "in", "chase/heat_1.jpg"), "--model", "toy")
    take(project, "movie_id,start_shot,end_shot,kind\nimages_heat,0,1,sorrow\n")
    assert shown(project) == [("images_heat", 0, 1, "sorrow")]


def test_images_of_a_class_that_nobody_knows_are_not_imported(project):
    with pytest.raises(BadLabels, match=r"unknown kind 'chace': did you mean 'chase'"):
        labels(project, "import", draw(project / "in", "chace/heat_1.jpg"), "--model", "toy")
    assert not (project / "labels").exists()


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["a.csv"], UsageError, "Say `--model NAME`"),
        (["a.csv", "--model", "toi"], UnknownName, "unknown model 'toi': did you mean 'toy'"),
        (["a.csv", "--model", "toy", "--kind", "rating"], UnknownName, "did you mean 'ratings'"),
        (["--model", "toy"], UsageError, "expected files, a folder of images, or `--clips FOLDER`"),
        (["a.csv", "--model", "toy", "--rate", "1"], UsageError, "and --movie"),
        (["a.csv", "--model", "toy", "--classes", "0=a"], UsageError, "belongs to --rate"),
        (["a.csv", "--model", "toy", "--fps", "25"], UsageError, "--fps: for annotators' files, not for tables"),
        (
            ["--clips", ".", "--model", "toy", "--times", "days"],
            UsageError,
            "--times: for annotators' files and tables",
        ),
        (
            [".", "--model", "toy", "--only", "a"],
            UsageError,
            "--only: for annotators' files and tables, not for a folder",
        ),
        (["a.csv", "--model", "toy", "--kind", "genres", "--rate", "1", "--movie", "dawn"], UsageError, "by films"),
        (["none.csv", "--model", "toy"], BadLabels, "none.csv: the file cannot be read: No such file"),
        (["none.json", "--model", "toy", "--fps", "24"], BadLabels, "none.json: the file cannot be read: No such"),
        (["none.csv", "--model", "toy", "--rate", "1", "--movie", "dawn"], BadLabels, "none.csv: the file cannot be"),
        (["a.csv", "--model", "toy", "--set", "../x"], UsageError, "name of a set"),
    ],
)
def test_what_cannot_be_is_said_in_words(project, monkeypatch, words, error, said):
    monkeypatch.chdir(project)
    (project / "a.csv").write_text(CSV)
    with pytest.raises(error) as caught:
        labels(project, "import", *words)
    assert said in str(caught.value)


def test_tags_need_no_vocabulary_and_are_counted_for_whoever_imports_them(project):
    (project / "tags.csv").write_text("movie_id,start_s,end_s,tag\ndawn,0,1,unheard of\ndawn,1,2,night\n")
    words = ["labels", "import", str(project / "tags.csv"), "--model", "tags", "-m", str(project / "pipeline.yaml")]
    assert "tag: night 1, unheard of 1" in CliRunner().invoke(app, words).stderr


def test_a_file_by_two_annotators_is_a_version_of_each(project):
    text = "movie_id,start_s,end_s,kind,annotator\ndawn,0,10,chase,maria\ndawn,0,10,sorrow,jo\n"
    assert "version 2 of toy" in take(project, text)
    take(project, text)  # again: nothing new
    assert [version.annotator for version in label_versions(project / "labels", "toy")] == ["maria", "jo"]


def test_labels_that_contradict_each_other_are_refused_when_that_is_asked(project):
    text = "movie_id,start_s,end_s,kind\ndawn,0,10,chase\ndawn,0.1,10,chase\n"
    assert "Imported 2 labels" in take(project, text)
    with pytest.raises(BadLabels, match="repetition: dawn, 0–10 s: labelled twice: kind chase"):
        take(project, text.replace("0.1", "0.2"), "--strict")
