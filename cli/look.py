"""`cinelake look`: one's own films, shown at once: tables and pages beside them, with no manifest and no server."""

from __future__ import annotations

import os
import re
import shlex
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cinelake.catalogue.folder import BESIDE_FILM
from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.manifest.document import Manifest
from cinelake.plan.build import plan_manifest
from cli.film_folder import FilmFolder
from cli.options import JsonOption, example, finish
from cli.progress import RunProgress
from cli.screen import duration, err, first_line, out, print_json, table
from flows.look import make_at_once
from flows.run_summary import RunSummary
from report.site import write_site

app = typer.Typer(add_completion=False)

MOST_OPENED = 5
"""So many pages are opened at most; of more films, the page of all of them."""


@app.command(epilog=example("cinelake look holiday.mp4", "cinelake look *.mkv --out looked_at --no-open"))
def look(
    films: Annotated[list[Path], typer.Argument(help="The films' files.", metavar="FILM…", show_default=False)],
    folder: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="One folder for tables and pages of all; else `FILM.cinelake` beside each."),
    ] = None,
    open_: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser, where there is a display.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Look at films of your own: shots, frames, sound, faces, and a page with a player; no manifest, no server.

    Faces and embeddings are of a picture every second and the middle of every shot; every 2 s where the longest film
    has more than five minutes, every 4 s with more than twenty. The first line says which.

    Looking again makes only what has changed. The folder is a small project: `cinelake query`, `search` and `export`
    work in it, and the `pipeline.yaml` in it may be changed.
    """
    for film in films:
        check_film(film)
    groups = [(folder, films)] if folder else [(film.with_name(f"{film.name}{BESIDE_FILM}"), [film]) for film in films]
    looked = [_look_at(FilmFolder(place), some, quiet=json) for place, some in groups]
    if json:
        print_json({"looked": [{**summary.to_json(), "pages": [*map(str, pages)]} for summary, pages in looked]})
    pages = [page for _, some in looked for page in some]
    if open_ and pages and has_display():
        first = pages if len(pages) <= MOST_OPENED else [pages[0].parents[2] / "index.html"]
        for page in first:
            webbrowser.open(page.absolute().as_uri())
    finish(max(summary.exit_code() for summary, _ in looked))


def check_film(film: Path) -> None:
    """Raise `UsageError` for what cannot be a film's file."""
    if not film.exists() and re.match(r"[A-Za-z][\w+.-]+:/", str(film)):  # a Path has one slash of the two
        raise UsageError(f"{film} is an address: `look` takes files of this machine; a manifest takes addresses too")
    if film.is_dir():
        raise UsageError(f"{film} is a folder: name films in it, or write a manifest: cinelake init {_quoted(film)}")
    if not film.exists():
        raise UsageError(f"there is no file {film}")
    if not film.is_file() or not os.access(film, os.R_OK):
        raise UsageError(f"{film} cannot be read as a file")


def _look_at(place: FilmFolder, films: Sequence[Path], *, quiet: bool) -> tuple[RunSummary, list[Path]]:
    """Make the tables and pages of these films; what was made, and the pages."""
    manifest, movies = place.add(films)
    if not quiet:
        err.print(f"  {how_often(manifest)}", markup=False, soft_wrap=True)
    planning = plan_manifest(manifest).selected([], movies)
    with RunProgress(planning.plan, quiet=quiet) as progress:
        summary = make_at_once(planning, progress.on_event)
    if summary.interrupted:
        if not quiet:
            err.print("  interrupted; the same command goes on", markup=False)
        return summary, []
    after = plan_manifest(manifest)
    write_site(after, place.site, movies=movies)
    pages = [place.site / "films" / movie_id / "index.html" for movie_id in movies]
    if not quiet:
        for film, movie_id, page in zip(films, movies, pages, strict=True):
            _print_film(film, after.lake, movie_id, page)
        _print_end(summary, place.manifest)
    return summary, pages


def how_often(manifest: Manifest) -> str:
    """At which pictures of a film the tables look, and where that is changed."""
    entry = manifest.enabled.get("frames")
    fps: float | None = getattr(entry.params, "fps", None) if entry else None
    if fps is None:
        return f"no pictures are sampled: {manifest.path} has no frames"
    every = f"a picture every {1 / fps:g} s" if fps <= 1 else f"{fps:g} pictures a second"
    return f"looks at {every} and at the middle of every shot (frames.fps in {manifest.path})"


def _print_film(film: Path, lake: Lake, movie_id: str, page: Path) -> None:
    """What there is of a film now, and its page."""
    footers = {table: footer for table in lake.tables() if (footer := lake.footer(table, movie_id))}
    rows = " · ".join(f"{table} {footer.run.get('rows', '?')}" for table, footer in footers.items())
    out.print(f"{film}: {rows or 'no table'}", markup=False, soft_wrap=True)
    out.print(f"  page: {page}", markup=False, soft_wrap=True)


def _print_end(summary: RunSummary, manifest: Path) -> None:
    """How long it took, what failed, what to do with the tables."""
    if summary.made:
        shown = f"{duration(summary.film_s)} of film in {duration(summary.wall_s)}"
        ask = f'cinelake query -m {_quoted(manifest)} "select * from shots"'
        err.print(f"  {shown}; to ask the tables: {ask}", markup=False, soft_wrap=True)
    elif not summary.failures:
        err.print("  nothing has changed since", markup=False)
    if summary.failures:
        rows = [[f["movie_id"], f["task"], f["reason"], first_line(f["message"])[:140]] for f in summary.failures]
        table(["film", "table", "reason", "message"], rows)


def has_display() -> bool:
    """Whether a page that is opened would be seen."""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
