"""`supercut`: from a film and its tables to a cut, an edit decision list and an OpenTimelineIO file."""

import json
import shutil

import opentimelineio as otio
import pyarrow as pa
import pytest
from core._folder_store import store
from core.media._films import remux
from core.media._numbered import click_times_s, numbered_film, shown_numbers
from typer.testing import CliRunner

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.spec.contract import Column, Contract
from cinelake.storage.content import fingerprint
from cli.main import app

__all__ = ["store"]
SHOTS = {"shot": [0, 1, 2, 3], "start_s": [0.0, 0.6, 2.0, 3.0], "end_s": [0.6, 2.0, 3.0, 4.0]}
TAGS = {"shot": [0, 1, 2, 3], "tag": ["chase", "night", "chase", "chase"], "probability": [0.7, 0.9, 0.9, 0.2]}

SCENES = {"scene": [0, 1], "start_s": [0.0, 2.0], "end_s": [2.0, 4.0]}


def commit(lake, fingerprint_, table, columns):
    """A small table with these columns, as a task would have made it of this film."""
    found = {name: pa.array(values) for name, values in columns.items()}
    contract = Contract(
        table, "For these tests.", [Column(n, a.type, n) for n, a in found.items()], [next(iter(found))]
    )
    with lake.scratch() as scratch:
        writer = CellWriter(contract, "film", scratch / "cell.parquet")
        writer.write(contract.batch("film", **found))
        writer.close(Footer("k", "m", {"fingerprint": fingerprint_}, {}))
        lake.commit(writer, table)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A film of 100 numbered pictures in four shots, three of them tagged as chase."""
    folder = tmp_path_factory.mktemp("supercut")
    (folder / "films").mkdir()
    film = numbered_film(folder / "films" / "film.mp4")
    (folder / "pipeline.yaml").write_text('lake: lake\ncatalogue: {films: "films/*"}\ntasks: {films: {}}\n')
    lake = Lake(str(folder / "lake"))
    for table, columns in {"shots": SHOTS, "tag_shots": TAGS, "scenes": SCENES}.items():
        commit(lake, fingerprint(film), table, columns)
    return folder


@pytest.fixture
def project(once, tmp_path):
    return shutil.copytree(once, tmp_path / "project")


def run(project, *words):
    return CliRunner().invoke(app, ["supercut", "film", "-m", str(project / "pipeline.yaml"), *map(str, words)])


def refused(project, *words):
    done = run(project, *words)
    assert isinstance(done.exception, UsageError), done.output
    return done.exception


def test_the_shots_that_carry_a_tag_are_cut_exactly_and_told_beside(project):
    done = run(project, "--tags", "chase", "-o", project / "out.mp4")
    assert done.exit_code == 0, done.exception
    assert shown_numbers(project / "out.mp4") == [*range(15), *range(50, 75)]
    assert {path.name for path in project.glob("*out*")} == {"out.mp4", "out.edl", "out.otio"}
    assert "00:00:02:00 00:00:03:00 00:00:00:15 00:00:01:15" in (project / "out.edl").read_text()
    assert len(otio.adapters.read_from_file(str(project / "out.otio")).video_tracks()[0]) == 2


def test_a_person_is_cut_or_left_out_by_name(project):
    film, seen = project / "films" / "film.mp4", {"character": ["Ada"], "start_s": [1.0], "end_s": [2.0]}
    commit(Lake(str(project / "lake")), fingerprint(film), "actor_appearances", seen)
    with_ada = run(project, "--person", "Ada", "--dry-run", "--json")
    without = run(project, "--without", "person:Ada", "--dry-run", "--json")
    assert (json.loads(with_ada.output)["frames"], json.loads(without.output)["frames"]) == (25, 75)
    for words in (["--person", "Eda"], ["--without", "person:Eda"]):
        assert "unknown person 'Eda'" in str(refused(project, *words, "--dry-run"))


def test_without_a_table_of_tags_those_that_people_gave_are_named_and_taken(project):
    shutil.rmtree(project / "lake" / "tag_shots")
    (project / "reviewed.csv").write_text("movie_id,start_s,end_s,tag\nfilm,1.0,2.0,nudity\n")
    file = ["labels", "import", project / "reviewed.csv", "--model", "tags", "-m", project / "pipeline.yaml"]
    assert CliRunner().invoke(app, [*map(str, file)]).exit_code == 0
    assert "`--labels tags`" in str(refused(project, "--without", "nudity", "--dry-run"))
    done = run(project, "--without", "nudity", "--labels", "tags", "--dry-run", "--json")
    assert json.loads(done.output)["left_out_frames"] == 25


def test_a_summary_of_the_most_important_shots_fits_the_seconds(project):
    line = {"time_s": [0.0, 1.0, 2.0, 3.0], "line": ["importance"] * 4, "value": [0.1, 0.2, 0.9, 0.7]}
    commit(Lake(str(project / "lake")), fingerprint(project / "films" / "film.mp4"), "importance", line)
    done = run(project, "--of", "importance", "--seconds", "1.7", "-o", project / "out.mp4", "--json")
    assert done.exit_code == 0, done.exception
    spans = [(span["start_s"], span["end_s"]) for span in json.loads(done.stdout)["spans"]]
    assert spans == [(0.0, 0.6), (2.0, 3.0)]  # the most important shot, and of the others the one that still fits
    assert "how long may the summary be" in str(refused(project, "--of", "importance", "--dry-run"))


def test_the_list_counts_from_the_start_that_is_given_and_names_file_and_reel(project):
    done = run(project, "--tags", "chase", "-o", project / "o.mp4", "--start-timecode", "23:59:58:00", "--reel", "A001")
    assert done.exit_code == 0 and "passes 24:00:00:00" in done.output
    text = (project / "o.edl").read_text()
    assert "002  A001     AA/V  C        00:00:00:00 00:00:01:00" in text and "FROM CLIP NAME:  film.mp4" in text


def test_a_film_in_a_bucket_is_cut_from_a_copy_and_named_by_its_address(project, store):
    shutil.move(project / "films", store.folder / "b")
    text = 'lake: lake\ncatalogue: {films: "s3://b/*"}\nstaging: {folder: copies}\ntasks: {films: {}}\n'
    (project / "pipeline.yaml").write_text(text)
    done = run(project, "--tags", "chase", "-o", project / "out.mp4")
    assert done.exit_code == 0, done.exception
    assert shown_numbers(project / "out.mp4") == [*range(15), *range(50, 75)]
    assert '"s3://b/film.mp4"' in (project / "out.otio").read_text() and not list((project / "copies").iterdir())


def test_relevance_goes_first_and_a_limit_keeps_it(project):
    words = ["--tags", "chase,night", "--max-length", 2.4, "--order", "relevance", "--dry-run", "--json"]
    found = json.loads(run(project, *words).output)
    assert [(s["start_frame"], s["end_frame"]) for s in found["spans"]] == [(15, 75)]
    assert found["seconds"] == pytest.approx(2.4) and not list(project.glob("*out*"))


@pytest.mark.parametrize("option", ["--seconds", "--max-length", "--margin"])
def test_a_length_is_a_number(project, option):
    assert "Received: nan" in str(refused(project, "--tags", "chase", option, "nan", "--dry-run"))


def test_an_option_given_twice_must_hold_twice(project):
    assert "at the same time" in str(refused(project, "--tags", "chase", "--tags", "night", "--dry-run"))
    assert run(project, "--tags", "chase", "--tags", "night", "--either", "--dry-run").exit_code == 0


def test_an_unknown_film_or_tag_gets_its_close_matches(project):
    assert "did you mean 'night'" in str(refused(project, "--tags", "nigth", "--dry-run"))
    done = CliRunner().invoke(app, ["supercut", "filn", "-m", str(project / "pipeline.yaml"), "--tags", "a"])
    assert isinstance(done.exception, UnknownName) and "did you mean 'film'" in str(done.exception)


def test_a_table_that_is_not_there_is_named_with_what_makes_it(project):
    assert "no table 'affect' of film: name the task 'affect'" in str(
        refused(project, "--affect", "arousal>0.5", "--dry-run")
    )


def test_tables_of_another_file_are_not_cut_by(project):
    numbered_film(project / "films" / "film.mp4", frames=90)
    assert "made of another file" in str(refused(project, "--tags", "chase", "--dry-run"))


def test_the_film_without_a_tag_is_every_other_picture_with_its_sound(project):
    done = run(project, "--without", "night", "-o", project / "out.mp4")
    assert done.exit_code == 0, done.exception
    assert shown_numbers(project / "out.mp4") == [*range(15), *range(50, 100)]
    assert click_times_s(project / "out.mp4") == pytest.approx([0.0, 0.6, 1.6], abs=0.002)


def test_what_is_left_out_is_listed_beside_the_film(project):
    done = run(project, "--without", "night", "-o", project / "out.mp4", "--json")
    told = json.loads(done.output)
    assert [(s["start_frame"], s["end_frame"], s["what"]) for s in told["left_out"]] == [(15, 50, "night")]
    assert told["frames"] + told["left_out_frames"] == 100
    assert "00:00:00:15 00:00:02:00 00:00:00:00" in (project / "out.left_out.edl").read_text()
    assert (project / "out.left_out.csv").read_text().splitlines()[1] == "film,0.6,2.0,15,50,0.9,night"


def test_the_list_alone_needs_no_new_film(project):
    assert run(project, "--without", "night", "--left-out", project / "cuts.json").exit_code == 0
    assert [row["end_frame"] for row in json.loads((project / "cuts.json").read_text())] == [50]
    assert {path.name for path in project.iterdir()} >= {"cuts.json"} and not list(project.glob("*.mp4"))


def test_a_dry_run_writes_no_list_either(project):
    assert run(project, "--without", "night", "--left-out", project / "cuts.json", "--dry-run").exit_code == 0
    assert not (project / "cuts.json").exists()


def test_a_slip_of_the_pen_leaves_nothing_in(project):
    assert "did you mean 'night'" in str(refused(project, "--without", "nigth", "--dry-run"))


def test_of_chosen_spans_too_something_can_be_left_out(project):
    found = json.loads(run(project, "--tags", "chase", "--without", "scene:1,tag:night", "--dry-run", "--json").output)
    assert [(s["start_frame"], s["end_frame"]) for s in found["spans"]] == [(0, 15)]


def test_a_film_of_which_nothing_is_left_is_refused(project):
    words = ["--without", "chase,night", "--min-probability", 0, "-o", project / "out.mp4"]
    assert "nothing of film is left without chase, night" in str(refused(project, *words))


def test_the_film_itself_is_never_written_to(project):
    film = project / "films" / "film.mp4"
    before = film.read_bytes()
    assert "is the film itself" in str(refused(project, "--tags", "chase", "--force", "-o", film))
    assert film.read_bytes() == before


def test_a_file_that_is_there_stays_unless_forced(project):
    (project / "out.edl").write_text("mine")
    assert "--force" in str(refused(project, "--tags", "chase", "-o", project / "out.mp4"))
    assert run(project, "--tags", "chase", "--force", "-o", project / "out.mp4").exit_code == 0


def test_a_copy_between_keyframes_is_refused_and_leaves_nothing(project):
    assert "picture 15" in str(refused(project, "--tags", "chase", "--copy", "-o", project / "out.mp4"))
    assert not list(project.glob("*out*"))


@pytest.mark.parametrize("words", [[], ["--tags", "chase"], ["--tags", "chase", "--dry-run", "--order", "filn"]])
def test_what_is_missing_or_unknown_is_said_before_anything_is_read(project, words):
    assert refused(project, *words).exit_code == 2


def test_pictures_in_another_order_than_their_times_are_cut_as_tables_have_them(tmp_path):
    (tmp_path / "films").mkdir()
    with_b_pictures = ["-c:v", "libx264", "-preset", "medium", "-g", "25", "-bf", "2"]
    drawn = numbered_film(tmp_path / "drawn.mp4", sound=False, options=with_b_pictures)
    late = "setts=pts=if(eq(N\\,20)\\,PTS+3.01/TB\\,PTS)"  # a decoder shows the next ones right behind it
    film = remux(drawn, tmp_path / "films" / "film.mp4", "-bsf:v", late)
    manifest = tmp_path / "pipeline.yaml"
    manifest.write_text('lake: lake\ncatalogue: {films: "films/*"}\ntasks: {films: {}}\n')
    assert CliRunner().invoke(app, ["run", "-m", str(manifest)]).exit_code == 0
    commit(Lake(str(tmp_path / "lake")), fingerprint(film), "scenes", {"scene": [0], "start_s": [3.7], "end_s": [4.0]})
    told = json.loads(run(tmp_path, "--scenes", "0", "-o", tmp_path / "out.mp4", "--json").stdout)
    assert shown_numbers(tmp_path / "out.mp4") == [*range(20, 100)]
    assert told["frames"] == 80
