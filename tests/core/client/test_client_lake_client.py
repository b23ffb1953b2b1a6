"""A lake in Python: lazy rows, in every form that analysts use."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from _small_lake import commit_marks, marks

import cinelake
from cinelake.client.lake_client import LakeClient, lake_contracts
from cinelake.errors import StorageError, UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.query.views import views_sql


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A lake with two films' marks, in a folder whose name has a quote."""
    lake = Lake(str(tmp_path / "film's lake"))
    commit_marks(lake, "alien", marks("alien", [0, 1], kind=["start", "end"], weight=[None, 0.25]))
    commit_marks(lake, "brazil")
    return tmp_path / "film's lake"


@pytest.fixture
def opened(place: Path) -> LakeClient:
    return cinelake.open(str(place))


def test_a_lake_is_opened_without_its_manifest(opened: LakeClient) -> None:
    assert opened.tables == ("marks",) and opened.films("marks") == ("alien", "brazil")


def test_a_lake_is_opened_by_a_path_as_by_its_name(place: Path) -> None:
    assert cinelake.open(place).films("marks") == cinelake.open(str(place)).films("marks") != ()


def test_a_table_comes_as_arrow_pandas_dictionaries_and_polars(opened: LakeClient) -> None:
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    rows = opened.table("marks")
    assert rows.arrow().num_rows == len(rows.pandas()) == len(rows.rows()) == 5
    assert isinstance(rows.polars(), polars.DataFrame) and isinstance(rows.polars(lazy=True), polars.LazyFrame)


def test_rows_are_taken_by_whatever_reads_arrow(opened: LakeClient) -> None:
    assert pa.table(opened.table("marks")).num_rows == 5


def test_rows_come_in_batches(opened: LakeClient) -> None:
    assert sum(batch.num_rows for batch in opened.table("marks").batches(rows=2)) == 5


def test_rows_are_filtered_ordered_and_cut(opened: LakeClient) -> None:
    found = opened.table("marks").filter("movie_id = 'alien'").order("mark desc").select("mark", "kind").limit(1)
    assert found.columns == ("mark", "kind") and found.rows() == [{"mark": 1, "kind": "end"}]


def test_only_the_columns_that_are_asked_for_are_read(opened: LakeClient) -> None:
    plan = opened.table("marks").filter("mark = 1").select("kind").relation.explain()
    scan = plan[plan.index("READ_PARQUET") :]
    assert "Filters: mark = 1" in scan and "kind" in scan and "sketch" not in scan


def test_rows_are_a_relation_of_duckdb(opened: LakeClient) -> None:
    relation = opened.table("marks").relation
    assert isinstance(relation, duckdb.DuckDBPyRelation) and relation.aggregate("count(*)").fetchall() == [(5,)]


def test_embeddings_are_compared_by_their_cosine(opened: LakeClient) -> None:
    cosine = "array_cosine_similarity(embedding::FLOAT[4], [4, 3, 2, 1]::FLOAT[4])"
    (found,) = opened.sql(f"select distinct {cosine} as cosine from marks").rows()
    assert found["cosine"] == pytest.approx(20 / 30)


def test_a_lake_of_thousands_of_small_files_is_asked_at_once(place: Path) -> None:
    for number in range(2000):
        (place / "marks" / f"copy_{number}.parquet").hardlink_to(place / "marks" / "brazil.parquet")
    assert cinelake.open(str(place)).sql("select count(*) n from marks").rows() == [{"n": 6005}]


def test_questions_are_asked_in_sql(opened: LakeClient) -> None:
    found = opened.sql("select movie_id, count(*) marks from marks group by all order by all")
    assert found.pandas().marks.tolist() == [2, 3]


def test_films_that_come_later_are_seen(opened: LakeClient, place: Path) -> None:
    commit_marks(Lake(str(place)), "casablanca")
    assert opened.sql("select count(distinct movie_id) n from marks").rows() == [{"n": 3}]


def test_a_wrong_column_is_told_with_close_ones(opened: LakeClient) -> None:
    with pytest.raises(UsageError, match="kind"):
        opened.sql("select kinds from marks")
    with pytest.raises(UsageError, match="kind"):
        opened.table("marks").filter("kinds = 'start'")


def test_an_unknown_table_gets_close_matches(opened: LakeClient) -> None:
    with pytest.raises(UnknownName, match="did you mean 'marks'"):
        opened.table("mark")


def test_nothing_but_questions_is_answered(opened: LakeClient) -> None:
    with pytest.raises(UsageError, match="received COPY"):
        opened.sql("copy marks to 'x.csv'")


def test_a_lake_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no lake at"):
        cinelake.open(str(tmp_path / "nowhere"))


def test_views_open_in_a_plain_duckdb(place: Path) -> None:
    lake = Lake(str(place))
    plain = duckdb.connect()
    plain.execute(views_sql(lake, lake_contracts(lake)))
    assert plain.execute("select count(*) from marks").fetchall() == [(5,)]
    assert plain.execute("select comment is not null from duckdb_views() where view_name = 'marks'").fetchall() == [
        (True,)
    ]
