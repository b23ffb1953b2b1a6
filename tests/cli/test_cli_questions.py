"""The worked questions: each is asked of a drawn lake, and the command lists and asks them."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from _answerable_lake import fill
from end_to_end._command import cinelake
from typer.testing import CliRunner

from cinelake.client.lake_client import LakeClient, lake_contracts, open_lake
from cinelake.errors import DamagedFilm, UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.query.questions import find_question, known_questions
from cinelake.query.views import views_sql
from cli.docs import all_contracts
from cli.main import app
from cli.query import ask_question


@pytest.fixture(scope="module")
def lake(made: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The made lake, with the tables of models as they were drawn and one failure."""
    folder = tmp_path_factory.mktemp("asked")
    shutil.copytree(made / "lake", folder / "lake")
    shutil.copy(made / "pipeline.yaml", folder)
    lake = Lake(str(folder / "lake"))
    fill(lake, drawn / "labels")
    lake.record_failure("faces", "lost_film", "key", DamagedFilm("it ends early"))
    return lake


@pytest.fixture(scope="module")
def opened(lake: Lake) -> LakeClient:
    return open_lake(lake.storage.uri)


@pytest.fixture(scope="module")
def manifest(lake: Lake) -> Path:
    return Path(lake.storage.root).parent / "pipeline.yaml"


def test_there_are_twenty() -> None:
    assert len(known_questions()) == 21


@pytest.mark.parametrize("name", known_questions())
def test_a_question_is_answered_on_the_drawn_lake(opened: LakeClient, name: str) -> None:
    assert opened.sql(find_question(name).sql).rows()


@pytest.mark.parametrize("name", known_questions())
def test_a_question_has_the_same_answer_in_a_plain_duckdb(lake: Lake, opened: LakeClient, name: str) -> None:
    plain = duckdb.connect()
    plain.execute(views_sql(lake, lake_contracts(lake)))
    question = find_question(name)
    assert plain.sql(question.sql).to_arrow_table().to_pylist() == opened.sql(question.sql).rows()


@pytest.mark.parametrize("name", known_questions())
def test_a_question_says_what_it_asks_and_what_it_reads(name: str) -> None:
    question = find_question(name)
    assert question.asks.endswith("?") and question.tables(all_contracts())


# --- answers worked by hand


def small(folder: Path, tables: dict[str, str]) -> duckdb.DuckDBPyConnection:
    """A DuckDB with tables of a few rows."""
    connection = duckdb.connect()
    for name, rows in tables.items():
        connection.execute(f"CREATE TABLE {name} AS {rows}")
    return connection


def test_who_is_on_screen_most_while_arousal_is_high(tmp_path: Path) -> None:
    lines = (
        "SELECT 'a' AS movie_id, * FROM (VALUES (0, 0.6), (1, 0.9), (2, 0.1), (3, 0.8), (4, 0.8)) t(time_s, arousal)"
    )
    seen = "SELECT 'a' AS movie_id, * FROM (VALUES ('Anna', 0.5, 2.5), ('Ben', 1.0, 4.0)) t(character, start_s, end_s)"
    found = small(tmp_path, {"affect": lines, "appearances": seen}).sql(find_question("on_screen_while_aroused").sql)
    assert found.fetchall() == [("Ben", 2.0, 1), ("Anna", 1.5, 1)]


def test_the_average_shot_length_by_beat(tmp_path: Path) -> None:
    shots = "SELECT 'a' AS movie_id, * FROM (VALUES (0, 0, 2), (1, 2, 6), (2, 6, 7)) t(shot, start_s, end_s)"
    beats = (
        "SELECT 'a' AS movie_id, * FROM (VALUES ('chase', 2, 3), ('dinner', 0, 2)) t(category, start_shot, end_shot)"
    )
    found = small(tmp_path, {"shots": shots, "beats": beats}).sql(find_question("shot_length_by_beat").sql)
    assert found.fetchall() == [("chase", 1, 1.0, 1.0), ("dinner", 2, 3.0, 3.0)]


def test_tags_that_come_together_by_chance_have_a_lift_of_one(tmp_path: Path) -> None:
    pairs = "('x', 0), ('y', 0), ('x', 1), ('y', 2), ('z', 3), ('w', 3)"
    tags = f"SELECT 'a' AS movie_id, 0.9 AS probability, * FROM (VALUES {pairs}) t(tag, shot)"
    found = small(tmp_path, {"tag_shots": tags}).sql(find_question("tags_together").sql)
    assert found.fetchall() == [("w", "z", 1, 4.0), ("x", "y", 1, 1.0)]


@pytest.mark.parametrize(("name", "like"), [("moments_like", ("b", 0, 2.0, 1.0)), ("films_like", ("b", 1.0))])
def test_likeness_is_told_of_vectors_of_any_network_but_not_of_two(tmp_path: Path, name: str, like: Any) -> None:
    vectors = "('a', 1.0, [1, 0, 0]), ('b', 2.0, [2, 0, 0]), ('c', 3.0, [1, 0])"
    seen = f"SELECT 0 AS shot, 0 AS frame, * FROM (VALUES {vectors}) t(movie_id, time_s, embedding)"
    pictures = "SELECT 0 AS shot, 0 AS frame, true AS is_middle, * FROM (VALUES ('a'), ('b'), ('c')) t(movie_id)"
    found = small(tmp_path, {"embeddings": seen, "frames": pictures}).sql(find_question(name).sql)
    assert found.fetchall() == [like]


@pytest.mark.parametrize("name", ["moments_like", "films_like"])
def test_a_vector_of_zeros_is_like_nothing(tmp_path: Path, name: str) -> None:
    vectors = "('a', 1.0, [1, 0]), ('black', 2.0, [0, 0]), ('b', 3.0, [1, 1])"
    seen = f"SELECT 0 AS shot, 0 AS frame, * FROM (VALUES {vectors}) t(movie_id, time_s, embedding)"
    pictures = "SELECT 0 AS shot, 0 AS frame, true AS is_middle, * FROM (VALUES ('a'), ('b'), ('black')) t(movie_id)"
    found = small(tmp_path, {"embeddings": seen, "frames": pictures}).sql(find_question(name).sql).fetchall()
    assert [(row[0], row[-1]) for row in found] == [("b", 0.7071), ("black", 0.0)]


# --- the command


def test_the_command_lists_them() -> None:
    listed = json.loads(cinelake("questions", "--json").stdout)["questions"]
    assert [question["name"] for question in listed] == list(known_questions())


def test_the_command_asks_one(manifest: Path) -> None:
    done = cinelake("query", "-m", manifest, "--question", "pace", "-f", "csv")
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 2, done.stderr


def test_a_variable_of_a_question_is_set(manifest: Path, tmp_path: Path) -> None:
    films = open_lake(str(manifest.with_name("lake"))).films()
    for film in films:
        ask_question(manifest, "films_like", [f"film={film}"], "json", tmp_path / film)
        (found,) = json.loads((tmp_path / film).read_text())
        assert found["movie_id"] != film


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--question", "pase"], "did you mean 'pace'"),
        (["--question", "films_like", "--set", "flim=a"], "did you mean 'film'"),
        (["--question", "pace", "--set", "film=a"], "has nothing to set"),
        (["--question", "films_like", "--set", "film"], "NAME=VALUE"),
        (["--question", "pace", "select 1"], "one question is asked"),
        ([], "one question is asked"),
    ],
)
def test_what_cannot_be_asked_is_said(manifest: Path, words: list[str], says: str) -> None:
    done = CliRunner().invoke(app, ["query", "-m", str(manifest), *words])
    assert isinstance(done.exception, UsageError) and says in str(done.exception)


def test_a_question_whose_tables_are_not_made_names_them(made: Path) -> None:
    with pytest.raises(UsageError, match="reads beats, which no film has yet"):
        ask_question(made / "pipeline.yaml", "shot_length_by_beat", [], "csv", None)


def test_an_unknown_question_gets_close_matches() -> None:
    with pytest.raises(UnknownName, match="did you mean 'transitions'"):
        find_question("transition")
