"""`cinelake publish`: makes the next published version, lists the versions, goes back to one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cinelake.errors import UsageError
from cinelake.lake.format import open_known
from cinelake.lake.published import (
    PublishedVersion,
    damaged_file,
    find_version,
    latest_number,
    readable_versions,
    version_numbers,
)
from cinelake.lake.published import verify as verified
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import duration, err, out, print_json, table, warn

app = typer.Typer(add_completion=False)

LINE_EVERY_S = 5.0


@app.command(
    epilog=example(
        "cinelake publish",
        "cinelake publish --dry-run",
        "cinelake publish --list --json",
        "cinelake publish --rollback",
        "cinelake publish --rollback --to 12",
        "cinelake publish --verify",
    )
)
def publish(
    manifest: ManifestOption = HERE,
    keep: Annotated[int | None, typer.Option(help="Versions that are kept, instead of the manifest's.", min=1)] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the versions that are kept.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Make the version before the present one.")] = False,
    to: Annotated[int | None, typer.Option("--to", help="With --rollback: this version.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every byte of the present version with what was written.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made; publish nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Publish the lake's tables, compacted and sorted, with tables over the whole catalogue, as one new version.

    A question over all films opens a small file for each in the lake (1 ms a film), and a few large ones in the
    published copy (`cinelake query --published latest`): worth its making from some thousand films on. What a run has
    just made is in the lake at once, and in the copy with the next publish.
    """
    asked = {"--list": list_, "--rollback": rollback, "--verify": verify, "--dry-run": dry_run}
    _check_fits([option for option, given in asked.items() if given], to)
    if list_:
        _list_versions(manifest, as_json=json)
    elif rollback:
        _go_back(manifest, to, as_json=json)
    elif verify:
        _verify(manifest, as_json=json)
    elif dry_run:
        _print_work(_planned(manifest, keep), as_json=json)
    else:
        _publish(_planned(manifest, keep), as_json=json)


def _check_fits(asked: Sequence[str], to: int | None) -> None:
    """Raise `UsageError` for options of which one would be passed over."""
    if len(asked) > 1:
        raise UsageError(f"expected one of {' and '.join(asked)}: each is a command of its own")
    if to is not None and "--rollback" not in asked:
        raise UsageError(f"--to {to} belongs to --rollback: `cinelake publish --rollback --to {to}`")


def _print_work(planning: Planning, *, as_json: bool) -> None:
    """Print what publishing would make."""
    from flows.lake_versions import prepare_publication

    publication = prepare_publication(planning)
    reused = sum(map(len, publication.there.values()))
    if as_json:
        print_json({"make": len(publication.work), "reuse": reused, "buckets": publication.buckets})
    else:
        out.print(
            f"{len(publication.work)} files to make, {reused} to take over; at most {publication.buckets} a table"
        )


def _publish(planning: Planning, *, as_json: bool) -> None:
    from flows.lake_versions import publish_planned

    began = time.monotonic()
    done = publish_planned(planning, _Progress(quiet=as_json))
    facts = {"made": done.made, "reused": done.reused, "forgotten": list(done.forgotten), "is_new": done.is_new}
    if as_json:
        print_json({**_facts(done.version, present=done.version.number), **facts})
    else:
        _print(done.version, facts, time.monotonic() - began)


def _planned(manifest: Path, keep: int | None) -> Planning:
    loaded = load_manifest(manifest)
    if keep is not None:
        loaded = replace(loaded, publish=loaded.publish.model_copy(update={"keep": keep}))
    return plan_manifest(loaded)


class _Progress:
    """Prints every few seconds how many files are done."""

    def __init__(self, *, quiet: bool):
        self._quiet, self._last = quiet, time.monotonic()

    def __call__(self, done: int, jobs: int) -> None:
        if not self._quiet and time.monotonic() - self._last > LINE_EVERY_S:
            self._last = time.monotonic()
            err.print(f"  {done}/{jobs} files")


def _print(version: PublishedVersion, facts: dict[str, Any], wall_s: float) -> None:
    if not facts["is_new"]:
        out.print(f"nothing to publish: version {version.number} is up to date")
        return
    rows = [[name, f"{t.rows:,}", len(t.files), f"{t.bytes / 1e6:,.1f} MB"] for name, t in version.tables.items()]
    table(["table", "rows", "files", "size"], rows)
    out.print(
        f"version {version.number} of {version.films} films published in {duration(wall_s)}: "
        f"{facts['made']} files made, {facts['reused']} taken over"
    )
    if version.stale:
        err.print(f"! {version.stale} cells of it are out of date: `cinelake run` renews them", style="yellow")


def _list_versions(manifest: Path, *, as_json: bool) -> None:
    """Print the versions that are kept."""
    lake = open_known(load_manifest(manifest).lake.place)
    present, found = latest_number(lake), readable_versions(lake)
    versions = [*found.values()]
    for number in sorted({*version_numbers(lake)} - {*found}):
        warn(f"the record of version {number} is damaged")
    if as_json:
        print_json({"versions": [_facts(version, present=present) for version in versions]})
        return
    rows = [
        [
            version.number,
            version.at,
            version.films,
            f"{sum(t.rows for t in version.tables.values()):,}",
            "present" if version.number == present else "",
        ]
        for version in versions
    ]
    table(["version", "made", "films", "rows", ""], rows)


def _verify(manifest: Path, *, as_json: bool) -> None:
    """Print which files of the present version are not as they were written. Raises `StorageError` for any."""
    lake = open_known(load_manifest(manifest).lake.place)
    version = find_version(lake)
    found = verified(lake, version)
    if as_json:
        print_json({"version": version.number, **asdict(found)})
    else:
        out.print(f"version {version.number}: {found.files} files read, {len(found.damaged)} damaged")
    if found.unknown:
        warn(f"{found.unknown} files of an earlier release have no digest: only their sizes were compared")
    for path, why in found.damaged.items():
        warn(f"{path}: {why}")
    if found.damaged:
        path, why = next(iter(found.damaged.items()))
        raise damaged_file(lake, Path(path).parts[-3], f"{Path(path).name}: {why}")


def _facts(version: PublishedVersion, *, present: int | None) -> dict[str, Any]:
    tables = {name: {"rows": t.rows, "files": len(t.files), "bytes": t.bytes} for name, t in version.tables.items()}
    about = {"version": version.number, "at": version.at, "films": version.films, "buckets": version.buckets}
    return {**about, "stale": version.stale, "present": version.number == present, "tables": tables}


def _go_back(manifest: Path, number: int | None, *, as_json: bool) -> None:
    """Make an earlier version the present one."""
    from flows.lake_versions import roll_back

    version = roll_back(open_known(load_manifest(manifest).lake.place), number)
    if as_json:
        print_json(_facts(version, present=version.number))
    else:
        out.print(f"version {version.number} of {version.at} is the present one; `cinelake publish` makes a newer one")
