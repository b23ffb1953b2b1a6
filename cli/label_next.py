"""`cinelake labels next`: which moments to label next, as a table, for machines, and as a page to label them on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cinelake.catalogue.films import read_catalogue
from cinelake.errors import UsageError
from cinelake.lake.format import open_known
from cinelake.learning.next_labels import NextLabels, next_labels
from cinelake.manifest.document import Manifest, load_manifest
from cli.screen import out, print_json, warn
from cli.screen import table as print_table
from report.labels_page import write_labels_page

SHOWN_LEFT_OUT = 5


def show_next(
    manifest: Path, model: str, count: int, html: Path | None, movies: Sequence[str], *, force: bool, seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Print what to label next, and write the page. Raises `UsageError` where the page cannot be written."""
    if html is not None and html.exists() and not force:
        raise UsageError(f"{html} is there already: another name, or --force")
    loaded = load_manifest(manifest)
    wanted = next_labels(loaded, model, count, films=movies, seed=seed)
    page = None if html is None or not wanted.moments else _written(loaded, wanted, html)
    for note in wanted.notes:
        warn(note)
    if as_json:
        print_json({**wanted.to_json(), "page": page})
        return
    for movie_id, why in list(wanted.dataset.left_out.items())[:SHOWN_LEFT_OUT]:
        warn(f"{movie_id} is left out: {why}")
    if (more := len(wanted.dataset.left_out) - SHOWN_LEFT_OUT) > 0:
        warn(f"{more} more films are left out")
    if not wanted.moments:
        films = f"{wanted.looked_at} film{'s' if wanted.looked_at != 1 else ''}"
        out.print(f"Nothing is left to label for {model}: all {wanted.labelled} moments of {films} have labels.")
        return
    _print(wanted)
    if page:
        missing = len(wanted.moments) - page["pictures"]
        without = f", {missing} of them without a picture: the lake has no frames there" if missing else ""
        out.print(f"{html}: {len(wanted.moments)} moments to label{without}", markup=False, soft_wrap=True)
    else:
        out.print(f"To label them by keyboard: cinelake labels next {model} --html page.html", markup=False)


def _written(manifest: Manifest, wanted: NextLabels, html: Path) -> dict[str, Any]:
    listed = read_catalogue(manifest.catalogue, manifest.folder, lake=open_known(manifest.lake.place))
    films = {film.movie_id: film for film in listed.films}
    try:
        return {"file": str(html), **write_labels_page(manifest, wanted, films, html.absolute())}
    except OSError as error:
        raise UsageError(f"{html} cannot be written: {error.strerror or error}") from error


def _print(wanted: NextLabels) -> None:
    by = {
        "labels": "a regression on the labels",
        "difference": "what is typical of the films (too few labels that differ)",
    }
    out.print(
        f"{len(wanted.moments)} of {wanted.unlabelled} moments without a label ({wanted.labelled} have one); "
        f"by {by.get(wanted.by, wanted.by)}",
        markup=False,
    )
    rows = [
        [m.movie_id, f"{m.start_s:.2f}", f"{m.end_s:.2f}" if m.end_s > m.start_s else "",
         "" if m.doubt is None else f"{m.doubt:.2f}",
         f"{m.guess} {m.probability:.2f}" if m.guess and m.probability is not None else m.guess]
        for m in wanted.moments
    ]  # fmt: skip
    print_table(["movie_id", "start_s", "end_s", "doubt", "looks like"], rows)
