"""A lake in Python, without its manifest:

    import cinelake

    lake = cinelake.open("lake")                         # or "s3://bucket/lake"
    lake.tables                                          # ("embeddings", "faces", …)
    lake.sql("select movie_id, count(*) shots from shots group by all").pandas()
    lake.table("shots").filter("end_s - start_s > 10").select("movie_id", "shot").arrow()

Nothing is read before rows are requested, and then only the columns and row groups that the question needs. What a
table means is known by the task that its files name; a table of an unknown task has the types that its files have.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.format import open_known
from cinelake.lake.published import PublishedVersion, find_version, published_contracts
from cinelake.lake.records import RECORDS
from cinelake.query.bounds import reason
from cinelake.query.views import open_query, question
from cinelake.search.conditions import Conditions
from cinelake.search.lines_in_sql import LinesInSql
from cinelake.search.moments import FoundMoment, SearchWarning
from cinelake.search.searcher import Query, Searcher, default_table
from cinelake.spec.contract import Column, Contract
from cinelake.spec.roles import FilmLength, Meanings, Words
from cinelake.spec.task import Params, find_task, known_tasks, tasks_with
from cinelake.storage.store import StorageLocation

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars
    import pyarrow as pa

    from cinelake.manifest.document import Manifest


def open_lake(place: str | StorageLocation, published: bool | int | str = False) -> LakeClient:
    """The lake at a path or URI; `published`: its published copy, the present version (True) or one by its number.

    Raises `StorageError` without a lake, `UsageError` where nothing is published, `UnknownName` for a version.
    """
    lake = open_known(place)
    if published is False:
        return LakeClient(lake, lake_contracts(lake))
    version = find_version(lake, published)
    return LakeClient(lake, published_contracts(lake, version), version)


def lake_contracts(lake: Lake) -> dict[str, Contract]:
    """Table → contract, of every table that has a file in the lake."""
    return {table: contract for table in lake.tables() if (contract := _contract(lake, table))}


def _contract(lake: Lake, table: str) -> Contract | None:
    files = lake.storage.files(table)
    if not files:
        return None
    movie_id = min(files).removesuffix(".parquet")
    footer = lake.footer(table, movie_id)
    task = footer.ingredients.get("task") if footer else None
    if task in known_tasks():
        return find_task(str(task)).contract
    schema = lake.reader(table, movie_id).read().schema
    columns = [Column(field.name, field.type, "As its files have it.") for field in schema if field.name != "movie_id"]
    return Contract(table=table, doc="Made by a task that is not known here.", columns=columns, key=())


def lines_params(manifest: Manifest) -> Params | None:
    """The parameters of the manifest's first entry that makes vectors of lines; None without one."""
    return next((entry.params for entry in manifest.tasks.values() if entry.spec.role(Meanings)), None)


class LakeClient:
    """A lake to ask questions of. Read-only: see `cinelake.query.views`."""

    def __init__(self, lake: Lake, contracts: Mapping[str, Contract], version: PublishedVersion | None = None):
        self.contracts = dict(contracts)
        self.version = version
        self._connection = open_query(lake, contracts, version=version)
        self._lake = lake
        self._searcher = Searcher(lake, contracts, keep=True)
        self._lines = None if version else LinesInSql(lake, lambda: self.contracts)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables that have a file."""
        return tuple(sorted(self.contracts))

    def films(self, table: str | None = None) -> tuple[str, ...]:
        """The movie_ids of a table's films; without a table of that which describes the films, `films`."""
        table = table or next(iter(tasks_with(FilmLength)))
        self._check(table)
        if self.version:
            return tuple(
                self.sql(f'SELECT DISTINCT movie_id FROM "{table}" ORDER BY 1').arrow()["movie_id"].to_pylist()
            )
        return tuple(sorted(name.removesuffix(".parquet") for name in self._lake.storage.files(table)))

    def sql(self, sql: str) -> Rows:
        """The answer to one query. Raises `UsageError` for invalid SQL, with close matches of unknown names.

        `FROM said('land of the')` and `written(…)` are the lines with these words: movie_id, start_s, end_s, text,
        relevance; words as `search` takes them.
        """
        return Rows(question(self._connection, sql, self._lines))

    def interrupt(self) -> None:
        """End the question that another thread asks now."""
        self._connection.interrupt()

    def table(self, name: str) -> Rows:
        """All rows of a table. Raises `UnknownName` with close matches."""
        self._check(name)
        return Rows(self._connection.view(name))

    def search(
        self,
        image: str | Path | None = None,
        like: str | None = None,
        *,
        text: str | None = None,
        tags: Sequence[str | Sequence[str]] = (),
        characters: Sequence[str | Sequence[str]] = (),
        affect: Sequence[str] = (),
        films: Sequence[str] = (),
        limit: int = 10,
        table: str | None = None,
        how: str = "auto",
        manifest: str | Path | None = None,
        by: str = "words",
        **conditions: Sequence[str | Sequence[str]],
    ) -> list[FoundMoment]:
        """Moments that look like a picture or a moment (`FILM@00:12:31`) and meet all conditions, the best first.

        A condition of several values asks for any of them. text: what a picture shows, by the network of texts
        that the manifest's entry of the table names. table: of vectors; `embeddings` unless another is named.
        manifest: needed where the network of the vectors is a file. by: lines are found by their `words`, or by
        `meaning` (with `manifest`, which names the encoder). conditions: more that tasks declare, by name, and
        words of lines by their kind: `said="land of the"`, `written=[…]`.
        What the command tells beside its answer is a `SearchWarning`.
        Vectors stay in memory for the next search where they fit into 4 GiB. See `cinelake.search.searcher.Query`.
        Raises `UsageError` for what cannot be searched, with close matches of unknown names.
        """
        if self.version:
            raise UsageError("a published version is asked in SQL: to search, open the lake without `published`")
        given = dict(tags=tags, characters=characters, affect=affect, **conditions)
        kinds = {role.kind for role in tasks_with(Words).values()}
        texts = {name: given.pop(name) for name in [*given] if name in kinds}
        words = {name: (text,) if isinstance(text, str) else tuple(map(str, text)) for name, text in texts.items()}
        selectors = Conditions(
            {
                name: tuple((values,) if isinstance(values, str) else tuple(values) for values in several)
                for name, several in given.items()
            }
        )
        table = table or default_table()
        params = of_lines = None
        if manifest is not None:
            from cinelake.manifest.document import load_manifest

            loaded = load_manifest(Path(manifest))
            entry = loaded.tasks.get(table)
            params, of_lines = entry.params if entry else None, lines_params(loaded)
        picture = None if image is None else Path(image)
        query = Query(picture, like, selectors, words, tuple(films), limit, table, how, params, text, by, of_lines)
        answer = self._searcher.search(query)
        for note in answer.notes:
            warnings.warn(note, SearchWarning, stacklevel=2)
        return answer.moments

    def _check(self, table: str) -> None:
        if table not in (*self.contracts, *RECORDS):
            raise UnknownName("table", table, [*self.contracts, *RECORDS])

    def __repr__(self) -> str:
        return f"LakeClient({self._lake.storage.root!r}: {', '.join(self.tables)})"


class Rows:
    """Rows that are read on request: as Arrow, pandas, Polars, dictionaries or a DuckDB relation."""

    def __init__(self, relation: duckdb.DuckDBPyRelation):
        self.relation = relation

    def filter(self, condition: str) -> Rows:
        """The rows for which a condition in SQL holds."""
        return Rows(_evaluated(lambda: self.relation.filter(condition)))

    def select(self, *columns: str) -> Rows:
        """These columns, or expressions in SQL."""
        return Rows(_evaluated(lambda: self.relation.project(", ".join(columns))))

    def order(self, by: str) -> Rows:
        """The rows in an order, as in SQL's ORDER BY."""
        return Rows(_evaluated(lambda: self.relation.order(by)))

    def limit(self, rows: int) -> Rows:
        """At most so many rows."""
        return Rows(self.relation.limit(rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(self.relation.columns)

    def arrow(self) -> pa.Table:
        """As an Arrow table."""
        table: pa.Table = _evaluated(self.relation.to_arrow_table)
        return table

    def batches(self, rows: int = 10_000) -> Iterator[pa.RecordBatch]:
        """As Arrow batches, one after the other, for what does not fit memory."""
        yield from _evaluated(lambda: self.relation.to_arrow_reader(rows))

    def pandas(self) -> pandas.DataFrame:
        """As a pandas DataFrame."""
        return _evaluated(self.relation.df)

    def polars(self, *, lazy: bool = False) -> polars.DataFrame | polars.LazyFrame:
        """As a Polars DataFrame; `lazy`: a LazyFrame that reads only what its query needs. Polars must be installed."""
        try:
            importlib.import_module("polars")
        except ImportError as error:
            raise UsageError("Polars is not installed: `pip install polars`, or take `.arrow()`") from error
        frame: polars.DataFrame | polars.LazyFrame = _evaluated(lambda: self.relation.pl(lazy=lazy))
        return frame

    def rows(self) -> list[dict[str, Any]]:
        """As dictionaries."""
        rows: list[dict[str, Any]] = self.arrow().to_pylist()
        return rows

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return str(self.relation)


def _evaluated(read: Callable[[], Any]) -> Any:
    import duckdb

    try:
        return read()
    except duckdb.Error as error:
        raise UsageError(reason(error)) from error
