"""`cinelake docs`: the data dictionary, from the contracts of all tasks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from cinelake.errors import ModelUnusable, UnknownName, WeightsMissing
from cinelake.lake.records import RECORDS
from cinelake.plan.keys import key_params
from cinelake.spec.components import Component
from cinelake.spec.contract import Contract
from cinelake.spec.roles import Components
from cinelake.spec.task import find_task, known_tasks
from cli.options import JsonOption, example
from cli.screen import print_json

app = typer.Typer(add_completion=False)

HEAD = """# Data dictionary

Generated from the contracts by `cinelake docs`. Frames are 0-based; ends are exclusive; `_s` is seconds of presentation
time.
"""


@app.command(epilog=example("cinelake docs", "cinelake docs --table shots", "cinelake docs --json"))
def docs(
    table: Annotated[str | None, typer.Option(help="Only this table.")] = None,
    format: Annotated[str, typer.Option("-f", "--format", help="markdown or json.")] = "markdown",
    json: JsonOption = False,
) -> None:
    """Print the data dictionary: every table and column, from the contracts."""
    form, contracts = "json" if json else format, all_contracts()
    if table is not None:
        if table not in contracts:
            raise UnknownName("table", table, contracts)
        contracts = {table: contracts[table]}
    if form == "json":
        print_json({"tables": [as_data(contract) for contract in contracts.values()]})
    elif form == "markdown":
        print(as_markdown(contracts), end="")
    else:
        raise UnknownName("format", form, ("markdown", "json"))


def all_contracts() -> dict[str, Contract]:
    """Table → contract of every known task, and of what the lake keeps of itself."""
    return {**{name: find_task(name).contract for name in known_tasks()}, **RECORDS}


def as_data(contract: Contract) -> dict[str, Any]:
    """A contract as plain data."""
    return {
        "table": contract.table,
        "doc": contract.doc,
        "key": ["movie_id", *contract.key],
        "columns": [
            {"name": c.name, "type": type_name(c.type), "nullable": c.nullable, "doc": c.doc, "one_of": list(c.one_of)}
            for c in contract.all_columns
        ],
        "components": [asdict(component) for component in components_of(contract.table)],
    }


def components_of(table: str) -> Sequence[Component]:
    """What others published that a task's table is made with, by its default parameters; digests where it is here."""
    spec = find_task(table) if table in known_tasks() else None
    role = spec.role(Components) if spec else None
    if spec is None or role is None:
        return ()
    try:
        params, added = spec.params(), {}
    except ValidationError:  # a task of a network that the manifest must name has no defaults
        return ()
    with suppress(WeightsMissing, ModelUnusable):
        added = spec.preflight(params)
    return role.of(key_params(params, added))


def as_markdown(contracts: dict[str, Contract]) -> str:
    """The dictionary as a page."""
    parts = [HEAD]
    for table, contract in contracts.items():
        parts.append(f"\n## {table}\n\n{contract.doc} Key: {', '.join(['movie_id', *contract.key])}.\n\n")
        parts.append("| column | type | what it says |\n| --- | --- | --- |\n")
        for column in contract.all_columns:
            null = ", may be null" if column.nullable else ""
            parts.append(f"| `{column.name}` | {type_name(column.type)}{null} | {column.doc.replace('|', '/')} |\n")
        if components := components_of(table):
            parts.append("\nBy default it is made with:\n\n")
            parts += [f"- {component.what}: {component.terms}\n" for component in components]
    return "".join(parts)


def type_name(kind: Any) -> str:
    """An Arrow type in a few words."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return "text (enum)"
    if pa.types.is_fixed_size_list(kind):
        return f"{kind.value_type} × {kind.list_size}"
    if pa.types.is_struct(kind):
        return f"({', '.join(f'{field.name} {type_name(field.type)}' for field in kind)})"
    if pa.types.is_list(kind):
        return f"{type_name(kind.value_type)} × n"
    return "text" if pa.types.is_string(kind) else str(kind)
