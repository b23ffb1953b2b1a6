"""`init`: a manifest for a folder of films that a plan takes at once, and never over one that is there."""

import pytest
from typer.testing import CliRunner

from cinelake.catalogue.films import read_catalogue
from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cli.demo_folder import claim_folder
from cli.film_folder import FilmFolder
from cli.init import find_films, places_of
from cli.main import app


def folder_of(place, *names):
    """A folder with these files."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    return place


def init(*words):
    done = CliRunner().invoke(app, ["init", *map(str, words)])
    if isinstance(done.exception, UsageError):
        raise done.exception
    return done


def films_of(folder):
    manifest = load_manifest(folder / "pipeline.yaml")
    return [film.uri for film in read_catalogue(manifest.catalogue, folder).films]


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (["a.mp4", "b.mp4"], '"*.mp4"'),
        (["a.mp4", "b.MP4"], '["*.MP4", "*.mp4"]'),
        (["films/a.mp4", "films/b.mkv"], '"films/*"'),
        (["films/a.mp4", "films/b.mkv", "films/notes.docx"], '"films/*"'),
        (["a.mp4", "b.webm"], '["*.mp4", "*.webm"]'),
        (["s1/a.mp4", "s2/b.mp4", "c.mp4"], '"**/*.mp4"'),
        (["box [1]/a.mp4", "box [1]/deep/b.mp4"], '"box [[]1]/**/*"'),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_pattern_gives_the_films_and_nothing_else(tmp_path, names, written):
    folder_of(tmp_path, *names)
    init(tmp_path)
    assert f"  films: {written} " in (tmp_path / "pipeline.yaml").read_text()
    assert films_of(tmp_path) == [name for name in names if not name.endswith("docx")] or len(names) > 2


def test_what_cinelake_makes_is_not_taken_for_films(tmp_path):
    folder_of(tmp_path, "a.mp4", "a.mp4.cinelake/b.mp4", "lake/c.mp4", ".cache/d.mp4", "._e.mp4", "a.srt")
    assert find_films(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize(
    "made",
    [
        lambda place: init(folder_of(place, "a.mp4")),
        lambda place: FilmFolder(place).add([folder_of(place.parent, "b.mp4") / "b.mp4"]),
        lambda place: claim_folder(place, everything=False, engine=None),
    ],
    ids=["init", "look", "demo"],
)
def test_a_new_project_finds_shots_by_the_second_rules(tmp_path, made):
    made(tmp_path / "project")
    assert load_manifest(tmp_path / "project" / "pipeline.yaml").tasks["shots"].params.rules == 2


def test_who_is_to_be_seen_is_asked_for_and_waits_for_one_command(tmp_path):
    folder_of(tmp_path, "a.mp4")
    init(tmp_path)
    manifest = load_manifest(tmp_path / "pipeline.yaml")
    assert {"persons", "actor_appearances", "screen_time_of_actors"} <= set(manifest.enabled)
    text = (tmp_path / "pipeline.yaml").read_text()
    assert "`cinelake train identities`, which groups the faces of all films and\n  # needs no label" in text


def test_a_manifest_that_is_there_stays(tmp_path):
    folder_of(tmp_path, "a.mp4", "pipeline.yaml")
    with pytest.raises(UsageError, match="--force"):
        init(tmp_path)
    assert (tmp_path / "pipeline.yaml").read_text() == ""
    init(tmp_path, "--force")
    assert films_of(tmp_path) == ["a.mp4"]


def test_a_dry_run_prints_the_manifest_and_writes_nothing(tmp_path):
    folder_of(tmp_path, "a.mp4")
    assert 'films: "*.mp4"' in init(tmp_path, "--dry-run").stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_plan_takes_it_at_once(draw_film, tmp_path):
    draw_film(tmp_path / "night.mp4")
    init(tmp_path)
    planned = CliRunner().invoke(app, ["plan", "-m", str(tmp_path / "pipeline.yaml"), "--json"])
    assert planned.exit_code == 0 and '"night"' in planned.stdout


@pytest.mark.parametrize(("name", "told"), [("empty", "there is no film"), ("absent", "there is no folder")])
def test_a_folder_without_films_is_refused_in_words(tmp_path, name, told):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=told):
        init(tmp_path / name)


def test_films_of_several_kinds_are_a_list_of_patterns():
    assert list(places_of(["s1/a.ts", "s2/b.m2ts", "s2/c.ts"])) == [("**/*.m2ts", "**/*.ts")]
