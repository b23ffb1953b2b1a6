"""A question reads the lake, writes nowhere and loads nothing: neither by the command nor in Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cinelake.client.lake_client import open_lake
from cinelake.errors import UsageError
from cli.main import app

Asked = Callable[[Path, str], object]


def by_command(project: Path, sql: str) -> object:
    """As `cinelake query` answers it; its error is raised."""
    done = CliRunner().invoke(app, ["query", "-m", str(project / "pipeline.yaml"), sql])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def in_python(project: Path, sql: str) -> object:
    """As `lake.sql` answers it."""
    return open_lake(str(project / "lake")).sql(sql).arrow()


WRITES = [
    "COPY shots TO '{there}/x.csv'",
    "COPY (SELECT 1) TO '{lake}/shots/the_broken_river_000.parquet'",
    "COPY shots FROM '{there}/x.csv'",
    "EXPORT DATABASE '{there}'",
    "IMPORT DATABASE '{there}'",
    "ATTACH '{there}/x.db' AS x",
    "DETACH memory",
    "CREATE TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW shots AS SELECT 1",
    "INSERT INTO cells SELECT * FROM cells",
    "DELETE FROM cells",
    "DROP VIEW shots",
    "WITH x AS (COPY (SELECT 1) TO '{there}/x.csv') SELECT 1",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{there}/x.csv'",
    "SELECT * FROM enable_logging('QueryLog', storage := 'file', storage_path := '{there}/x.csv')",
    "FROM enable_profiling('json', save_location := '{there}/x.json')",
    "FROM checkpoint()",
]
LOADS = [
    "INSTALL httpfs",
    "LOAD httpfs",
    "INSTALL httpfs FROM community",
    "FROM read_parquet('https://localhost/x.parquet')",
    "FROM read_parquet('s3://bucket/x.parquet')",
    "FROM read_csv('/etc/passwd')",
    "FROM read_text('/etc/passwd')",
    "FROM read_blob('/etc/passwd')",
    "FROM read_json('/etc/passwd')",
    "FROM '/etc/passwd'",
    "FROM read_text('{lake}/../pipeline.yaml')",
    "FROM glob('/etc/*')",
    "FROM sniff_csv('/etc/passwd')",
    "FROM read_duckdb('{there}/x.db')",
    "SELECT getenv('HOME')",
    "FROM query('SELECT 1')",
]
CHANGES = [
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "SET VARIABLE x = 1",
    "PRAGMA enable_object_cache",
    "CALL enable_logging()",
    "USE memory",
    "BEGIN",
    "SELECT 1; SELECT 2",
]


@pytest.mark.parametrize("ask", [by_command, in_python])
@pytest.mark.parametrize("sql", [*WRITES, *LOADS, *CHANGES])
def test_what_is_no_question_about_the_lake_is_refused(made: Path, tmp_path: Path, sql: str, ask: Asked) -> None:
    before = files(made / "lake")
    with pytest.raises(UsageError):
        ask(made, sql.format(lake=made / "lake", there=tmp_path))
    assert list(tmp_path.iterdir()) == [] and files(made / "lake") == before


def files(folder: Path) -> dict[Path, int]:
    """Each file of the lake with when it was written, without the cache of footers."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


@pytest.mark.parametrize("ask", [by_command, in_python])
@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("SELECT * FROM shotz", "shots"),
        ("SELECT strat_s FROM shots", "start_s"),
        ("SELECT movie_id FROM shots WHERE shoot = 1", "shot"),
        ("SELECT avrage(end_s) FROM shots", "average|avg"),
    ],
)
def test_a_wrong_name_gets_the_close_ones(made: Path, sql: str, hint: str, ask: Asked) -> None:
    with pytest.raises(UsageError, match=rf"(?s)(Did you mean|Candidate bindings).*({hint})"):
        ask(made, sql)


@pytest.mark.parametrize("ask", [by_command, in_python])
def test_a_question_may_read_the_lakes_own_files(made: Path, ask: Asked) -> None:
    assert ask(made, f"SELECT count(*) FROM read_parquet('{made / 'lake'}/shots/*.parquet')")
