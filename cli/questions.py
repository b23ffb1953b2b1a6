"""`questions` and `query --question`: worked questions, listed and asked; and their page in the docs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from cinelake.client.lake_client import lake_contracts
from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.query.questions import Question, find_question, known_questions
from cinelake.query.views import ask, open_query, quoted
from cli.asking import write_answer
from cli.dictionary import all_contracts
from cli.screen import out, print_json, table

HEAD = """# Worked questions

Twenty questions and their SQL, generated from `cinelake/query/questions/`; each is asked of a drawn lake in the tests.
`cinelake questions` lists them, `cinelake query --question pace` asks one, `--set film=ID` sets a variable of it. In
the plain DuckDB shell: `cinelake views -o views.sql`, `duckdb -init views.sql`, `SET VARIABLE film = 'ID'`, and the
SQL; in Python: `cinelake.open("lake").sql(...)`.
"""


def list_questions(*, as_json: bool) -> int:
    """List the questions; gives the exit code."""
    found = list(known_questions().values())
    tables = all_contracts()
    if as_json:
        facts = [{**vars(q), "variables": dict(q.variables), "tables": q.tables(tables)} for q in found]
        print_json({"questions": facts})
    else:
        table(["question", "what is asked", "tables"], [(q.name, q.asks, ", ".join(q.tables(tables))) for q in found])
        out.print("\ncinelake query --question NAME asks one", markup=False)
    return 0


def ask_question(manifest: Path, name: str, given: Sequence[str], form: str, output: Path | None) -> int:
    """Ask one question of a manifest's lake; gives the exit code. Raises `UsageError`, `UnknownName`."""
    question, lake = find_question(name), Lake(load_manifest(manifest).lake.place)
    values = dict(_setting(text) for text in given)
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
    write_answer(ask(connection, question.sql), form, output)
    return 0


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes NAME=VALUE, as in film=sintel. Received: {text!r}")
    return name.strip(), value


def questions_page() -> str:
    """The page of the docs: each question with its SQL and the columns of its answer."""
    with tempfile.TemporaryDirectory() as folder:
        connection = open_query(Lake(folder), all_contracts())
        parts = [HEAD]
        for question in known_questions().values():
            shape = ask(connection, f"DESCRIBE {question.sql}").to_pylist()
            parts.append(_section(question, [(column["column_name"], column["column_type"]) for column in shape]))
    return "".join(parts)


def _section(question: Question, shape: Sequence[tuple[str, str]]) -> str:
    reads = ", ".join(f"`{name}`" for name in question.tables(all_contracts()))
    may_set = "".join(f" Set `{name}`: {about}." for name, about in question.variables.items())
    columns = ", ".join(f"`{name}` {kind}" for name, kind in shape)
    return (
        f"\n## {question.name}\n\n{question.asks} Reads {reads}.{may_set}\n\n"
        f"```sql\n{question.sql}\n```\n\nAnswers {columns}.\n"
    )
