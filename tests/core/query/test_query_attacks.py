"""Statements that try to write, to load or to read elsewhere: refused with the project's error, every file as it was.

The guard reads what DuckDB parses; behind it the connection has no way to write. Each is tried without the other.
"""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import duckdb
import pytest
from _small_lake import MARKS, commit_marks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cinelake
from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.query.views import ask, open_query

SECRET = "what-nobody-reads"


class Surroundings:
    """A lake with cells, a champion and a record of what is published, beside files that are nobody's business."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.lake = Lake(str(folder / "lake"))
        commit_marks(self.lake, "alien")
        commit_marks(self.lake, "brazil")
        for name in ("lake/champions/marks.json", "lake/published/latest.json", "beside/secret.csv", "beside/x.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f'{{"{SECRET}": 1}}')
        (folder / "temporary").mkdir()
        self.connection = open_query(self.lake, {"marks": MARKS})
        self.before = self.digests()

    def digests(self) -> dict[str, str]:
        """What every file and folder holds."""
        return {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            for path in sorted(self.folder.rglob("*"))
        }

    def fill(self, sql: str) -> str:
        """The statement with the places that it names."""
        return (
            sql.replace("LAKE", str(self.folder / "lake"))
            .replace("BESIDE", str(self.folder / "beside"))
            .replace("TEMPORARY", str(self.folder / "temporary"))
        )


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    """The surroundings, in which the process works and puts its temporary files while a test runs."""
    folder, was = tmp_path_factory.mktemp("attacked"), Path.cwd()
    patch = pytest.MonkeyPatch()
    (folder / "temporary").mkdir()
    patch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    (folder / "temporary").rmdir()
    os.chdir(folder)
    try:
        yield Surroundings(folder)
    finally:
        os.chdir(was)
        patch.undo()


CELL = "'LAKE/marks/alien.parquet'"
COPIES = [
    f"copy (select 'pwn' as movie_id, 1 as mark) to {CELL} (format parquet)",
    f"copy (select 1) to {CELL} (format parquet, use_tmp_file false)",
    "copy (select 1) to 'lake://marks/alien.parquet' (format parquet, use_tmp_file false)",
    "copy (select 1) to 'lake:///marks/new.csv'",
    "copy marks to 'LAKE/champions/marks.json' (format json, use_tmp_file false)",
    "copy (select 1) to 'LAKE/published/latest.json' (format csv, header false, use_tmp_file false)",
    "copy (select 1) to 'BESIDE/secret.csv' (use_tmp_file false)",
    "copy (select 1 a, 2 b) to 'LAKE/marks' (format parquet, partition_by (a), overwrite_or_ignore)",
    "copy (select 1 a, 2 b) to 'lake://marks' (format parquet, partition_by (a), overwrite)",
    "copy (select 1) to 'x.csv'",
    "copy (select 1) to '.tmp/x.csv'",
    "copy (select 1) to '/dev/stdout'",
    "export database 'LAKE/export'",
    "export database 'lake://export'",
]
WRITES = [
    *COPIES,
    f"attach {CELL} as cell",
    "attach 'LAKE/x.db'",
    "attach 'lake://x.db'",
    "attach 'lake://published/latest.json' as x",
    "install httpfs",
    "load httpfs",
    "load 'LAKE/marks/alien.parquet'",
    "create persistent secret (type s3)",
    "set temp_directory = 'LAKE/marks'",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "set allowed_paths = ['/etc/passwd']",
    "set log_query_path = 'BESIDE/log.txt'",
    "set lock_configuration = false",
    "reset lock_configuration",
    "pragma enable_profiling",
    "pragma profiling_output = 'BESIDE/profile.json'",
    "call enable_logging('QueryLog', storage := 'file', storage_path := 'BESIDE/log.csv')",
]
READS = [
    "from '/etc/passwd'",
    "from read_csv('/etc/passwd')",
    "from read_text('/etc/passwd')",
    "from read_blob('file:///etc/passwd')",
    "from read_text('lake://../beside/secret.csv')",
    "from read_text('LAKE/../beside/secret.csv')",
    "from read_csv('beside/secret.csv')",
    "from 'BESIDE/secret.csv'",
    "from 'beside/x.json'",
    "from glob('/etc/*')",
    "from glob('lake://../*')",
    "from glob('BESIDE/*')",
    "from sniff_csv('BESIDE/secret.csv')",
    "from parquet_metadata('/etc/passwd')",
    "from read_duckdb('BESIDE/x.db')",
    "select getenv('HOME')",
    "from (select content from read_text('/etc/' || 'passwd'))",
    "select (select content from read_text('/etc/passwd'))",
]
HARMLESS = [
    "insert into cells (movie_id) values ('x')",
    "delete from cells",
    "drop view marks",
    "create or replace view marks as select 1",
    "create table x as select 1",
    "create macro m() as table (from read_text('/etc/passwd'))",
    "create trigger t after insert on cells for each statement (select 1)",
    "checkpoint",
    "force checkpoint",
    "vacuum",
    "begin",
    "use memory",
    "prepare p as select 1",
    "execute p",
    "call pragma_version()",
    "attach ':memory:' as m",
    "detach memory",
    "comment on view marks is 'x'",
    "pragma version",
    "set variable cinelake_root = '/etc'",
]
"""Statements without a file: the guard alone refuses them."""

WRAPPED: list[tuple[str, Callable[[str], str]]] = [
    ("as it is", lambda sql: sql),
    ("behind a question", lambda sql: f"select 1; {sql}"),
    ("before a question", lambda sql: f"{sql}; select 1"),
    ("explained", lambda sql: f"explain {sql}"),
    ("analyzed", lambda sql: f"EXPLAIN ANALYZE {sql}"),
    ("options", lambda sql: f"explain (analyze) {sql}"),
    ("format", lambda sql: f"explain (analyze, format json) {sql}"),
    ("a bracket in a comment", lambda sql: f"explain (analyze /*) select 1 -- */) {sql}"),
    ("a bracket behind dashes", lambda sql: f"explain (analyze --) select 1 \n) {sql}"),
    ("a nested comment", lambda sql: f"explain /* /* */ (analyze) select 1 */ (analyze /*) select 1 */) {sql}"),
    ("a bracket in a quoted name", lambda sql: f'explain (analyze, format ")select 1") {sql}'),
    ("a bracket in a text", lambda sql: f"explain (analyze, format ') select 1 --') {sql}"),
    ("a bracket in dollars", lambda sql: f"explain (format $$) select 1 --$$, analyze) {sql}"),
    ("in a WITH", lambda sql: f"with x as ({sql}) select 1"),
    ("in a WITH that is analyzed", lambda sql: f"explain analyze with x as materialized ({sql}) from x"),
    ("in a subquery", lambda sql: f"select (with x as ({sql}) select count(*) from x)"),
    ("spaces of Unicode", lambda sql: f"explain\u00a0analyze\u2003{sql}"),
    ("comments around", lambda sql: f"/* select 1 */ explain -- select 1\n analyze /* ; */ {sql} -- end"),
    ("in a text that is executed", lambda sql: f"from query($q${sql}$q$)"),
    (
        "serialized",
        lambda sql: f"from json_execute_serialized_sql(json_serialize_sql($q$with x as ({sql}) from x$q$))",
    ),
    ("prepared", lambda sql: f"prepare p as {sql}"),
    ("a macro", lambda sql: f"create macro m() as table ({sql})"),
]


def refused(around: Surroundings, sql: str) -> None:
    """A statement that the project's own error refuses, while nothing changes."""
    with pytest.raises(UsageError):
        ask(around.connection, around.fill(sql))
    assert around.digests() == around.before


@pytest.mark.parametrize("sql", [*WRITES, *HARMLESS])
@pytest.mark.parametrize(("how", "wrap"), WRAPPED, ids=[how for how, _ in WRAPPED])
def test_a_statement_that_is_no_question_is_refused_however_it_is_wrapped(
    around: Surroundings, sql: str, how: str, wrap: Callable[[str], str]
) -> None:
    refused(around, wrap(sql))


@pytest.mark.parametrize("sql", READS)
@pytest.mark.parametrize("start", ["", "explain analyze ", "explain (analyze, format json) "])
def test_a_file_outside_the_lake_is_not_read(around: Surroundings, sql: str, start: str) -> None:
    refused(around, start + sql)


@pytest.mark.parametrize("sql", WRITES)
def test_the_connection_alone_writes_nothing(around: Surroundings, sql: str) -> None:
    connection = open_query(around.lake, {"marks": MARKS})
    try:
        connection.execute(around.fill(sql)).fetchall()
    except duckdb.Error:
        pass
    else:
        assert sql.startswith("attach"), "only a file of the lake that is attached to be read raises nothing"
    assert around.digests() == around.before


@pytest.mark.parametrize("sql", READS)
def test_the_connection_alone_reads_no_other_file(around: Surroundings, sql: str) -> None:
    if "getenv" not in sql:
        with pytest.raises(duckdb.Error):
            assert not open_query(around.lake, {}).execute(around.fill(sql)).fetchall()
            raise duckdb.Error("no file was found")


@pytest.mark.parametrize("sql", COPIES)
def test_a_condition_in_python_writes_nothing(around: Surroundings, sql: str) -> None:
    rows = cinelake.open(str(around.folder / "lake")).table("marks")
    sql = around.fill(sql)
    for condition in (f"mark in (with x as ({sql}) from x)", f"true); {sql}; --", f"true; {sql}"):
        with pytest.raises(UsageError):
            rows.filter(condition).rows()
        with pytest.raises(UsageError):
            rows.select(condition).rows()
        with pytest.raises(UsageError):
            rows.order(condition).rows()
    assert around.digests() == around.before


def test_a_link_out_of_the_lake_is_not_followed(tmp_path: Path) -> None:
    commit_marks(lake := Lake(str(tmp_path / "lake")), "alien")
    (tmp_path / "secret.txt").write_text(SECRET)
    connection = open_query(lake, {"marks": MARKS})
    (tmp_path / "lake/marks/link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(UsageError, match=r"marks/link.txt is a link to a file outside the lake"):
        ask(connection, f"select * from read_text('{tmp_path}/lake/marks/*.txt')")


def test_a_lake_may_itself_be_a_link_and_hold_links_within(tmp_path: Path) -> None:
    commit_marks(Lake(str(tmp_path / "disk")), "alien")
    (tmp_path / "lake").symlink_to("disk")
    (tmp_path / "disk/marks/again.parquet").symlink_to("alien.parquet")
    (rows,) = ask(
        open_query(Lake(str(tmp_path / "lake")), {"marks": MARKS}), "select count(*) n from marks"
    ).to_pylist()
    assert rows["n"] > 0


def test_the_error_of_a_refused_file_is_one_line(around: Surroundings) -> None:
    with pytest.raises(UsageError, match=r"\APermissionError: .* is outside the lake\Z"):
        ask(around.connection, "from read_text('lake://../beside/secret.csv')")


def test_what_does_not_fit_memory_spills_and_leaves_nothing(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    little = partial(duckdb.connect, config={"memory_limit": "60MB", "threads": 2})
    monkeypatch.setattr(duckdb, "connect", little)
    opened = open_query(around.lake, {})
    sql = "select * from range(8000000) t(a) order by hash(a) limit 1 offset 7000000"
    assert ask(opened, sql).num_rows == 1
    (spilled,) = (around.folder / "temporary").iterdir()
    assert spilled.name.startswith("cinelake-query-")
    del opened
    gc.collect()
    assert around.digests() == around.before


def test_files_of_the_lake_are_read_by_their_paths(around: Surroundings) -> None:
    for path in (
        "LAKE/marks/*.parquet",
        "lake/marks/*.parquet",
        "lake://marks/*.parquet",
        "file://LAKE/marks/*.parquet",
    ):
        path = around.fill(path)
        for sql in (f"select count(*) n from read_parquet('{path}')", f"select count(*) n from '{path}'"):
            assert ask(around.connection, f"/* é */ {sql} -- '{path}'").to_pylist() == [{"n": 6}]
    assert ask(around.connection, around.fill(f"select count(*) n from {CELL} a join {CELL} b using (mark)")).num_rows


@pytest.mark.parametrize(
    ("sql", "key", "holds"),
    [
        ("explain /* ) */ from marks", "physical_plan", "READ_PARQUET"),
        ("EXPLAIN ANALYZE (select 1)", "analyzed_plan", "Total Time"),
        ("explain (select 1)", "physical_plan", "Projection"),
        ("explain (analyze /* ) copy */, format json) -- )\n from marks", "analyzed_plan", '"'),
        ("explain (format 'JSON') from marks", "physical_plan", '"name"'),
        ("explain\u00a0analyze from marks", "analyzed_plan", "Total Time"),
    ],
)
def test_an_explained_question_is_explained(around: Surroundings, sql: str, key: str, holds: str) -> None:
    (row,) = ask(around.connection, sql).to_pylist()
    assert row["explain_key"] == key and holds in row["explain_value"]


def test_unknown_options_of_explain_are_refused_with_the_known_ones(around: Surroundings) -> None:
    with pytest.raises(UsageError, match=r"ANALYZE and FORMAT with one of text, json"):
        ask(around.connection, "explain (format codegen) select 1")


# --- statements put together at random

PIECES = [
    *(
        "select 1",
        "select * from marks",
        "from marks",
        "values (1)",
        "with x as (",
        ") select 1",
        ") from x",
        "explain ",
    ),
    *("explain (", "analyze", "analyze ", "format json", ", ", ") ", "(", ")", ";", "; ", "/*", "*/", "--", "\n", "$$"),
    *("'", '"', "$q$", "E'\\''", "\u00a0", "\u200b", "\x00", "é", " ", "prepare p as ", "execute p", "call ", "query("),
    *(
        "json_execute_serialized_sql(json_serialize_sql(",
        "))",
        "materialized ",
        "create macro m() as table ",
        "pragma ",
    ),
    *(
        "describe ",
        "summarize ",
        "set ",
        "from read_text('/etc/passwd')",
        "from glob('BESIDE/*')",
        " union all ",
        " as x ",
    ),
    *(
        "insert into cells ",
        "returning *",
        " to ",
        CELL,
        "'BESIDE/secret.csv'",
        "'lake://marks/alien.parquet'",
        "copy ",
    ),
    *("(format parquet, use_tmp_file false)", "(use_tmp_file false)", "copy (select 1) to ", "export database "),
]
STATEMENTS = st.lists(
    st.one_of(st.sampled_from([*PIECES, *WRITES, *READS, *HARMLESS]), st.text(max_size=3)), min_size=1, max_size=12
).map("".join) | st.builds(
    lambda wraps, sql: [sql := wrap(sql) for _, wrap in wraps][-1],
    st.lists(st.sampled_from(WRAPPED), min_size=1, max_size=4),
    st.sampled_from([*WRITES, *READS, *HARMLESS, "select 1"]),
)


def attack(around: Surroundings, count: int) -> None:
    """Ask so many statements; each is answered or refused as the project refuses, and changes nothing."""

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(STATEMENTS)
    def nothing_changes(sql: str) -> None:
        try:
            answer = ask(around.connection, around.fill(sql))
        except UsageError:
            pass
        else:
            assert not any(hidden in str(answer.to_pylist()) for hidden in (SECRET, "root:"))
        assert around.digests() == around.before

    nothing_changes()


def test_no_statement_put_together_at_random_changes_a_file(around: Surroundings) -> None:
    attack(around, 300)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_none_of_many_statements_changes_a_file(around: Surroundings) -> None:
    """`CINELAKE_ATTACKS` is how many."""
    attack(around, int(os.environ.get("CINELAKE_ATTACKS", "10000")))


# --- texts that are hard to look through

DEEP = {
    "brackets": "select " + "(" * 20_000 + "1" + ")" * 20_000,
    "lists": "select " + "[" * 20_000,
    "terms": "select " + "+".join(["1"] * 900),
    "denials": "select " + "not " * 900 + "true",
    "questions": "explain select " + "(select " * 400 + "1" + ")" * 400,
    "a word in another encoding": "select '\udce9'",
}


@pytest.mark.parametrize("how", DEEP)
def test_a_question_that_cannot_be_looked_through_is_refused_in_words(around: Surroundings, how: str) -> None:
    refused(around, DEEP[how])


def test_brackets_in_texts_and_beside_each_other_are_no_depth(around: Surroundings) -> None:
    sql = f"select '{'(' * 2000}' as a, {'+'.join(['(1)'] * 100)} as b -- {'(' * 2000}"
    assert ask(around.connection, sql).to_pylist() == [{"a": "(" * 2000, "b": 100}]
