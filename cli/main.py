"""`cinelake`: the commands, in the order of a first day; a command's module is imported when it is called."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from cinelake.errors import CinelakeError
from cinelake.lake.notices import quiet_tensorflow
from cli.terminal import write_in_any_locale

COMMANDS: Mapping[str, str] = {
    "demo": "Draw films with labels, extract, train, infer, report, publish; say what to look at.",
    "look": "Look at films of your own: shots, frames, sound, faces, and a page with a player; no manifest, no server.",
    "init": "Write a commented manifest for a folder of films, which `cinelake plan` takes at once.",
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
    "forget": "Forget a person: their name and photos in labels, versions that know them, rows that name them (a dry "
    "run first).",
    "supercut": "Cut the spans of a film that carry tags, scenes, beats, a character, a person or an affect, exact to "
    "the picture.",
    "report": "Write a site to look at: a catalogue, and for each film a timeline, keyframes, tables, provenance.",
    "summary": "Choose the few keyframes that tell most of a film, and write them as pictures.",
    "search": "Find moments that look like a picture, a moment or a text, or in which words or conditions hold.",
    "index": "Make the index of a table's vectors, for lakes of millions of them; again after they changed.",
    "train": "Train a model, score it on films it never saw, and make it champion if it is better.",
    "tune": "Search a model's settings, train the best, and make it champion if it is better; run it again to resume.",
    "evaluate": "Score any version of a model on any labels, beside the trivial baseline and strong simple predictors.",
    "labels": "Show the columns of people's labels, say what to label next, import, list, show and export them.",
    "features": "Take tables of features that were made elsewhere.",
    "pause": "Let runs on this lake end the films that they work on and start no others, until `cinelake resume`.",
    "resume": "Let paused runs go on.",
    "up": "Keep Prefect, MLflow and a worker for deployments running, until Ctrl-C.",
    "down": "End the Prefect server that runs of this manifest have left, and its `cinelake up`.",
    "deploy": "Make the manifest's schedules, triggers, limits and notifications be on the Prefect server.",
    "work": "Run deployments that are due, on this machine, until Ctrl-C (`cinelake up` does it too).",
    "publish": "Publish the lake's tables, compacted and sorted, with tables over the whole catalogue, as one new "
    "version.",
    "models": "List models with their scores; lay two versions side by side; choose the champion by hand.",
    "export": "Write what the tables say in forms that others read.",
}
"""Command → its line in the list of commands, the first of its own help. Its module is `cli.COMMAND`."""
PURPOSES: Mapping[str, tuple[str, ...]] = {
    "Begin": ("demo", "look", "init", "doctor"),
    "Make tables": ("plan", "run", "status", "why", "replay", "gc", "forget"),
    "Look and ask": ("report", "summary", "query", "questions", "views", "search", "index", "docs", "dictionary"),
    "Teach": ("labels", "features", "train", "evaluate", "tune", "models"),
    "Give on": ("export", "supercut", "publish"),
    "Run by itself": ("up", "down", "deploy", "work", "pause", "resume"),
}
"""Purpose → the commands that serve it, in the order in which `cinelake --help` shows them."""


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`. Listing and completing them imports none of their modules, calling one only its own.

    `get_command` returns a command's name and line alone, for lists; `resolve_command` returns the command itself.
    """

    def __init__(self, **attributes: Any):
        super().__init__(**attributes)
        purposes = {name: purpose for purpose, names in PURPOSES.items() for name in names if name in COMMANDS}
        in_order = [*purposes, *(name for name in COMMANDS if name not in purposes)]
        self.commands = {
            name: TyperCommand(name, help=COMMANDS[name], rich_help_panel=purposes.get(name)) for name in in_order
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The name, the command with its options, and the arguments that are left."""
        name, listed, rest = super().resolve_command(ctx, args)
        if not (name and listed):
            return name, None, rest
        command = load_command(name)
        for each in (command, *getattr(command, "commands", {}).values()):
            each.help = unwrapped(each.help or "")
        return name, command, rest


def unwrapped(text: str) -> str:
    """Each paragraph of a docstring as one line, for the terminal to break where it is wide."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in inspect.cleandoc(text).split("\n\n"))


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


def show_version(wanted: bool) -> None:
    """Print the versions of Cinelake, Python and ffmpeg, and end; ffmpeg is not started unless they are asked for."""
    if not wanted:
        return
    import platform
    from importlib.metadata import version

    from cinelake.media import ffmpeg

    typer.echo(f"cinelake {version('cinelake')} (Python {platform.python_version()}, ffmpeg {ffmpeg.version()})")
    raise typer.Exit


@app.callback()
def cinelake(
    version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the versions and exit."),
    ] = False,
) -> None:
    """Options of the group itself."""


def main() -> None:
    """Run the command; an error of Cinelake is one message and its exit code. `cli.__main__` answers Ctrl-C."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    quiet_tensorflow()
    write_in_any_locale()
    try:
        app()
    except CinelakeError as error:
        from cli.screen import readable

        sys.stderr.write(f"cinelake: {readable(str(error))}\n")
        sys.exit(error.exit_code)
