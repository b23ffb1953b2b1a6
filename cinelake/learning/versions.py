"""Versions of a model beyond training: listed beside their scores, promoted by hand, rolled back, fetched again."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import StorageError, UnknownName, UsageError
from cinelake.lake.artefact import read_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import read_champion_record, record_version
from cinelake.learning.gate import Interval, baseline_doubt
from cinelake.manifest.document import Manifest

if TYPE_CHECKING:
    from cinelake.tracking.registry import Version


def list_versions(manifest: Manifest, name: str | None = None) -> list[dict[str, Any]]:
    """Every version as `models --json` prints it; `in_lake`: the lake's tables are made with it.

    metric: the score that the gate looked at, the first of `metrics` and `baseline`. doubt: see `doubt_of`.
    champion: as the registry says. Where the two differ, `cinelake models restore NAME` rewrites the lake's side.
    Raises `UnknownName`.
    """
    if name is not None:
        _check_known(manifest, name)
    from cinelake.tracking.registry import versions

    lake = Lake(manifest.lake.place)
    registered = versions(manifest.tracking, name)
    made_with = {each: _champion_in_lake(lake, each) for each in {version.name for version in registered}}
    return [
        {
            "name": version.name,
            "version": version.number,
            "champion": version.is_champion,
            "metric": version.metric,
            "metrics": version.scores,
            "baseline": version.baseline,
            "interval": version.interval,
            "in_sample": version.in_sample,
            "split": version.split,
            "kind": version.kind,
            "created": version.created,
            "digest": version.digest,
            "run_id": version.run_id,
            "promote_by_hand": version.promote_by_hand,
            "in_lake": made_with[version.name] == version.number,
            "doubt": doubt_of(version),
        }
        for version in registered
    ]


def _champion_in_lake(lake: Lake, name: str) -> int | None:
    try:
        return read_champion_record(lake, name).champion
    except StorageError:
        return None


def weakness(manifest: Manifest, name: str, number: int) -> str:
    """What a person ought to know who makes a version champion by hand, in words; empty where it is surely better than
    the baseline on films that it has not learned from.
    """
    doubt = next(row for row in list_versions(manifest, name) if row["version"] == number)["doubt"]
    return f"{name} {number}: {doubt}" if doubt else ""


def doubt_of(version: Version) -> str:
    """Why a version is not known to be better than its baseline, in the gate's words; empty where it is."""
    metric, score = version.metric, version.scores.get(version.metric, math.nan)
    baseline = version.baseline.get(metric, math.nan)
    if version.in_sample:
        return "its scores are in-sample, of films that it has learned from: how well it does on others is not known"
    if math.isnan(score) or math.isnan(baseline):
        return f"it has no {metric or 'score'} beside a baseline: how well it does is not known"
    low, high = version.interval.get(metric) or (math.nan, math.nan)
    if version.gain:
        return baseline_doubt(metric, Interval(score, low, high), Interval.from_json(version.gain))
    return "" if score > baseline else f"{metric} {score:.3f} is not better than the baseline: {baseline:.3f}"


def promote(manifest: Manifest, name: str, number: int) -> None:
    """Make a version the champion by hand, in the registry and in the lake. Raises `UnknownName`, `ModelUnusable`."""
    _check_known(manifest, name)
    from cinelake.tracking.registry import set_champion

    _mirror(manifest, name, number)
    set_champion(manifest.tracking, name, number)


def rollback(manifest: Manifest, name: str) -> int:
    """Make the champion before the present one champion again; returns its number. Raises `UnknownName`."""
    _check_known(manifest, name)
    from cinelake.tracking.registry import previous_champion

    number = previous_champion(manifest.tracking, name)
    if number is None:
        raise UsageError(f"{name} had no champion before: `cinelake models promote {name} VERSION` chooses one")
    promote(manifest, name, number)
    return number


def restore(manifest: Manifest, name: str) -> int:
    """Fetch the champion's files from the registry into the lake again; returns its number. Raises `UnknownName`."""
    _check_known(manifest, name)
    from cinelake.tracking.registry import champion

    present = champion(manifest.tracking, name)
    if present is None:
        raise UsageError(f"the registry has no champion of {name}: `cinelake models` lists what there is")
    _mirror(manifest, name, present.number)
    return present.number


def _check_known(manifest: Manifest, name: str) -> None:
    """Raise `UnknownName`, before MLflow is imported, for a model of no manifest, no package and no lake."""
    try:
        manifest.model(name)
    except UnknownName:
        if not read_champion_record(Lake(manifest.lake.place), name).versions:
            raise


def _mirror(manifest: Manifest, name: str, number: int) -> None:
    from cinelake.tracking.registry import fetch, origin_of

    with tempfile.TemporaryDirectory() as scratch:
        folder = fetch(manifest.tracking, name, number, Path(scratch) / "artefact")
        lake, origin = Lake(manifest.lake.place), origin_of(manifest.tracking, name, number)
        record_version(lake, name, number, read_artefact(folder), champion=True, origin=origin)
