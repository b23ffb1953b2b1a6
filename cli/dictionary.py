"""`cinelake dictionary`: the data dictionary of a given lake, as one page of HTML and one of Markdown."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cinelake.errors import UsageError
from cinelake.manifest.document import load_manifest
from cinelake.query.dictionary import TableFacts, allowed, describe, unit_of
from cinelake.storage.files import write_whole
from cli.docs import type_name
from cli.lineage_picture import picture_of
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import out, print_json
from report.templates import text_html

app = typer.Typer(add_completion=False)

TEMPLATES = Path(__file__).parent / "templates"


@app.command(epilog=example("cinelake dictionary -o dictionary"))
def dictionary(
    folder: Annotated[Path, typer.Option("-o", "--out", help="The folder of both pages.")] = Path("dictionary"),
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Write this lake's data dictionary, HTML and Markdown: columns, lineage, freshness, measures, licences."""
    loaded = load_manifest(manifest)
    tables, lake = describe(loaded), str(loaded.lake.uri)
    written = {"dictionary.html": as_html(tables, lake), "dictionary.md": as_markdown(tables, lake)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            write_whole(folder / name, text)
    except OSError as error:
        raise UsageError(f"the dictionary cannot be written to {folder}: {error.strerror or error}") from error
    paths = [str(folder / name) for name in written]
    if json:
        print_json({"pages": paths, "tables": [table.name for table in tables]})
    else:
        out.print(f"{len(tables)} tables: {' and '.join(paths)}", markup=False)


def as_html(tables: Sequence[TableFacts], lake: str) -> str:
    """One page, light and dark, that needs neither scripts nor the network. Every value is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page: str = environment.get_template("dictionary.html").render(
        tables=tables,
        lake=lake,
        at=when(datetime.datetime.now(datetime.UTC)),
        graph=picture_of({table.name: table.reads for table in tables}),
        when=when,
        states=states,
        type_name=type_name,
        unit_of=unit_of,
        allowed=allowed,
        text_html=text_html,
    )
    return page


def as_markdown(tables: Sequence[TableFacts], lake: str) -> str:
    """The same for repositories and wikis; the graph is Mermaid's."""
    parts = [f"# Data dictionary\n\nThe lake `{lake}`: {len(tables)} tables.\n\n```mermaid\ngraph LR\n"]
    parts += [f"  {name} --> {table.name}\n" for table in tables for name in table.reads]
    parts.append("```\n\n| table | films | rows | last made | state |\n| --- | ---: | ---: | --- | --- |\n")
    parts += [f"| {t.name} | {t.films:,} | {t.rows:,} | {when(t.newest)} | {states(t)} |\n" for t in tables]
    return "".join([*parts, *map(_section, tables)])


def _section(table: TableFacts) -> str:
    key = ", ".join(["movie_id", *table.contract.key])
    lines = [f"\n## {table.name}\n\n{table.doc} Key: {key}."]
    lines += [f"Made from {', '.join(table.reads)}."] if table.reads else []
    lines += ["\n", *(f"\nBy `{text}`.\n" for text in table.made_by)]
    lines += [f"\nLicence: {what}: {terms}.\n" for what, terms in table.licences]
    head = "\n| column | type | unit | values | what it says |\n| --- | --- | --- | --- | --- |\n"
    rows = [
        f"| `{c.name}` | {type_name(c.type)} | {unit_of(c)} | {allowed(c)} | {_cell(c.doc)} |\n"
        for c in table.contract.all_columns
    ]
    return " ".join(lines[:2]) + "".join(lines[2:]) + head + "".join(rows) + _measured(table)


def _measured(table: TableFacts) -> str:
    if not table.checks:
        return ""
    head = "\n| measured | films | least | median | greatest | films that stand out |\n"
    rows = [
        f"| {c.measure} {c.unit} | {c.films} | {c.least:.4g} | {c.median:.4g} | {c.greatest:.4g} "
        f"| {', '.join(c.outliers) or 'none'} |\n"
        for c in table.checks
    ]
    return head + "| --- | ---: | ---: | ---: | ---: | --- |\n" + "".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")


def when(at: datetime.datetime | None) -> str:
    """A time for people, in UTC; empty where it is unknown."""
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def states(table: TableFacts) -> str:
    """How many of its cells are fresh, stale, blocked or failed."""
    return (
        ", ".join(f"{count:,} {state}" for state, count in sorted(table.states.items()))
        or "in no film of the catalogue"
    )
