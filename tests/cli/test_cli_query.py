"""`query`: SQL over the lake, in every format, to standard output or a file."""

import csv
import io
import json
import subprocess

import duckdb
import pyarrow.parquet as pq
import pytest
from end_to_end._command import COMMAND, cinelake, environment

from cinelake.client.lake_client import open_lake
from cinelake.errors import CinelakeError
from cli.query import query

SHOTS = "select movie_id, count(*) as shots from shots group by all order by 1"
FILMS = ["the_broken_river_000", "the_golden_road_001"]


def ask(project, sql, *words):
    return cinelake("query", "-m", project / "pipeline.yaml", sql, *words)


def test_a_table_is_for_eyes(made):
    lines = ask(made, SHOTS).stdout.splitlines()
    assert lines[0].split() == ["movie_id", "shots"]
    assert [line.split()[0] for line in lines[1:]] == FILMS


def test_csv_is_for_machines(made):
    rows = list(csv.DictReader(io.StringIO(ask(made, SHOTS, "--format", "csv").stdout)))
    assert [row["movie_id"] for row in rows] == FILMS


@pytest.mark.parametrize("words", [("--format", "json"), ("--json",)], ids="".join)
def test_json_is_for_machines(made, words):
    rows = json.loads(ask(made, SHOTS, *words).stdout)
    assert [row["movie_id"] for row in rows] == FILMS and all(row["shots"] >= 1 for row in rows)


def test_parquet_keeps_the_types(made, tmp_path):
    assert ask(made, SHOTS, "--format", "parquet", "--output", tmp_path / "shots.parquet").returncode == 0
    table = pq.read_table(tmp_path / "shots.parquet")
    assert table["movie_id"].to_pylist() == FILMS and str(table["shots"].type) == "int64"


def test_parquet_goes_to_standard_output_too(made):
    command = [*COMMAND, "query", "-m", str(made / "pipeline.yaml"), SHOTS, "-f", "parquet"]
    told = subprocess.run(command, env=environment(), capture_output=True, timeout=120).stdout
    assert pq.read_table(io.BytesIO(told))["movie_id"].to_pylist() == FILMS


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_every_format_can_be_written_to_a_file_and_prints_nothing(made, tmp_path, form):
    done = ask(made, SHOTS, "-f", form, "-o", tmp_path / "answer")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in tmp_path.iterdir()] == ["answer"] and (tmp_path / "answer").stat().st_size


def test_a_file_that_cannot_be_written_is_one_message(made, tmp_path):
    done = ask(made, SHOTS, "-f", "csv", "-o", tmp_path / "absent" / "answer.csv")
    assert done.returncode == 2
    assert "answer.csv cannot be written: No such file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"question": "films_like", "published": "1"}, "--published a version in SQL"),
        ({"sql": "select 1", "set_": ["film=dawn"]}, "--set belongs to --question"),
        ({"question": "films_like", "format": "yaml"}, "format 'yaml'"),
        ({"sql": "select 1", "format": "csv", "json": True}, "--json and --format csv"),
    ],
    ids=["published", "set", "format", "json"],
)
def test_no_option_is_left_aside_unsaid(given, words):
    with pytest.raises(CinelakeError, match=words):
        query(**{"sql": None, "question": None, **given})


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("select * from shotz", 'Did you mean "shots"'),
        ("select mvie_id from shots", '"movie_id"'),
        ("selec 1", "syntax error"),
        ("copy shots to '/tmp/x.csv'", "received COPY"),
        ("select 1; select 2", "one SELECT"),
        ("select * from read_csv('/etc/passwd')", "Permission Error"),
    ],
)
def test_what_cannot_be_answered_is_said_with_a_hint(made, sql, hint):
    done = ask(made, sql)
    assert done.returncode == 2
    assert hint in done.stderr and "Traceback" not in done.stderr


def test_a_question_without_an_end_is_ended_when_its_time_is_over(made):
    endless = "with recursive t as (select 1 a union all select a + 1 from t) select count(*) from t"
    done = ask(made, endless, "--timeout", "0.5")
    assert done.returncode == 2 and "ended after 0.5 s" in done.stderr


def test_an_unknown_format_gets_the_known_ones(made):
    assert "did you mean 'parquet'" in ask(made, SHOTS, "-f", "parket").stderr


def test_markup_emoji_codes_and_control_characters_are_shown_as_they_are(made):
    said = ask(made, "select '[red]a[/red] :smile: <script>' || chr(27) || '[31m' as \"[bold]x[/bold]\"").stdout
    assert said.splitlines()[0].strip() == "[bold]x[/bold]"
    assert said.splitlines()[1].strip() == r"[red]a[/red] :smile: <script>\x1b[31m"


def test_columns_of_one_name_keep_their_own_values(made):
    assert ask(made, "select 1 as a, 2 as a", "-f", "csv").stdout.splitlines()[1] == "1,2"


def test_without_a_lake_the_command_to_run_is_named(drawn):
    done = ask(drawn, "select 1")
    assert done.returncode == 1 and "run `cinelake run` first" in done.stderr


def test_a_reader_that_stops_early_gets_no_traceback(made):
    command = [*COMMAND, "query", "-m", str(made / "pipeline.yaml"), "select range from range(1000000)", "-f", "csv"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_the_views_open_in_a_plain_duckdb(made, tmp_path):
    assert cinelake("views", "-m", made / "pipeline.yaml", "-o", tmp_path / "views.sql").returncode == 0
    plain = duckdb.connect()
    plain.execute((tmp_path / "views.sql").read_text())
    assert plain.execute("select count(distinct movie_id) from shots").fetchone() == (2,)


def test_the_lake_opens_in_python(made):
    lake = open_lake(str(made / "lake"))
    found = lake.sql("select movie_id from shots join films using (movie_id) group by all").rows()
    assert len(found) == 2 and lake.table("sound").columns[:3] == ("movie_id", "window", "start_s")


FORMULAS = "select '=cmd|calc' as a, '- Hello' as b, -5 as c, 'x=y' as d"


def test_csv_holds_nothing_that_a_spreadsheet_would_run_and_says_what_it_changed(made):
    done = ask(made, FORMULAS, "-f", "csv")
    assert done.stdout.splitlines() == ["a,b,c,d", "'=cmd|calc,'- Hello,-5,x=y"]
    assert "2 texts begin with one of = + - @" in done.stderr and "--raw" in done.stderr


def test_raw_csv_holds_the_texts_as_they_are(made):
    assert ask(made, FORMULAS, "-f", "csv", "--raw").stdout.splitlines()[1] == "=cmd|calc,- Hello,-5,x=y"
