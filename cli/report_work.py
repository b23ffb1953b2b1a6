"""`report`: writes the site, shows how far it is, says what it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cli.progress import LINE_EVERY_S
from cli.screen import err, out, print_json
from report.site import Outcome, write_site

NAMED = 20
"""Of pages that are written or removed so many are named; `--json` names all."""


def write_report(
    manifest: Path, movies: Sequence[str], folder: Path | None, *, force: bool, dry_run: bool, as_json: bool
) -> int:
    """Write the report of a manifest's lake; gives the exit code."""
    loaded = load_manifest(manifest)
    place = folder or loaded.path.parent / "site"
    with _bar(quiet=as_json) as bar:
        tell = _teller(bar, quiet=as_json)
        outcome = write_site(
            plan_manifest(loaded), place, movies=movies, force=force, dry_run=dry_run, on_progress=tell
        )
    if as_json:
        print_json({**vars(outcome), "out": str(outcome.out), "dry_run": dry_run})
    else:
        _say(outcome, dry_run=dry_run)
    return 0


def _bar(*, quiet: bool) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=16), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True)


def _teller(bar: Progress, *, quiet: bool) -> Callable[[int, int, str], None]:
    """Tells of pages that are done, of all, and of the one in work: by the bar, else by a line at times."""
    task, told = bar.add_task("pages", total=None), [time.monotonic()]

    def tell(done: int, every: int, what: str) -> None:
        bar.update(task, completed=done, total=every, description=what[:32].ljust(32))
        if not quiet and not err.is_terminal and time.monotonic() - told[0] > LINE_EVERY_S:
            told[0] = time.monotonic()
            err.print(f"  {done}/{every} pages", markup=False)

    return tell


def _say(outcome: Outcome, *, dry_run: bool) -> None:
    for movie_id, why in list(outcome.written.items())[:NAMED]:
        out.print(f"  {movie_id}: {why}", markup=False)
    for movie_id in outcome.removed[:NAMED]:
        out.print(f"  {movie_id}: left the catalogue, its page {'would go' if dry_run else 'is gone'}", markup=False)
    named = min(len(outcome.written), NAMED) + min(len(outcome.removed), NAMED)
    if (more := len(outcome.written) + len(outcome.removed) - named) > 0:
        out.print(f"  … and {more} more")
    counts = f"{len(outcome.written)} written, {len(outcome.unchanged)} unchanged, {len(outcome.removed)} removed"
    end = "nothing was written (--dry-run)" if dry_run else f"open {outcome.out / 'index.html'}"
    out.print(f"pages: {counts}; {end}", markup=False, soft_wrap=True)
