"""`cinelake query`: SQL over the lake, or a worked question, answered as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.client.lake_client import lake_contracts, open_lake
from cinelake.errors import UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.format import open_known
from cinelake.lake.published import readable_versions
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.query.bounds import collected, ends_within
from cinelake.query.questions import find_question
from cinelake.query.views import ask, cell_rows, open_query, quoted
from cinelake.search.lines_in_sql import LinesInSql
from cli.answers import FORMATS, manifest_contracts, write_answer
from cli.docs import all_contracts
from cli.options import HERE, JsonOption, ManifestOption, example

app = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        'cinelake query "select movie_id, count(*) shots from shots group by all"',
        'cinelake query --format csv "select * from cells" > cells.csv',
        "cinelake query --question films_like --set film=my_film",
        "cinelake query \"select s.* from scenes s join said('rose NEAR jack') w using (movie_id)"
        ' where w.start_s between s.start_s and s.end_s"',
        'cinelake query --published latest "select * from shot_statistics"',
    )
)
def query(
    sql: Annotated[str | None, typer.Argument(help="One SELECT over the lake's tables.")] = None,
    question: Annotated[str | None, typer.Option(help="A worked question instead: see `cinelake questions`.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A variable of the question.", metavar="NAME=VALUE")
    ] = None,
    manifest: ManifestOption = HERE,
    format: Annotated[
        str | None, typer.Option("-f", "--format", help="table, csv, json or parquet.", show_default="table")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write to a file instead.")] = None,
    published: Annotated[
        str | None, typer.Option("--published", help="Ask a published version: its number, or `latest`.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="CSV: leave text that a sheet would take for a formula.")] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds after which the question is ended.", min=0.1, show_default="none")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Ask the lake in SQL (DuckDB); reads the lake, writes nothing.

    `FROM said('land of the')` and `FROM written('hotel*')` are the lines with these words, as `cinelake search` finds
    them: movie_id, start_s, end_s, text, relevance. `one NEAR other` asks for words at most ten words apart.
    """
    if (sql is None) == (question is None):
        raise UsageError("one question is asked: in SQL, or a worked one with --question")
    form = format or ("json" if json else "table")
    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if json and form != "json":
        raise UsageError(f"--json and --format {form} ask for two formats: leave one out")
    if question is not None and published is not None:
        raise UsageError("--question asks the lake as it is now, --published a version in SQL: leave one out")
    if sql is not None and set_:
        raise UsageError("--set belongs to --question: SQL has its values written in it")
    if question is not None:
        ask_question(manifest, question, set_ or [], form, output, raw=raw, timeout=timeout)
    else:
        _ask_sql(manifest, str(sql), form, output, published, raw=raw, timeout=timeout)


def _ask_sql(
    manifest: Path,
    sql: str,
    form: str,
    output: Path | None,
    published: str | None,
    *,
    raw: bool,
    timeout: float | None,
) -> None:
    """Answer SQL over the lake, or over a published version of it."""
    loaded = load_manifest(manifest)
    if published is not None:
        opened = open_lake(loaded.lake.place, published)
        with ends_within(timeout, opened.interrupt):
            rows = collected(opened.sql(sql).relation)
        write_answer(rows, form, output, raw=raw)
        return
    cells = _cells(loaded) if re.search(r"\bcells\b", sql, re.IGNORECASE) else []
    lake = open_known(loaded.lake.place)
    connection = open_query(lake, manifest_contracts(loaded), cells)
    try:
        with ends_within(timeout, connection.interrupt):
            rows = ask(connection, sql, LinesInSql(lake, partial(lake_contracts, lake)))
    except UsageError as error:
        raise UsageError(f"{error}{_where_published(lake, sql, str(error))}") from error
    write_answer(rows, form, output, raw=raw)


def _where_published(lake: Lake, sql: str, error: str) -> str:
    """Where the table is that SQL names and the lake's own tables lack, if the newest published version has it."""
    missing = re.search(r"Table with name (\w+) does not exist", error)
    versions = readable_versions(lake) if missing else {}
    number = max(versions, default=0)
    if missing is None or not number or missing[1] not in versions[number].tables:
        return ""
    return f"\n{missing[1]} is there in what was published: `cinelake query --published {number} {shlex.quote(sql)}`"


def _cells(loaded: Manifest) -> list[dict[str, Any]]:
    """The rows of the view `cells`. They need a plan, so it is made only for SQL that names the view."""
    planning = plan_manifest(loaded)
    return list(cell_rows(planning.plan, planning.index))


def ask_question(
    manifest: Path,
    name: str,
    settings: Sequence[str],
    form: str,
    output: Path | None,
    *,
    raw: bool = False,
    timeout: float | None = None,
) -> None:
    """Answer one worked question from a manifest's lake. Raises `UsageError`, `UnknownName`."""
    question, lake = find_question(name), open_known(load_manifest(manifest).lake.place)
    values = dict(_setting(text) for text in settings)
    question.check_variables(values)
    contracts = lake_contracts(lake)
    missing = [wanted for wanted in question.tables(all_contracts()) if wanted not in (*contracts, "failures")]
    if missing:
        raise UsageError(
            f"question {name!r} reads {', '.join(missing)}, which no film has yet: name the tasks in the manifest and "
            "`cinelake run`"
        )
    connection = open_query(lake, {wanted: contracts[wanted] for wanted in question.tables(contracts)})
    for variable, value in values.items():
        connection.execute(f"SET VARIABLE {variable} = {quoted(value)}")
    with ends_within(timeout, connection.interrupt):
        rows = ask(connection, question.sql)
    write_answer(rows, form, output, raw=raw)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes NAME=VALUE, as in film=sintel. Received: {text!r}")
    return name.strip(), value
