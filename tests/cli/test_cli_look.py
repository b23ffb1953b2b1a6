"""`look`: one's own film, its tables and page beside it, with no manifest, no server and no record."""

import csv
import re

import pytest
from end_to_end._command import cinelake

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cli import film_folder
from cli.film_folder import FilmFolder, length_s, pictures_a_second
from cli.look import check_film, has_display, how_often


@pytest.fixture(scope="module")
def looked(draw_film, tmp_path_factory):
    """A film with an odd name, and what the first and the second `look` of it said."""
    folder = tmp_path_factory.mktemp("look")
    film = draw_film(folder / "My film [1] – 100%?.mp4", sound=True)
    words = ["look", film, "--no-open"]
    return film, cinelake(*words), cinelake(*words)


def test_a_film_gets_its_tables(looked):
    film, first, _ = looked
    assert first.returncode == 0, first.stderr
    lake = Lake(str(film.with_name(f"{film.name}.cinelake") / "lake"))
    assert set(lake.tables()) == {"films", "shots", "frames", "sound", "faces", "embeddings"}


def test_the_first_line_says_how_often_is_looked(looked):
    film, first, _ = looked
    line = first.stderr.splitlines()[0]
    assert "looks at a picture every 1 s and at the middle of every shot (frames.fps in " in line
    assert film.name in line


@pytest.mark.parametrize(("minutes", "fps"), [([], 1), ([5], 1), ([1, 10], 0.5), ([20], 0.5), ([90], 0.25)])
def test_long_films_are_looked_at_less_often(minutes, fps):
    assert pictures_a_second(60.0 * length for length in minutes) == fps


def test_the_folder_of_a_long_film_has_the_lower_rate_in_its_manifest(draw_film, tmp_path, monkeypatch):
    film = draw_film(tmp_path / "film.mp4")
    assert 0 < length_s(film) < 300 and length_s(tmp_path / "none.mp4") == 0
    monkeypatch.setattr(film_folder, "length_s", lambda _film: 5400.0)
    manifest, _ = FilmFolder(tmp_path / "out").add([film])
    assert manifest.tasks["frames"].params.fps == 0.25 and "a picture every 4 s" in how_often(manifest)


def test_a_second_look_makes_nothing(looked):
    _, first, again = looked
    assert again.returncode == 0 and again.stdout == first.stdout
    assert "nothing has changed since" in again.stderr


def test_the_page_that_is_named_plays_the_film_beside_it(looked):
    film, first, _ = looked
    page = film.parent / re.search(r"page: (.*)", first.stdout)[1]
    assert '<video id="video" controls playsinline preload="metadata" src="../../../../My%20film' in page.read_text()


def test_nothing_of_a_server_or_a_record_is_left(looked):
    film, *_ = looked
    inside = {path.name for path in film.with_name(f"{film.name}.cinelake").iterdir()}
    assert inside == {"pipeline.yaml", "films.csv", "lake", "site"}


def test_a_person_goes_on_with_the_folder_as_with_any_project(looked):
    film, *_ = looked
    manifest = film.with_name(f"{film.name}.cinelake") / "pipeline.yaml"
    done = cinelake("query", "-m", manifest, "--format", "csv", "select count(*) from shots")
    assert done.returncode == 0 and int(done.stdout.split()[-1]) >= 1


def test_what_is_no_film_is_told_and_the_other_film_has_its_page(draw_film, tmp_path):
    good, bad = draw_film(tmp_path / "good.mp4"), tmp_path / "bad.mp4"
    bad.write_text("no film")
    done = cinelake("look", bad, good, "--out", tmp_path / "both", "--no-open")
    assert done.returncode == 1 and "not_a_film" in done.stdout
    assert (tmp_path / "both" / "site" / "films" / "good" / "index.html").exists()


def test_films_of_one_name_in_two_folders_have_ids_of_their_own(tmp_path):
    films = [tmp_path / name / "clip.mp4" for name in ("a", "b")]
    for film in films:
        film.parent.mkdir()
        film.touch()
    place = FilmFolder(tmp_path / "out")
    assert [place.add([film])[1] for film in films] == [["clip"], ["clip_2"]]
    assert place.add(films)[1] == ["clip", "clip_2"]
    with (tmp_path / "out" / "films.csv").open() as file:
        assert [row["uri"] for row in csv.DictReader(file)] == ["../a/clip.mp4", "../b/clip.mp4"]


@pytest.mark.parametrize("kind", ["absent", "folder", "address"])
def test_what_cannot_be_looked_at_is_refused_in_words(tmp_path, kind):
    named = {"absent": tmp_path / "no.mp4", "folder": tmp_path, "address": "s3://bucket/film.mp4"}[kind]
    told = {"absent": "there is no file", "folder": "cinelake init", "address": "is an address"}[kind]
    with pytest.raises(UsageError, match=told):
        check_film(type(tmp_path)(named))


def test_a_project_of_ones_own_is_not_looked_into(made, tmp_path):
    (tmp_path / "pipeline.yaml").write_text((made / "pipeline.yaml").read_text())
    with pytest.raises(UsageError, match="films of its own"):
        FilmFolder(tmp_path).add([tmp_path / "film.mp4"])


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").touch()
    with pytest.raises(UsageError, match="holds something else"):
        FilmFolder(tmp_path).add([tmp_path / "film.mp4"])


def test_a_page_is_opened_only_where_it_is_seen(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert not has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()
