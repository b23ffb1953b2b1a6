"""`docs`: the data dictionary, from the contracts of all tasks."""

from __future__ import annotations

from typing import Any

from cinelake.errors import UnknownName
from cinelake.lake.cells import RECORDS
from cinelake.spec.contract import Contract
from cinelake.spec.task import find_task, known_tasks
from cli.screen import print_json

HEAD = """# Data dictionary

Generated from the contracts by `cinelake docs`. Frames are 0-based; ends are exclusive; `_s` is seconds of presentation
time.
"""


def print_dictionary(table: str | None, form: str) -> int:
    """Print the dictionary of one table or all; gives the exit code."""
    contracts = all_contracts()
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
    return 0


def all_contracts() -> dict[str, Contract]:
    """Table → contract of every known task, and of what the lake keeps of itself."""
    found = {name: find_task(name).contract for name in known_tasks()}
    return {**found, **RECORDS}


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
    }


def as_markdown(contracts: dict[str, Contract]) -> str:
    """The dictionary as a page."""
    parts = [HEAD]
    for table, contract in contracts.items():
        parts.append(f"\n## {table}\n\n{contract.doc} Key: {', '.join(['movie_id', *contract.key])}.\n\n")
        parts.append("| column | type | what it says |\n| --- | --- | --- |\n")
        for column in contract.all_columns:
            null = ", may be null" if column.nullable else ""
            parts.append(f"| `{column.name}` | {type_name(column.type)}{null} | {column.doc.replace('|', '/')} |\n")
    return "".join(parts)


def type_name(found: Any) -> str:
    """An Arrow type in a few words."""
    import pyarrow as pa

    if pa.types.is_dictionary(found):
        return "text (enum)"
    if pa.types.is_fixed_size_list(found):
        return f"{found.value_type} × {found.list_size}"
    if pa.types.is_list(found):
        return f"{found.value_type} × n"
    return "text" if pa.types.is_string(found) else str(found)
