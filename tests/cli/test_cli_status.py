"""`status`, `why`, `gc`, `doctor`: what the lake holds, where it came from, and what nobody needs any more."""

import json

import pytest
from end_to_end._command import answer_of, cinelake
from end_to_end._lakes import TABLES, cells, other_files

from cinelake.errors import NotAFilm
from cinelake.lake.cells import Lake
from cinelake.lake.control import pause

FILM = "the_golden_road_001"


def test_status_as_json_tells_states_failures_and_orphans(made):
    found = answer_of("status", "-m", made / "pipeline.yaml")
    assert found["counts"] == {"fresh": 12, "stale": 0, "blocked": 0, "failed": 0}
    assert (found["failures"], found["orphans"], found["problems"]) == ([], [], [])


def test_status_lists_failures_with_their_reason_and_strict_counts_them(project):
    Lake(str(project / "lake")).record_failure("shots", FILM, "key", NotAFilm("[red]not[/red] a film"))
    done = cinelake("status", "-m", project / "pipeline.yaml")
    assert done.returncode == 0 and "not_a_film" in done.stdout and "[red]not[/red] a film" in done.stdout
    assert cinelake("status", "-m", project / "pipeline.yaml", "--strict").returncode == 1


def test_what_went_wrong_with_a_film_is_one_row_for_all_its_tables(project):
    for table in ("shots", "sound"):
        Lake(str(project / "lake")).record_failure(table, FILM, "key", NotAFilm("no film at all"))
    assert cinelake("status", "-m", project / "pipeline.yaml").stdout.count("no film at all") == 1
    assert len(answer_of("status", "-m", project / "pipeline.yaml")["failures"]) == 2


def test_status_and_plan_say_that_a_lake_is_paused(project):
    pause(Lake(str(project / "lake")))
    for command in ("status", "plan"):
        assert "paused since 20" in cinelake(command, "-m", project / "pipeline.yaml").stdout
        assert answer_of(command, "-m", project / "pipeline.yaml")["paused_since"].startswith("20")


def test_a_failure_without_words_can_be_listed(project):
    Lake(str(project / "lake")).record_failure("shots", FILM, "key", NotAFilm(""))
    assert cinelake("status", "-m", project / "pipeline.yaml").returncode == 0


def test_films_of_the_same_content_are_told(project):
    film = project / "films" / f"{FILM}.mp4"
    (project / "films" / "copy.mp4").write_bytes(film.read_bytes())
    said = cinelake("status", "-m", project / "pipeline.yaml").stdout
    assert f"the same content under 2 ids: copy, {FILM}" in said


@pytest.mark.slow
def test_status_names_the_films_that_count_as_good_though_some_pictures_do_not_decode(project, prefect):
    film = project / "films" / f"{FILM}.mp4"
    data = bytearray(film.read_bytes())
    place = data.index(b"mdat") + len(data) // 3
    data[place : place + 300] = bytes(300)
    film.write_bytes(data)
    assert cinelake("run", "-s", "films", cwd=project, env=prefect).returncode == 0
    assert answer_of("status", "-m", project / "pipeline.yaml")["films_with_decode_errors"] == [FILM]
    assert f"1 film has a few pictures that do not decode, and count as good: {FILM}" in (
        cinelake("status", "-m", project / "pipeline.yaml").stdout
    )


def test_why_tells_where_a_cell_came_from(made):
    found = answer_of("why", "frames", FILM, "-m", made / "pipeline.yaml")
    assert found["state"] == "fresh" and found["ingredients"]["params"]["fps"] == 1
    assert found["ingredients"]["inputs"].keys() == {"shots"}
    assert found["run"]["wall_s"] > 0 and found["run"]["versions"]["pyarrow"]


def test_why_is_readable(made):
    said = cinelake("why", "shots", FILM, "-m", made / "pipeline.yaml").stdout
    assert said.startswith(f"shots of {FILM}: fresh") and "version of pyarrow" in said


def test_why_of_an_unknown_table_or_film_gets_close_matches(made):
    assert "did you mean 'shots'" in cinelake("why", "shot", FILM, "-m", made / "pipeline.yaml").stderr
    assert f"did you mean '{FILM}'" in cinelake("why", "shots", FILM[:-1], "-m", made / "pipeline.yaml").stderr


def test_gc_lists_first_and_deletes_only_when_told(project):
    (project / "films" / f"{FILM}.mp4").unlink()
    listed = answer_of("gc", "-m", project / "pipeline.yaml")
    assert not listed["deleted"] and {cell["table"] for cell in listed["cells"]} == set(TABLES)
    assert len(cells(project / "lake")) == 12
    assert answer_of("gc", "-m", project / "pipeline.yaml", "--yes")["deleted"]
    assert len(cells(project / "lake")) == 6 and not any(FILM in name for name in cells(project / "lake"))


def test_gc_deletes_failures_of_films_that_left(project):
    Lake(str(project / "lake")).record_failure("shots", "left_long_ago", "key", NotAFilm("no film"))
    assert cinelake("status", "-m", project / "pipeline.yaml", "--strict").returncode == 0
    assert "1 failure of 1 film " in cinelake("gc", "-m", project / "pipeline.yaml", "--yes").stdout
    assert not other_files(project / "lake")


def test_gc_with_nothing_to_do_deletes_nothing(project):
    assert answer_of("gc", "-m", project / "pipeline.yaml", "--yes")["cells"] == []
    assert len(cells(project / "lake")) == 12


def test_doctor_checks_machine_and_manifest(made):
    checks = {check["check"]: check for check in answer_of("doctor", "-m", made / "pipeline.yaml")["checks"]}
    assert {"ffmpeg", "manifest", "lake", "films and weights"} <= checks.keys()
    assert "2 films" in checks["films and weights"]["found"]


def test_docs_lists_every_column_of_every_table():
    found = {table["table"]: table for table in json.loads(cinelake("docs", "--json").stdout)["tables"]}
    page = cinelake("docs").stdout
    assert {*TABLES, "failures"} <= found.keys()
    for table in found.values():
        assert all(f"| `{column['name']}` |" in page and column["doc"] for column in table["columns"])


def test_docs_of_an_unknown_table_gets_close_matches():
    done = cinelake("docs", "--table", "shotz")
    assert done.returncode == 2 and "did you mean 'shots'" in done.stderr


def test_gc_refuses_to_delete_a_whole_lake_when_the_catalogue_is_empty(project):
    before = cells(project / "lake")
    for film in (project / "films").iterdir():
        film.unlink()
    assert cinelake("gc", "--yes", cwd=project).returncode == 2
    assert cells(project / "lake") == before
