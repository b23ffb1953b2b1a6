"""`cinelake models`: versions listed, laid side by side, promoted by hand, rolled back, fetched again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from cinelake.errors import UsageError
from cinelake.learning import versions
from cinelake.learning.comparison import MOMENTS, compare_versions
from cinelake.manifest.document import load_manifest
from cli.comparison import comparison_json, print_comparison
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.scores import number
from cli.screen import err, out, print_json, table, warn
from flows.events import champion_changed

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    help="List models with their scores; lay two versions side by side; choose the champion by hand.",
    epilog=example(
        "cinelake models",
        "cinelake models --json",
        "cinelake models compare scenes champion 4",
        "cinelake models promote scenes 3",
    ),
)

NameArgument = Annotated[str, typer.Argument(help="The model.", metavar="NAME")]


@app.callback()
def models(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--model", help="Only this model.")] = None,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """List models: versions, scores beside baselines, who is champion."""
    if context.invoked_subcommand is None:
        _list(manifest, name, as_json=json)


def _list(manifest: Path, name: str | None, *, as_json: bool) -> None:
    rows = versions.list_versions(load_manifest(manifest), name)
    if as_json:
        print_json({"models": rows})
    elif not rows:
        out.print("no models yet: `cinelake train NAME` makes the first")
    else:
        table(
            ("model", "version", "champion", "scores, the gate's first", "baseline", "made"),
            [
                (
                    row["name"],
                    row["version"],
                    ("champion" if row["champion"] else "")
                    + ("" if row["champion"] == row["in_lake"] else " (lake differs)"),
                    ("in-sample: " if row["in_sample"] else "") + _scores_line(row["metrics"], row["metric"]),
                    _scores_line(row["baseline"], row["metric"])
                    + (" (not surely less)" if row["doubt"] and not row["in_sample"] else ""),
                    row["created"],
                )
                for row in rows
            ],
        )


def _scores_line(scores: Mapping[str, float], metric: str) -> str:
    """The first scores; a dash for the gate's where the held-out films did not define it."""
    shown = {**({metric: math.nan} if metric and scores else {}), **scores}
    return " ".join(f"{name} {number(value)}" for name, value in list(shown.items())[:4])


@app.command(
    epilog=example(
        "cinelake models compare scenes 2 3",
        "cinelake models compare scenes champion 4 --html difference.html",
        "cinelake models compare scenes 2 1f0c9a7be2d14f3e --on scenes_checked --json",
    )
)
def compare(
    name: NameArgument,
    a: Annotated[str, typer.Argument(help="A version: its number, `champion`, or its MLflow run.", metavar="A")],
    b: Annotated[str, typer.Argument(help="The other.", metavar="B")],
    on: Annotated[str | None, typer.Option("--on", help="Another label set.")] = None,
    moments: Annotated[int, typer.Option(help="How many moments to show on which they differ.", min=0)] = MOMENTS,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write it as a page, with pictures of the moments, to this file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Lay two versions side by side, on held-out films that neither has learned from.

    The difference is B minus A, with an interval over films (of a thousand draws, the same for both; wider where films
    are few); of fewer than three films there is none.
    """
    if html is not None and html.exists() and not force:
        raise UsageError(f"{html} is there already: another name, or --force")
    loaded = load_manifest(manifest)
    with err.status(f"scoring {name} {a} and {b}"):
        comparison = compare_versions(loaded, name, a, b, on, moments)
    if html is not None:
        from cinelake.plan.build import plan_manifest
        from report.version_pages import write_comparison

        write_comparison(plan_manifest(loaded), comparison, html)
    if json:
        print_json(comparison_json(comparison))
    else:
        print_comparison(comparison)
        if html is not None:
            out.print(f"written: {html}", markup=False, soft_wrap=True)


@app.command(epilog=example("cinelake models promote scenes 3"))
def promote(
    name: NameArgument,
    version: Annotated[int, typer.Argument(help="Its version.", min=1)],
    manifest: ManifestOption = HERE,
) -> None:
    """Make a version the champion, whatever the gate said."""
    loaded = load_manifest(manifest)
    versions.promote(loaded, name, version)
    out.print(f"{name} {version} is champion: `cinelake plan --why` shows the tables that this makes stale")
    if weak := versions.weakness(loaded, name, version):
        warn(weak)
    champion_changed(loaded, name, version, warn)


@app.command(epilog=example("cinelake models rollback scenes"))
def rollback(name: NameArgument, manifest: ManifestOption = HERE) -> None:
    """Make the champion before the present one champion again."""
    loaded = load_manifest(manifest)
    number = versions.rollback(loaded, name)
    out.print(f"{name} {number} is champion again: `cinelake plan --why` shows the tables that this makes stale")
    champion_changed(loaded, name, number, warn)


@app.command(epilog=example("cinelake models restore scenes"))
def restore(name: NameArgument, manifest: ManifestOption = HERE) -> None:
    """Fetch the champion's files from MLflow into the lake again."""
    out.print(f"{name} {versions.restore(load_manifest(manifest), name)} is in the lake again", markup=False)
