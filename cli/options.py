"""Options that commands share, and how a command ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cinelake.manifest.document import Manifest
    from cinelake.plan.build import Planning

HERE = Path("pipeline.yaml")

ManifestOption = Annotated[
    Path, typer.Option("-m", "--manifest", help="The manifest.", envvar="CINELAKE_MANIFEST", show_default=True)
]
MovieOption = Annotated[list[str] | None, typer.Option("--movie", help="Only this film (repeat for more).")]
CellTable = Annotated[str, typer.Argument(help="The cell's table, by its name in the manifest.")]
CellFilm = Annotated[str, typer.Argument(help="The cell's film, by its id, as `cinelake status` and `query` show it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--select",
        help="Tables, as in dbt: [cyan]faces[/], [cyan]+faces[/], [cyan]shots+[/], [cyan]state:failed[/].",
    ),
]
FilmsFromOption = Annotated[
    Path | None, typer.Option("--films-from", help="Only films that this file names, one a line, by id or file name.")
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", help="Only films that arrived since this day or time (their files' change time: ctime)."),
]
FailedOption = Annotated[bool, typer.Option("--failed", help="Try again what is known to be bad.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit 1 for known failures too.")]
VectorsOption = Annotated[str, typer.Option(help="The table of vectors.")]
StartTimecode = Annotated[
    str,
    typer.Option(
        "--start-timecode",
        help="Time code of the film's first picture, as 10:00:00:00; by default its file's own.",
        metavar="HH:MM:SS:FF",
    ),
]
Reel = Annotated[str, typer.Option("--reel", help="Reel or tape; by default its file's own, else its id's letters.")]

Values = list[str] | None
"""An option that may be given several times."""


def several(given: Values) -> tuple[tuple[str, ...], ...]:
    """Each occurrence of an option as the list of its values, which are separated by commas."""
    return tuple(tuple(word.strip() for word in text.split(",") if word.strip()) for text in given or ())


def example(*lines: str) -> str:
    """The end of a command's help: how it is typed."""
    return "[dim]Examples:[/]\n\n" + "\n".join(f"  [cyan]{line}[/]" for line in lines)


def finish(code: int) -> None:
    """End the command with an exit code."""
    raise typer.Exit(code)


@dataclass(frozen=True)
class FilmSelection:
    """What a plan or run is limited to: tables, films by id, by file or by arrival; failed: known failures too."""

    select: Sequence[str] = ()
    movies: Sequence[str] = ()
    films_from: Path | None = None
    since: str | None = None
    failed: bool = False

    def planned(self, manifest: Manifest) -> Planning:
        """The part of the manifest's plan for them. Raises `UsageError`, `UnknownName`."""
        from cinelake.plan.build import plan_manifest
        from cinelake.plan.scope import parse_since, restrict

        since = parse_since(self.since) if self.since else None
        planning = plan_manifest(manifest, retry_failed=self.failed)
        return restrict(planning, self.select, self.movies, self.films_from, since)

    def words(self) -> list[str]:
        """The options as they are typed, without `--failed`."""
        words = [word for selector in self.select for word in ("-s", selector)]
        words += [word for movie in self.movies for word in ("--movie", movie)]
        words += ["--films-from", str(self.films_from)] if self.films_from else []
        return words + (["--since", self.since] if self.since else [])
