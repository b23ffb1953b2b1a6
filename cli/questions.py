"""`cinelake questions`: worked questions, listed."""

from __future__ import annotations

import typer

from cinelake.query.questions import known_questions
from cli.docs import all_contracts
from cli.options import JsonOption, example
from cli.screen import out, print_json, table

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake questions", "cinelake questions --json"))
def questions(json: JsonOption = False) -> None:
    """List worked questions, which `cinelake query --question NAME` asks, with the tables that each reads."""
    known = list(known_questions().values())
    tables = all_contracts()
    if json:
        facts = [{**vars(q), "variables": dict(q.variables), "tables": q.tables(tables)} for q in known]
        print_json({"questions": facts})
    else:
        table(["question", "what is asked", "tables"], [(q.name, q.asks, ", ".join(q.tables(tables))) for q in known])
        out.print("\ncinelake query --question NAME asks one", markup=False)
