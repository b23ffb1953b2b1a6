"""Options that commands share, and how a command ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HERE = Path("pipeline.yaml")

ManifestOption = Annotated[
    Path, typer.Option("-m", "--manifest", help="The manifest.", envvar="CINELAKE_MANIFEST", show_default=True)
]
MovieOption = Annotated[list[str] | None, typer.Option("--movie", help="Only this film (repeat for more).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def example(*lines: str) -> str:
    """The end of a command's help: how it is typed."""
    return "[dim]Examples:[/]\n\n" + "\n\n".join(f"  [cyan]{line}[/]" for line in lines)


def finish(code: int) -> None:
    """End the command with an exit code."""
    raise typer.Exit(code)
