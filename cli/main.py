"""`cinelake`: the commands, in the order of a first day; a command's module is imported when it is called."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from cinelake.errors import CinelakeError

COMMANDS: Mapping[str, str] = {
    "demo": "Draw the example catalogue, run everything on it, say what to look at.",
    "plan": "Say what a run would do, and why; nothing runs.",
    "run": "Make everything that is stale; run it again to resume.",
    "status": "Show tables, failures, orphans and duplicates.",
    "why": "Tell where a cell came from: film, stream, parameters, inputs, code, model, its labels, when, how long.",
    "replay": "Make a cell again beside the lake and compare: the same to the last bit, or how each column differs.",
    "query": "Ask the lake in SQL (DuckDB); reads the lake, writes nothing.",
    "questions": "List worked questions, which `cinelake query --question NAME` asks, with the tables that each reads.",
    "views": "Print the lake's views as SQL, for the plain DuckDB shell.",
    "doctor": "Check this machine and the manifest: ffmpeg, engine, weights, lake, disk.",
    "docs": "Print the data dictionary: every table and column, from the contracts.",
    "dictionary": "Write this lake's data dictionary, HTML and Markdown: columns, lineage, freshness, measures, "
    "licences.",
    "gc": "Delete the cells of films that left the catalogue (a dry run first).",
    "supercut": "Cut the spans of a film that carry tags, scenes, beats, a character or an affect, exact to the "
    "picture.",
    "report": "Write a site to look at: a catalogue, and for each film a timeline, keyframes, tables, provenance.",
    "search": "Find moments that look like a picture or a moment, and that carry tags, characters or an affect.",
    "index": "Make the index of a table's vectors, for lakes of millions of them; again after they changed.",
    "train": "Train a model, score it on films it never saw, and make it champion if it is better.",
    "tune": "Search a model's settings, train the best, and make it champion if it is better; run it again to resume.",
    "evaluate": "Score any version of a model on any labels, beside the trivial baseline.",
    "labels": "Import, list, show and export people's labels.",
    "pause": "Let runs on this lake end the films that they work on and start no others, until `cinelake resume`.",
    "resume": "Let paused runs go on.",
    "up": "Keep Prefect, MLflow and a worker for deployments running, until Ctrl-C.",
    "deploy": "Make the manifest's schedules, triggers, limits and notifications be on the Prefect server.",
    "work": "Run deployments that are due, on this machine, until Ctrl-C (`cinelake up` does it too).",
    "publish": "Publish the lake's tables, compacted and sorted, with tables over the whole catalogue, as one new "
    "version.",
    "models": "List models with their scores; choose the champion by hand.",
    "export": "Write what the tables say in forms that others read.",
}
"""Command → its line in the list of commands, the first of its own help. Its module is `cli.COMMAND`."""


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`. Listing and completing them imports none of their modules, calling one only its own.

    `get_command` returns a command's name and line alone, for lists; `resolve_command` returns the command itself.
    """

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=line) for name, line in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The name, the command with its options, and the arguments that are left."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name and listed else None, rest


def load_command(name: str) -> Any:
    """A command or group with all its options, from its module."""
    command = typer.main.get_command(import_module(f"cli.{name}").app)
    command.name = name
    return command


app = typer.Typer(
    name="cinelake",
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="Films in, Parquet tables out: shots, frames, faces, embeddings, sound.\n\nBegin with [bold]cinelake demo[/].",
)


@app.callback()
def cinelake() -> None:
    """The group has no options of its own."""


def main() -> None:
    """Run the command; an error of Cinelake is one message and its exit code."""
    try:
        app()
    except CinelakeError as error:
        sys.stderr.write(f"cinelake: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
