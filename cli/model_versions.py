"""`cinelake models`: versions listed, promoted by hand, rolled back, fetched again."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import HERE, JsonOption, ManifestOption, example, finish

app = typer.Typer(
    invoke_without_command=True,
    help="List models with their scores; choose the champion by hand.",
    epilog=example("cinelake models", "cinelake models --json", "cinelake models promote scenes 3"),
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
        from cli.training import show_models

        finish(show_models(manifest, name, machine=json))


@app.command(epilog=example("cinelake models promote scenes 3"))
def promote(
    name: NameArgument,
    version: Annotated[int, typer.Argument(help="Its version.", min=1)],
    manifest: ManifestOption = HERE,
) -> None:
    """Make a version the champion, whatever the gate said."""
    from cinelake.learning.versions import promote as promote_version
    from cinelake.manifest.document import load_manifest
    from cli.screen import out, warn
    from flows.events import champion_changed

    loaded = load_manifest(manifest)
    promote_version(loaded, name, version)
    out.print(f"{name} {version} is champion: `cinelake plan --why` shows the tables that this makes stale")
    champion_changed(loaded, name, version, warn)


@app.command(epilog=example("cinelake models rollback scenes"))
def rollback(name: NameArgument, manifest: ManifestOption = HERE) -> None:
    """Make the champion before the present one champion again."""
    from cinelake.learning.versions import rollback as roll_back
    from cinelake.manifest.document import load_manifest
    from cli.screen import out, warn
    from flows.events import champion_changed

    loaded = load_manifest(manifest)
    number = roll_back(loaded, name)
    out.print(f"{name} {number} is champion again: `cinelake plan --why` shows the tables that this makes stale")
    champion_changed(loaded, name, number, warn)


@app.command(epilog=example("cinelake models restore scenes"))
def restore(name: NameArgument, manifest: ManifestOption = HERE) -> None:
    """Fetch the champion's files from MLflow into the lake again."""
    from cinelake.learning.versions import restore as fetch_again
    from cinelake.manifest.document import load_manifest
    from cli.screen import out

    out.print(f"{name} {fetch_again(load_manifest(manifest), name)} is in the lake again")
