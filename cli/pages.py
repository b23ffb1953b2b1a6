"""Writes the generated pages under `docs/`: `python -m cli.pages`; a test checks that they are up to date."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cinelake.lake.cells import Lake
from cinelake.manifest.document import manifest_schema
from cinelake.query.questions import QualityQuestion, known_questions
from cinelake.query.views import ask, open_query
from cli.docs import all_contracts, as_markdown
from cli.main import COMMANDS, load_command

DOCS = Path(__file__).parents[1] / "docs"

COMMANDS_HEAD = """# Commands

Generated from the code. `-m FILE` names the manifest (`pipeline.yaml` by default).

| environment variable | |
| --- | --- |
| `CINELAKE_MANIFEST` | The manifest, where `-m` names none. |
| `CINELAKE_FFMPEG` | The ffmpeg that runs; by default the one of the imageio-ffmpeg wheel. |
| `CINELAKE_CACHE` | The folder of exported networks and indexes (`~/.cache/cinelake`); deleting it loses nothing. |
| `CINELAKE_THREADS` | Threads of one inference; by default each worker's share of the processors. |
| `CINELAKE_TRAINING_GB` | Memory for what a training reads, in 10⁹ bytes; by default a quarter of what is free. |
| `CINELAKE_PREFECT_HOSTS` | Names by which a Prefect server of a container is reached, with commas between. |
"""

QUESTIONS_HEAD = """# Worked questions

Questions and their SQL, generated from `cinelake/query/questions/`; each is asked of a drawn lake in the tests.
`cinelake questions` lists them, `cinelake query --question pace` asks one, `--set film=ID` sets a variable of it. In
the plain DuckDB shell: `cinelake views -o views.sql`, `duckdb -init views.sql`, `SET VARIABLE film = 'ID'`, and the
SQL; in Python: `cinelake.open("lake").sql(...)`.

In a FROM, `said('rose NEAR jack')` and `written('hotel*')` are the lines with these words (`movie_id`, `start_s`,
`end_s`, `text`, `relevance`), found as `cinelake search` finds them, beside any other table:

```sql
SELECT s.movie_id, s.scene, w.text
FROM scenes s JOIN said('rose NEAR jack') w USING (movie_id)
WHERE w.start_s >= s.start_s AND w.start_s < s.end_s
```
"""


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    manifest = manifest_page(manifest_schema())
    return {
        "tables.md": as_markdown(all_contracts()),
        "commands.md": commands_page(),
        "manifest.md": manifest,
        "questions.md": questions_page(),
    }


def commands_page() -> str:
    """Every command with its arguments, options and examples."""
    parts = [COMMANDS_HEAD]
    for name in sorted(COMMANDS):
        command = load_command(name)
        parts.append(_command_text(name, command))
        for below, subcommand in getattr(command, "commands", {}).items():
            parts.append(_command_text(f"{name} {below}", subcommand))
    return "".join(parts)


def _command_text(name: str, command: Any) -> str:
    parameters = [p for p in command.params if p.name != "help"]
    lines = [f"\n## cinelake {name}\n\n{(command.help or '').strip()}\n\n"]
    if parameters:
        lines.append("| | |\n| --- | --- |\n")
        lines += [f"| {_spelling(p)} | {_plain(getattr(p, 'help', '') or '')} |\n" for p in parameters]
    examples = [line.strip() for line in _plain(command.epilog or "").splitlines()[1:]]
    lines.append("\n" + "".join(f"    {line}\n" for line in examples if line))
    return "".join(lines)


def manifest_page(schema: dict[str, Any]) -> str:
    """Every section, option and task parameter of a manifest, from its JSON Schema."""
    parts = ["# Manifest\n\nGenerated from the code; `pipeline.yaml` shows all of it in place.\n"]
    parts.append(_options("Sections", schema))
    for name, definition in sorted(schema["$defs"].items()):
        if name.startswith("model_"):
            parts.append(_configuration(name.removeprefix("model_"), definition))
            continue
        title = f"Task {name.removeprefix('task_')}" if name.startswith("task_") else definition.get("title", name)
        parts.append(_options(title, definition))
    return "".join(parts)


def _configuration(kind: str, definition: dict[str, Any]) -> str:
    """The options of `config` of one kind of model."""
    config = {**definition["properties"]["config"], "description": definition["description"]}
    config["description"] += "\n\nIn its `config`, beside the other settings of every model (ModelSettings):"
    return _options(f"Model {kind}", config)


def _options(title: str, definition: dict[str, Any]) -> str:
    doc = (definition.get("description") or "").strip()
    if title.startswith("Task "):
        doc += "\n\nBeside the options of every entry (EntryOptions):"
    rows = [
        f"| `{name}` | {_default(option)} | {' '.join((option.get('description') or '').split()).replace('|', '/')} |\n"
        for name, option in definition.get("properties", {}).items()
        if option.get("description")
    ]
    return f"\n## {title}\n\n{doc}\n\n| option | default | |\n| --- | --- | --- |\n" + "".join(rows)


def _default(option: dict[str, Any]) -> str:
    return f"`{json.dumps(option['default'])}`" if isinstance(option.get("default"), (str, int, float, bool)) else ""


def _spelling(parameter: object) -> str:
    names = getattr(parameter, "opts", []) or []
    return " ".join(f"`{name}`" for name in names) if names[0].startswith("-") else f"`{names[0].upper()}`"


def _plain(text: str) -> str:
    return re.sub(r"\[/?(?:dim|cyan|bold)?\]", "", text)


def questions_page() -> str:
    """The page of the docs: each question with its SQL and the columns of its answer."""
    with tempfile.TemporaryDirectory() as folder:
        connection = open_query(Lake(folder), all_contracts())
        parts = [QUESTIONS_HEAD]
        for question in known_questions().values():
            shape = ask(connection, f"DESCRIBE {question.sql}").to_pylist()
            parts.append(_question_text(question, [(column["column_name"], column["column_type"]) for column in shape]))
    return "".join(parts)


def _question_text(question: QualityQuestion, shape: Sequence[tuple[str, str]]) -> str:
    reads = ", ".join(f"`{name}`" for name in question.tables(all_contracts()))
    may_set = "".join(f" Set `{name}`: {about}." for name, about in question.variables.items())
    columns = ", ".join(f"`{name}` {kind}" for name, kind in shape)
    return (
        f"\n## {question.name}\n\n{question.asks} Reads {reads}.{may_set}\n\n"
        f"```sql\n{question.sql}\n```\n\nAnswers {columns}.\n"
    )


def main() -> None:
    """Write the pages."""
    DOCS.mkdir(exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
