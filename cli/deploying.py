"""`deploy`: what the manifest wants of the Prefect server is put there; the difference is told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from cinelake.manifest.document import load_manifest
from cli.screen import out, plain, print_json, table
from flows.deployments import Difference, project_of
from flows.server import kept_server, state_folder

STYLES = {"new": "green", "changed": "yellow", "unwanted": "red"}
WORDS = {"unwanted": "no longer wanted"}


def deploy_manifest(manifest: Path, *, dry_run: bool, prune: bool, as_json: bool) -> int:
    """Deploy, or with `dry_run` say what that would change; gives the exit code."""
    loaded = load_manifest(manifest)
    with kept_server(state_folder(loaded.folder)) as url:
        from flows.deploy import deploy

        differences = deploy(loaded, dry_run=dry_run, prune=prune)
    if as_json:
        facts = {"project": project_of(loaded), "server": url, "applied": not dry_run, "pruned": prune and not dry_run}
        print_json({**facts, "differences": [difference.to_json() for difference in differences]})
        return 0
    out.print(f"project {project_of(loaded)} on {url}", markup=False)
    _print(differences)
    _print_verdict(differences, dry_run, prune)
    return 0


def _print(differences: Sequence[Difference]) -> None:
    rows = [
        (
            Text(WORDS.get(each.change, each.change), style=STYLES.get(each.change, "")),
            each.item.kind,
            each.item.name,
            _told(each),
        )
        for each in differences
    ]
    if rows:
        table(("", "what", "name", "settings"), rows)


def _told(difference: Difference) -> Text:
    """The settings that changed, from what to what; of something new those that say something."""
    if difference.change == "changed":
        return plain("\n".join(f"{name}: {a!r} → {b!r}" for name, (a, b) in difference.changes.items()))
    if difference.change == "new":
        return plain("\n".join(f"{name}: {value}" for name, value in difference.item.settings.items() if value))
    return plain("")


def _print_verdict(differences: Sequence[Difference], dry_run: bool, prune: bool) -> None:
    changed = sum(each.change in ("new", "changed") for each in differences)
    unwanted = sum(each.change == "unwanted" for each in differences)
    done = "would be deployed: `cinelake deploy`" if dry_run else "deployed"
    out.print(f"{changed} {done}, {len(differences) - changed - unwanted} as they were")
    if unwanted:
        out.print(f"{unwanted} no longer wanted: " + ("deleted" if prune and not dry_run else "`--prune` deletes them"))
