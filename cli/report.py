"""`cinelake report`: writes the site, shows its progress and what was written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.progress import LINE_EVERY_S
from cli.screen import err, out, print_json
from report.site import SiteOutcome, write_site

app = typer.Typer(add_completion=False)

MAX_NAMED = 20
"""Pages written or removed that are named; `--json` names all."""


@app.command(
    epilog=example("cinelake report", "cinelake report --film sintel -o look", "cinelake report --dry-run --json")
)
def report(
    film: Annotated[list[str] | None, typer.Option("--film", help="Only this film's page (repeat for more).")] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The site's folder; by default `site` beside the manifest.")
    ] = None,
    manifest: ManifestOption = HERE,
    force: Annotated[
        bool, typer.Option("--force", help="Write every page anew, even into a folder that holds something else.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which pages would be written.")] = False,
    people: Annotated[
        bool, typer.Option("--people/--no-people", help="The page of people, with their faces, where they are known.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Write a site to look at: a catalogue, and for each film a timeline, keyframes, tables, provenance.

    It needs no server: open index.html in a browser. Run it again after each run: only pages whose tables, states,
    scores or code have changed are written; the pages of films that left the catalogue are removed.
    """
    write_report(manifest, film or [], out, force=force, dry_run=dry_run, with_people=people, as_json=json)


def write_report(
    manifest: Path,
    movies: Sequence[str],
    folder: Path | None,
    *,
    force: bool,
    dry_run: bool,
    as_json: bool,
    with_people: bool = True,
) -> None:
    """Write the report of a manifest's lake."""
    loaded = load_manifest(manifest)
    place = folder or loaded.path.parent / "site"
    with _bar(quiet=as_json) as bar:
        on_progress = _listener(bar, quiet=as_json)
        outcome = write_site(
            plan_manifest(loaded),
            place,
            movies=movies,
            force=force,
            dry_run=dry_run,
            with_people=with_people,
            on_progress=on_progress,
        )
    if as_json:
        print_json({**vars(outcome), "out": str(outcome.out), "dry_run": dry_run})
    else:
        _print(outcome, dry_run=dry_run)


def _bar(*, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=16), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True)


def _listener(bar: Progress, *, quiet: bool) -> Callable[[int, int, str], None]:
    """Shows how many pages are done, and the present one: by the bar, or by lines where there is no terminal."""
    task, last_line = bar.add_task("pages", total=None), time.monotonic()

    def on_progress(done: int, pages: int, page: str) -> None:
        nonlocal last_line
        bar.update(task, completed=done, total=pages, description=page[:32].ljust(32))
        if not quiet and not err.is_terminal and time.monotonic() - last_line > LINE_EVERY_S:
            last_line = time.monotonic()
            err.print(f"  {done}/{pages} pages", markup=False)

    return on_progress


def _print(outcome: SiteOutcome, *, dry_run: bool) -> None:
    for movie_id, why in list(outcome.written.items())[:MAX_NAMED]:
        out.print(f"  {movie_id}: {why}", markup=False)
    for movie_id in outcome.removed[:MAX_NAMED]:
        out.print(f"  {movie_id}: left the catalogue, its page {'would go' if dry_run else 'is gone'}", markup=False)
    named = min(len(outcome.written), MAX_NAMED) + min(len(outcome.removed), MAX_NAMED)
    if (more := len(outcome.written) + len(outcome.removed) - named) > 0:
        out.print(f"  … and {more} more")
    counts = f"{len(outcome.written)} written, {len(outcome.unchanged)} unchanged, {len(outcome.removed)} removed"
    end = "nothing was written (--dry-run)" if dry_run else f"open {outcome.out / 'index.html'}"
    out.print(f"pages: {counts}; {end}", markup=False, soft_wrap=True)
