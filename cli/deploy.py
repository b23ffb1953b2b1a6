"""`cinelake deploy`: puts on the Prefect server what the manifest wants there, and prints the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from cinelake.manifest.document import load_manifest
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import out, plain, print_json, table
from flows.deployments import ItemDifference
from flows.server import kept_server
from flows.server_record import state_folder

app = typer.Typer(add_completion=False)

STYLES = {"new": "green", "changed": "yellow", "unwanted": "red"}
WORDS = {"unwanted": "no longer wanted"}


@app.command(epilog=example("cinelake deploy --dry-run", "cinelake deploy", "cinelake deploy --prune"))
def deploy(
    manifest: ManifestOption = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what the manifest no longer wants.")] = False,
    json: JsonOption = False,
) -> None:
    """Make the manifest's schedules, triggers, limits and notifications be on the Prefect server."""
    loaded = load_manifest(manifest)
    with kept_server(state_folder(loaded.folder)) as server:
        from flows.deploy import deploy

        differences = deploy(loaded, dry_run=dry_run, prune=prune)
    if json:
        done = {"applied": not dry_run, "pruned": prune and not dry_run}
        facts = {"project": loaded.project, "server": server.url, **done}
        print_json({**facts, "differences": [difference.to_json() for difference in differences]})
        return
    out.print(f"project {loaded.project} on {server.url}", markup=False)
    _print(differences)
    _print_verdict(differences, dry_run, prune)


def _print(differences: Sequence[ItemDifference]) -> None:
    rows = [
        (
            Text(WORDS.get(each.change, each.change), style=STYLES.get(each.change, "")),
            each.item.kind,
            each.item.name,
            _settings(each),
        )
        for each in differences
    ]
    if rows:
        table(("", "what", "name", "settings"), rows)


def _settings(difference: ItemDifference) -> Text:
    """The settings that changed, from what to what; of something new those that say something."""
    if difference.change == "changed":
        return plain("\n".join(f"{name}: {a!r} → {b!r}" for name, (a, b) in difference.changes.items()))
    if difference.change == "new":
        return plain("\n".join(f"{name}: {value}" for name, value in difference.item.settings.items() if value))
    return plain("")


def _print_verdict(differences: Sequence[ItemDifference], dry_run: bool, prune: bool) -> None:
    changed = sum(each.change in ("new", "changed") for each in differences)
    unwanted = sum(each.change == "unwanted" for each in differences)
    done = "would be deployed: `cinelake deploy`" if dry_run else "deployed"
    out.print(f"{changed} {done}, {len(differences) - changed - unwanted} as they were")
    if unwanted:
        out.print(f"{unwanted} no longer wanted: " + ("deleted" if prune and not dry_run else "`--prune` deletes them"))
