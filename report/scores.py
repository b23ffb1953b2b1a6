"""The scores of the models that made a film's tables, from the registry; cached in the site, as they never change.

A request to MLflow takes seconds, so only versions that are not in the cache are requested.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cinelake.errors import CinelakeError
from cinelake.manifest.document import Manifest
from cinelake.spec.model import find_model

FILE = "scores.json"
FORMAT = 4
"""Of the file: one of another format is requested anew."""
CAPTIONS = {
    "film": "Scores on films that it never saw",
    "time": "Scores on blocks of time that were held out; it learned from other parts of the same films",
    "image": "Scores on images that were held out; it learned from others of the same sources",
}
"""By what was held out."""
IN_SAMPLE = "Scores on films that it learned from"
HELD_OUT = "Scores on what was held out"
"""Of versions that do not say what that was."""
ModelScores = dict[str, dict[str, Any]]


def known_scores(out: Path) -> ModelScores:
    """`scenes 3` → its scores beside their baselines, as an earlier report wrote them."""
    try:
        cached = json.loads((out / FILE).read_text(encoding="utf-8"))
        return dict(cached["scores"]) if cached["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def scores_of(manifest: Manifest, wanted: Iterable[str], known: ModelScores) -> ModelScores:
    """The scores of these versions; for one that the registry does not have, the reason."""
    needed = set(wanted)
    new = needed - known.keys()
    scores = {**known, **(_from_registry(manifest, new) if new else {})}
    return {name: scores[name] for name in scores if name in needed}


def _from_registry(manifest: Manifest, names: set[str]) -> ModelScores:
    from cinelake.learning.versions import list_versions

    if not manifest.tracking.enabled:
        return {name: _unknown("tracking is switched off in the manifest") for name in names}
    try:
        versions = list_versions(manifest)
    except CinelakeError as error:
        return {name: _unknown(str(error).splitlines()[0]) for name in names}
    by_name = {f"{v['name']} {v['version']}": v for v in versions}
    return {name: {**shown_scores(by_name.get(name)), **_of_training(manifest, by_name.get(name))} for name in names}


def _of_training(manifest: Manifest, version: dict[str, Any] | None) -> dict[str, Any]:
    """The version's training, epoch by epoch, its errors and its learning curve, as far as they were recorded."""
    from cinelake.learning.diagnosis import CURVE, ERRORS, FORMAT
    from cinelake.tracking.registry import epochs_of, json_of

    if not version or not version.get("run_id"):
        return {}
    try:
        curves = epochs_of(manifest.tracking, version["run_id"])
        errors, curve = (json_of(manifest.tracking, version["run_id"], file) for file in (ERRORS, CURVE))
    except CinelakeError:
        return {}
    errors = errors if isinstance(errors, dict) and errors.get("format") == FORMAT else None
    found = {"curves": curves, "errors": errors, "learning_curve": curve}
    return {name: value for name, value in found.items() if value}


def shown_scores(version: dict[str, Any] | None) -> dict[str, Any]:
    """A version's scores as the page shows them: the main one in a line, and all beside interval and baseline.

    caption: on what they are, so that no page calls films unseen that the version has learned from.
    """
    if version is None:
        return _unknown("the registry does not have this version")
    meanings = measures_of(version.get("kind", ""))
    scores = [
        {**_score(name, value, version), "meaning": meanings.get(name, "")}
        for name, value in version["metrics"].items()
    ]
    main = scores[0] if scores else {"name": "no scores", "value": "", "interval": "", "baseline": ""}
    in_sample = "in-sample, of films that it learned from: " if version.get("in_sample") else ""
    line = in_sample + f"{main['name']} {main['value']}" + (f" ({main['interval']})" if main["interval"] else "")
    unsure = " (not surely less)" if version.get("doubt") and not in_sample else ""
    line += f", trivial baseline {main['baseline']}{unsure}" if main["baseline"] else ""
    caption = IN_SAMPLE if in_sample else CAPTIONS.get(version.get("split", ""), HELD_OUT)
    return {"main": line, "created": version["created"], "scores": scores, "caption": caption}


def measures_of(kind: str) -> Mapping[str, str]:
    """Score → what it says; nothing for a kind of model that is not installed any more."""
    try:
        return find_model(kind).measures
    except CinelakeError:
        return {}


def _unknown(why: str) -> dict[str, Any]:
    return {"main": f"scores not available: {why}", "created": "", "scores": [], "caption": ""}


def _score(name: str, value: float, version: dict[str, Any]) -> dict[str, str]:
    baseline, interval = version["baseline"].get(name), version["interval"].get(name)
    spread = f"{interval[0]:.3f} … {interval[1]:.3f}" if isinstance(interval, (list, tuple)) else ""
    trivial = "" if baseline is None else f"{baseline:.3f}"
    return {"name": name.replace("_", " "), "value": f"{value:.3f}", "interval": spread, "baseline": trivial}


def scores_file(scores: ModelScores) -> str:
    """The cache for the next report: scores, without those that were not available today."""
    lasting = {name: shown for name, shown in scores.items() if shown["scores"]}
    return json.dumps({"format": FORMAT, "scores": lasting}, indent=1, sort_keys=True) + "\n"
