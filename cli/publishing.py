"""`publish`: makes the next published version, lists the versions, goes back to one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cinelake.lake.cells import Lake
from cinelake.lake.published import PublishedVersion, find_version, latest_number, version_numbers
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cli.screen import duration, err, out, print_json, table

LINE_EVERY_S = 5.0


def publish_manifest(manifest: Path, *, keep: int | None, dry_run: bool, as_json: bool) -> int:
    """Publish, or say what would be done; gives the exit code."""
    from flows.lake_versions import prepare_publication, publish_planned

    planning = _planned(manifest, keep)
    if dry_run:
        publication = prepare_publication(planning)
        there = sum(map(len, publication.there.values()))
        if as_json:
            print_json({"make": len(publication.work), "reuse": there, "buckets": publication.buckets})
        else:
            out.print(
                f"{len(publication.work)} files to make, {there} to take over; at most {publication.buckets} a table"
            )
        return 0
    began = time.monotonic()
    done = publish_planned(planning, _Progress(quiet=as_json))
    facts = {"made": done.made, "reused": done.reused, "forgotten": list(done.forgotten), "is_new": done.is_new}
    if as_json:
        print_json({**_facts(done.version, present=done.version.number), **facts})
    else:
        _tell(done.version, facts, time.monotonic() - began)
    return 0


def _planned(manifest: Path, keep: int | None) -> Planning:
    loaded = load_manifest(manifest)
    if keep is not None:
        loaded = replace(loaded, publish=loaded.publish.model_copy(update={"keep": keep}))
    return plan_manifest(loaded)


class _Progress:
    """Says every few seconds how many files are done."""

    def __init__(self, *, quiet: bool):
        self._quiet, self._last = quiet, time.monotonic()

    def __call__(self, done: int, jobs: int) -> None:
        if not self._quiet and time.monotonic() - self._last > LINE_EVERY_S:
            self._last = time.monotonic()
            err.print(f"  {done}/{jobs} files")


def _tell(version: PublishedVersion, facts: dict[str, Any], wall_s: float) -> None:
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


def list_versions(manifest: Path, *, as_json: bool) -> int:
    """Print the versions that are kept; gives the exit code."""
    lake = _lake(manifest)
    present, versions = latest_number(lake), [find_version(lake, number) for number in version_numbers(lake)]
    if as_json:
        print_json({"versions": [_facts(version, present=present) for version in versions]})
        return 0
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
    return 0


def _lake(manifest: Path) -> Lake:
    """The lake of a manifest."""
    return Lake(load_manifest(manifest).lake.place)


def _facts(version: PublishedVersion, *, present: int | None) -> dict[str, Any]:
    tables = {name: {"rows": t.rows, "files": len(t.files), "bytes": t.bytes} for name, t in version.tables.items()}
    about = {"version": version.number, "at": version.at, "films": version.films, "buckets": version.buckets}
    return {**about, "stale": version.stale, "present": version.number == present, "tables": tables}


def go_back(manifest: Path, number: int | None, *, as_json: bool) -> int:
    """Make an earlier version the present one; gives the exit code."""
    from flows.lake_versions import roll_back

    version = roll_back(_lake(manifest), number)
    if as_json:
        print_json(_facts(version, present=version.number))
    else:
        out.print(f"version {version.number} of {version.at} is the present one; `cinelake publish` makes a newer one")
    return 0
