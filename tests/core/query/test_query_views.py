"""Questions in SQL: every table as its contract has it, and nothing but questions about the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _small_lake import MARKS, commit_marks, marks

from cinelake.errors import DamagedFilm, StorageError, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.plan.keys import Recipe
from cinelake.plan.plan import Planned, Snapshot, make_plan
from cinelake.query.views import ask, cell_rows, open_query
from cinelake.spec.contract import ENUM, Column, Contract, vector

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with two films' marks, in a folder whose name has a quote."""
    lake = Lake(str(tmp_path / "film's lake"))
    commit_marks(lake, "alien", marks("alien", [0, 1], kind=["start", "end"], weight=[None, 0.25]))
    commit_marks(lake, "brazil")
    return lake


@pytest.fixture(params=["on a disk", "in a bucket"])
def any_lake(lake: Lake, request: pytest.FixtureRequest) -> Lake:
    """The same lake read by DuckDB itself, and as one in a bucket is read: through `pyarrow.fs` alone."""
    if request.param == "in a bucket":
        lake.storage.local = None
    return lake


def answer(lake: Lake, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ask(open_query(lake, {"marks": MARKS}), sql).to_pylist()
    return rows


def test_a_view_unites_all_films(any_lake: Lake) -> None:
    rows = answer(any_lake, "SELECT movie_id, count(*) AS marks FROM marks GROUP BY ALL ORDER BY ALL")
    assert rows == [{"movie_id": "alien", "marks": 2}, {"movie_id": "brazil", "marks": 3}]


def test_values_of_every_kind_come_as_they_were_written(any_lake: Lake) -> None:
    (row,) = answer(any_lake, "FROM marks WHERE movie_id = 'alien' AND kind = 'end'")
    assert row == {
        "movie_id": "alien",
        "mark": 1,
        "kind": "end",
        "weight": 0.25,
        "place": [0, 1],
        "sketch": [0, 0.5, 1],
        "embedding": [1, 2, 3, 4],
    }


def test_vectors_can_be_compared_and_null_is_null(any_lake: Lake) -> None:
    distance = "array_distance(place, [3, 1]::FLOAT[2])"
    assert answer(any_lake, f"SELECT DISTINCT {distance} AS d FROM marks") == [{"d": 3}]
    assert answer(any_lake, "SELECT count(*) AS n FROM marks WHERE weight IS NULL") == [{"n": 1}]


NUMBERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
NUMBERS += [pa.float16(), pa.float32(), pa.float64()]
VALUES: list[tuple[pa.DataType, Any]] = [
    *((kind, 1) for kind in NUMBERS),
    *((vector(3, kind), [1, 0, 1]) for kind in NUMBERS),
    (vector(None, pa.uint8()), [1, 0, 1]),
    (pa.string(), "é"),
    (ENUM, "é"),
    (pa.bool_(), True),
    (pa.binary(), b"\x00\xff"),
]


@pytest.mark.parametrize(
    ("kind", "value"), VALUES, ids=lambda given: str(given) if isinstance(given, pa.DataType) else ""
)
def test_every_type_that_a_contract_may_have_has_a_view(tmp_path: Path, kind: pa.DataType, value: Any) -> None:
    contract = Contract("t", "A table.", [Column("x", kind, "A value.")], key=[])
    lake = Lake(str(tmp_path))
    empty = ask(open_query(lake, {"t": contract}), "FROM t")
    (tmp_path / "t").mkdir()
    pq.write_table(pa.Table.from_batches([contract.batch("film", x=[value])]), tmp_path / "t" / "film.parquet")
    found = ask(open_query(lake, {"t": contract}), "FROM t")
    assert (empty.schema, empty.num_rows) == (found.schema, 0)
    assert found["x"].to_pylist() == [value]


def test_a_table_without_a_file_is_an_empty_view_with_its_columns(any_lake: Lake) -> None:
    contract = Contract("shots", "Shots.", [Column("shot", pa.int32(), "Number.")], key=["shot"])
    table = ask(open_query(any_lake, {"marks": MARKS, "shots": contract}), "FROM shots JOIN marks USING (movie_id)")
    assert (table.num_rows, table.column_names[:2]) == (0, ["movie_id", "shot"])


def test_a_column_that_older_films_lack_is_null_for_them(any_lake: Lake) -> None:
    later = Contract("marks", "Marks.", [*MARKS.columns, Column("note", pa.string(), "A note.", True)], key=["mark"])
    path = any_lake.cell_path("marks", "clue")
    pq.write_table(pa.Table.from_batches([marks("clue")]).append_column("note", pa.array(["n"] * 3)), path)
    notes = "SELECT movie_id, any_value(note) AS n FROM marks GROUP BY 1 ORDER BY 1"
    assert ask(open_query(any_lake, {"marks": later}), notes)["n"].to_pylist() == [None, None, "n"]


def test_a_column_that_no_film_has_yet_is_null(any_lake: Lake) -> None:
    more = Contract("marks", "Marks.", columns=[*MARKS.columns, Column("colour", pa.string(), "Its.")], key=MARKS.key)
    rows = ask(open_query(any_lake, {"marks": more}), "SELECT count(*) AS marks, count(colour) AS colours FROM marks")
    assert rows.to_pylist() == [{"marks": 5, "colours": 0}]


def test_vectors_of_open_size_may_differ_from_film_to_film(any_lake: Lake) -> None:
    commit_marks(any_lake, "clue", marks("clue", [0], embedding=np.ones((1, 9), np.float32)))
    sizes = "SELECT DISTINCT len(embedding) AS n FROM marks ORDER BY 1"
    assert answer(any_lake, sizes) == [{"n": 4}, {"n": 9}]


def test_cells_tells_what_is_made_and_what_a_plan_says_of_it(lake: Lake) -> None:
    commit_marks(lake, "alien", key="key", run={"at": "2026-01-02T03:04:05+00:00", "wall_s": 0.5, "rows": 3})
    recipe = Recipe("marks", 1, 1, {})
    plan = make_plan([Planned("marks", recipe, {})], {"alien": "a", "clue": "c"}, Snapshot({}, {}))
    connection = open_query(lake, {"marks": MARKS}, cell_rows(plan, Index(lake)))
    rows = ask(
        connection, 'SELECT movie_id, "table", state, key, year(made_at) AS y, wall_s, rows FROM cells'
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("alien", "marks", "stale", "key", 2026, 0.5, 3),
        ("clue", "marks", "stale", None, None, None, None),
    ]


def test_failures_of_all_tasks_are_one_view(any_lake: Lake) -> None:
    assert answer(any_lake, "FROM failures") == []
    lake = Lake(any_lake.storage.root)
    lake.record_failure("marks", "alien", "key", DamagedFilm("bad"))
    lake.record_failure("catalogue", "clue", "key", DamagedFilm("worse"))
    rows = answer(any_lake, "SELECT movie_id, task, reason, message FROM failures ORDER BY ALL")
    assert [tuple(row.values()) for row in rows] == [
        ("alien", "marks", "damaged_film", "bad"),
        ("clue", "catalogue", "damaged_film", "worse"),
    ]


def test_unfinished_files_are_in_no_view(lake: Lake) -> None:
    with lake.scratch() as scratch:
        pq.write_table(pa.table({"movie_id": ["ghost"]}), scratch / "marks.parquet")
        assert answer(lake, "FROM marks WHERE movie_id = 'ghost'") == []


def test_a_lake_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cinelake run"):
        open_query(Lake(str(tmp_path / "nothing")), {})


# --- nothing but questions

QUESTIONS = [
    "SELECT 1 AS a, 2 AS a",
    "FROM marks",
    "VALUES (1)",
    "WITH m AS (SELECT mark FROM marks) SELECT max(mark) FROM m",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9) SELECT sum(n) FROM r",
    "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3",
    "DESCRIBE marks",
    "SUMMARIZE marks",
    "SHOW TABLES",
    "EXPLAIN SELECT * FROM marks",
    "EXPLAIN ANALYZE SELECT * FROM marks",
    "explain (analyze, format json) FROM marks",
    "-- how many?\nSELECT count(*) FROM marks; -- so many",
    "SELECT 'COPY x TO y; DROP VIEW marks' AS copy",
    "SELECT mark, rank() OVER (ORDER BY weight) FROM marks QUALIFY rank() OVER (ORDER BY weight) = 1",
    "SELECT list_transform(embedding, lambda x: x + 1) FROM marks",
    "SELECT (SELECT max(mark) FROM marks m WHERE m.movie_id = marks.movie_id) FROM marks",
    "FROM unnest([1, 2]) JOIN generate_series(1, 2) ON true",
]


@pytest.mark.parametrize("sql", QUESTIONS)
def test_a_question_is_answered(lake: Lake, sql: str) -> None:
    assert answer(lake, sql)


REFUSED = [
    "",
    "SELECT 1; SELECT 2",
    "COPY (SELECT 1) TO '{lake}/marks/alien.parquet'",
    "COPY marks TO '{lake}/x.csv'",
    "EXPORT DATABASE '{lake}/x'",
    "ATTACH '{lake}/x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "DROP VIEW marks",
    "DELETE FROM cells",
    "INSERT INTO cells (movie_id) VALUES ('x')",
    "UPDATE cells SET movie_id = 'x'",
    "SET threads = 1",
    "SET VARIABLE x = 1",
    "PRAGMA version",
    "PRAGMA threads = 1",
    "CALL pragma_version()",
    "CHECKPOINT",
    "PREPARE p AS SELECT 1",
    "BEGIN",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{lake}/x.csv'",
    "/* a */ EXPLAIN /* b */ ANALYZE /* c */ COPY (SELECT 1) TO '{lake}/x.csv'",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "WITH x AS (COPY (SELECT 1) TO '{lake}/marks/alien.parquet') SELECT 1",
    "WITH x AS (INSERT INTO cells (movie_id) VALUES ('x') RETURNING *) FROM x",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{lake}/x.csv') SELECT 1",
    "SELECT * FROM nowhere",
    "SELEKT 1",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_anything_else_is_refused_and_changes_nothing(lake: Lake, sql: str) -> None:
    connection = open_query(lake, {"marks": MARKS})
    before = {path: path.stat().st_mtime_ns for path in Path(lake.storage.uri).rglob("*")}
    with pytest.raises(UsageError):
        ask(connection, sql.format(lake=lake.storage.uri.replace("'", "''")))
    assert {path: path.stat().st_mtime_ns for path in Path(lake.storage.uri).rglob("*")} == before


HIDDEN = [
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('WITH x AS (COPY (SELECT 1) TO ''x'') FROM x'))",
    "FROM (SELECT * FROM JSON_Execute_Serialized_SQL('{}'))",
    "EXPLAIN ANALYZE SELECT * FROM query('SELECT 1')",
]


@pytest.mark.parametrize("sql", HIDDEN)
def test_a_statement_hidden_in_a_text_is_refused(lake: Lake, sql: str) -> None:
    with pytest.raises(UsageError, match="ask the question itself"):
        answer(lake, sql)


OUTSIDE = [
    "SELECT * FROM read_text('{outside}')",
    "SELECT * FROM read_csv('{outside}')",
    "SELECT * FROM read_blob('{lake}/../secret.csv')",
    "SELECT * FROM '{outside}'",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM parquet_metadata('{outside}')",
    "SELECT * FROM sniff_csv('{outside}')",
    "SELECT * FROM read_csv('http://localhost/x.csv')",
    "SELECT * FROM '{lake} too/secret.csv'",
]


@pytest.mark.parametrize("sql", OUTSIDE)
def test_files_outside_the_lake_cannot_be_read(lake: Lake, tmp_path: Path, sql: str) -> None:
    for path in (tmp_path / "secret.csv", tmp_path / "film's lake too" / "secret.csv"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("secret\n1\n")
    quoted = lake.storage.uri.replace("'", "''")
    with pytest.raises(UsageError):
        answer(lake, sql.format(lake=quoted, outside=tmp_path / "secret.csv", folder=tmp_path))


def test_what_a_question_may_do_cannot_be_changed_by_one(lake: Lake) -> None:
    connection = open_query(lake, {"marks": MARKS})
    for setting in ("enable_external_access", "lock_configuration"):
        assert ask(connection, f"SELECT current_setting('{setting}') AS v")["v"].to_pylist() == [
            setting == "lock_configuration"
        ]


@pytest.mark.parametrize("name", ["[2024] films", "films*", "who?", "{a,b}", "Ünïcode lake"])
def test_a_lake_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    lake = Lake(str(tmp_path / name / "lake"))
    commit_marks(lake, "alien", marks("alien", place=np.ones((3, 2), np.float32)))
    lake.record_failure("marks", "brazil", "key", DamagedFilm("bad"))
    assert answer(lake, "SELECT count(*) AS n FROM marks") == [{"n": 3}]
    assert answer(lake, "SELECT count(*) AS n FROM failures") == [{"n": 1}]
