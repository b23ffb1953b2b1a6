"""Questions in SQL over a lake: DuckDB with one view per table, read-only and without the network.

Views unite the films' files by column name and cast columns to the contract's types; a table that has no file yet is an
empty view. `cells` lists the cells that exist or should: film, table, state, key, model version, when, how long.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cinelake.errors import StorageError, UsageError
from cinelake.lake.cells import Lake, checked_parquet
from cinelake.lake.index import Index
from cinelake.lake.published import PublishedVersion, file_paths
from cinelake.lake.records import RECORDS
from cinelake.plan.plan import Plan
from cinelake.query.bounds import SPILLED_SHARE, collected, reason
from cinelake.query.guard import PREFIX, LineFunctions, as_pattern, checked
from cinelake.run.cells import processor_s
from cinelake.spec.arrow_values import known_to_duckdb
from cinelake.spec.contract import Contract

if TYPE_CHECKING:
    import duckdb

CELLS_COLUMNS = (
    'movie_id VARCHAR, "table" VARCHAR, state VARCHAR, reason VARCHAR, key VARCHAR, model_version VARCHAR, '
    "made_at TIMESTAMPTZ, wall_s DOUBLE, processor_s DOUBLE, rows BIGINT"
)
ROOT = "cinelake_root"
"""The variable of a connection that holds the lake's folder; null for a lake in a bucket."""


def open_query(
    lake: Lake,
    contracts: Mapping[str, Contract],
    cells: Iterable[Mapping[str, Any]] = (),
    version: PublishedVersion | None = None,
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with the lake's views, that can read the lake and nothing else.

    contracts: table → contract, for the tables of a manifest. cells: rows of the view `cells` (see `cell_rows`).
    version: its files are read, in place of the films'; the view `published_columns` describes its columns.
    Raises `StorageError` when there is no lake.
    """
    import duckdb

    root = lake.storage.root
    if lake.storage.local and not lake.storage.local.is_dir():
        raise StorageError(f"there is no lake at {root}: run `cinelake run` first")
    connection = duckdb.connect()
    if lake.storage.local:
        _give_files(connection, root)
    for table, contract in {**contracts, **RECORDS}.items():
        _create_view(connection, table, contract, _source(connection, lake, table, contract, version))
    _register_cells(connection, list(cells))
    if version:
        _register_columns(connection, version)
    _set_spill_folder(connection)
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute("SET autoload_known_extensions = false")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _give_files(connection: duckdb.DuckDBPyConnection, root: str) -> None:
    """Let a connection read the files of a lake's folder, through a file system that cannot write."""
    from cinelake.query.lake_files import LakeFiles

    connection.register_filesystem(LakeFiles(root))
    connection.execute(f"SET allowed_directories = [{quoted(PREFIX)}]")
    connection.execute(f"SET VARIABLE {ROOT} = {quoted(root)}")


def _set_spill_folder(connection: duckdb.DuckDBPyConnection) -> None:
    """Choose where DuckDB puts what does not fit memory: a folder that it makes then, removed with the connection.

    It lies among temporary files (`TMPDIR`); DuckDB's default is `.tmp` in the working folder, which may be the lake.
    """
    folder = Path(tempfile.gettempdir()) / f"cinelake-query-{uuid.uuid4().hex}"
    connection.execute(f"SET temp_directory = {quoted(str(folder))}")
    free = shutil.disk_usage(folder.parent).free
    connection.execute(f"SET max_temp_directory_size = '{int(free * SPILLED_SHARE)} bytes'")
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)


def _create_view(connection: duckdb.DuckDBPyConnection, table: str, contract: Contract, source: str | None) -> str:
    """Create a table's view; returns the statement. A column that no film has yet is null everywhere.

    Raises `StorageError` where one of its files cannot be read.
    """
    import duckdb

    statement = view_sql(table, contract, source)
    try:
        try:
            connection.execute(statement)
        except duckdb.BinderException:
            statement = view_sql(table, contract, f"(FROM {source} UNION ALL BY NAME {_nothing(contract)})")
            connection.execute(statement)
    except duckdb.Error as error:
        raise StorageError(f"a file of {table} cannot be read: {reason(error)}") from error
    return statement


def _source(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    table: str,
    contract: Contract,
    version: PublishedVersion | None,
) -> str | None:
    """What a table's view selects from; None without files.

    A local lake is read by DuckDB itself, a bucket by pyarrow (DuckDB would download an extension first).
    """
    published = version.tables.get(table) if version else None
    files = file_paths(lake, table, published) if published else _files(lake, table)
    if not files:
        return None
    if lake.storage.local and published:  # its files have one schema
        below = [as_pattern(file.removeprefix(f"{lake.storage.root}/")) for file in files]
        return f"read_parquet([{', '.join(quoted(PREFIX + file) for file in below)}])"
    if lake.storage.local:
        return _local_source(PREFIX, table)
    import pyarrow.dataset as ds

    schema = pa.schema([(column.name, known_to_duckdb(column.type)) for column in contract.all_columns])
    dataset = ds.dataset(files, schema=schema, filesystem=lake.storage.filesystem, format=checked_parquet())
    connection.register(f"_{table}", dataset)
    return f'"_{table}"'


def _local_source(folder: str, table: str) -> str:
    """What reads a table's files. folder: `lake://`, or the lake's as a pattern with its last slash."""
    below = f"{table}/*" if table != "failures" else "failures/*/*"
    return f"read_parquet({quoted(f'{folder}{below}.parquet')}, union_by_name = true)"


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _files(lake: Lake, table: str) -> list[str]:
    folders = [table] if table != "failures" else [f"failures/{task}" for task in failed_tasks(lake)]
    return [lake.storage.path(folder, name) for folder in folders for name in lake.storage.files(folder)]


def view_sql(table: str, contract: Contract, source: str | None) -> str:
    """The statement that makes a table's view over `source`, with the contract's types."""
    if source is None:
        return f'CREATE VIEW "{table}" AS {_nothing(contract)}'
    columns = ", ".join(f'"{c.name}"::{duckdb_type(c.type)} AS "{c.name}"' for c in contract.all_columns)
    return f'CREATE VIEW "{table}" AS SELECT {columns} FROM {source}'


def _nothing(contract: Contract) -> str:
    columns = ", ".join(f'NULL::{duckdb_type(c.type)} AS "{c.name}"' for c in contract.all_columns)
    return f"SELECT {columns} WHERE false"


def views_sql(lake: Lake, contracts: Mapping[str, Contract]) -> str:
    """Statements for the plain DuckDB shell: one view per table that has a file, with the contract's types and words.

    Raises `UsageError` for a lake in a bucket, which a DuckDB without its extensions cannot read.
    """
    if not lake.storage.local:
        raise UsageError(f"{lake.storage.root} is in a bucket: `cinelake query` and `cinelake.open` read it")
    import duckdb

    connection = duckdb.connect()
    made = {table: contract for table, contract in {**contracts, **RECORDS}.items() if _files(lake, table)}
    parts = [f"-- The tables of the lake at {lake.storage.root}: duckdb -init FILE"]
    for table, contract in sorted(made.items()):
        statement = _create_view(connection, table, contract, _local_source(f"{as_pattern(lake.storage.root)}/", table))
        parts.append(
            statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1).replace(" FROM ", "\nFROM ", 1) + ";"
        )
        parts.append(f'COMMENT ON VIEW "{table}" IS {quoted(contract.doc)};')
        parts += [f'COMMENT ON COLUMN "{table}"."{c.name}" IS {quoted(c.doc)};' for c in contract.all_columns]
    return "\n".join(parts) + "\n"


def failed_tasks(lake: Lake) -> list[str]:
    """Names of the folders below `failures`."""
    from pyarrow import fs

    selector = fs.FileSelector(lake.storage.path("failures"), allow_not_found=True)
    return sorted(info.base_name for info in lake.storage.filesystem.get_file_info(selector))


def duckdb_type(kind: pa.DataType) -> str:
    """DuckDB's name of an Arrow type."""
    if pa.types.is_dictionary(kind):
        return duckdb_type(kind.value_type)
    if pa.types.is_fixed_size_list(kind):
        return f"{duckdb_type(kind.value_type)}[{kind.list_size}]"
    if pa.types.is_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f'"{field.name}" {duckdb_type(field.type)}' for field in kind) + ")"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ"
    return DUCKDB_TYPES[str(kind)]


DUCKDB_TYPES = {
    "string": "VARCHAR",
    "binary": "BLOB",
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "halffloat": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
}


def _register_cells(connection: duckdb.DuckDBPyConnection, rows: list[Mapping[str, Any]]) -> None:
    connection.execute(f"CREATE TABLE cells ({CELLS_COLUMNS})")
    if rows:
        connection.register("_cells", pa.Table.from_pylist([dict(row) for row in rows]))
        connection.execute("INSERT INTO cells SELECT * FROM _cells")
        connection.unregister("_cells")


def _register_columns(connection: duckdb.DuckDBPyConnection, version: PublishedVersion) -> None:
    """The view `published_columns`: table, rows; each column's type, nulls, bytes, smallest and greatest value."""
    texts = {"least", "greatest"}
    rows = [
        {"table": name, "rows": table.rows}
        | {key: value if key not in texts or value is None else str(value) for key, value in column.items()}
        for name, table in version.tables.items()
        for column in table.columns
    ]
    words = ["table", "name", "type", "doc", "least", "greatest"]
    kinds = [
        ("rows", pa.int64()),
        ("nulls", pa.int64()),
        ("bytes", pa.int64()),
        *((word, pa.string()) for word in words),
    ]
    connection.register("published_columns", pa.Table.from_pylist(rows, pa.schema(kinds)))


def cell_rows(plan: Plan, index: Index) -> Iterator[dict[str, Any]]:
    """One row per cell of a plan, with the provenance of those in the lake."""
    made = {(table.name, movie_id): (key, model, run) for table in plan.tables
            for movie_id, key, model, run in index.runs(table.name)}  # fmt: skip
    for cell in plan.cells:
        key, model, run = made.get((cell.table, cell.movie_id), (None, None, {}))
        yield {
            "movie_id": cell.movie_id,
            "table": cell.table,
            "state": cell.state,
            "reason": cell.reason,
            "key": key,
            "model_version": model,
            "made_at": run.get("at"),
            "wall_s": run.get("wall_s"),
            "processor_s": processor_s(run),
            "rows": run.get("rows"),
        }


def ask(connection: duckdb.DuckDBPyConnection, sql: str, lines: LineFunctions | None = None) -> pa.Table:
    """The answer to one question. lines: functions that find lines by their words.

    Raises `UsageError` for statements that are not questions, SQL errors, and answers beyond `MOST_ANSWER_BYTES`.
    """
    return collected(question(connection, sql, lines))


def question(
    connection: duckdb.DuckDBPyConnection, sql: str, lines: LineFunctions | None = None
) -> duckdb.DuckDBPyRelation:
    """One query, not executed yet (lines are found at once). Raises `UsageError` for invalid SQL, unknown names."""
    import duckdb

    try:
        ((root,),) = connection.execute(f"SELECT getvariable('{ROOT}')").fetchall()
        return connection.sql(checked(connection, sql, root, lines))
    except duckdb.Error as error:
        raise UsageError(reason(error)) from error


def shown_value(value: Any) -> str:
    """One value for a person's eyes: short numbers, sizes of blobs, heads of vectors."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, (list, tuple)):
        head = ", ".join(shown_value(item) for item in value[:4])
        return f"[{head}{', …' if len(value) > 4 else ''}]"
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    return str(value)
