"""The scores of the models that made a film's tables, as the registry has them; kept in the site, as they never change.

Asking MLflow costs seconds, so it is asked only for versions that the site has not met.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cinelake.errors import CinelakeError
from cinelake.manifest.document import Manifest

FILE = "scores.json"
FORMAT = 1
"""Of the file: one of another format is asked for anew."""
Scores = dict[str, dict[str, Any]]


def known_scores(out: Path) -> Scores:
    """`scenes 3` → its scores beside their baselines, as an earlier report wrote them."""
    try:
        found = json.loads((out / FILE).read_text(encoding="utf-8"))
        return dict(found["scores"]) if found["format"] == FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def scores_of(manifest: Manifest, wanted: Iterable[str], known: Scores) -> Scores:
    """The scores of these versions; one that the registry does not have says so."""
    needed = set(wanted)
    new = needed - known.keys()
    return {
        name: found for name, found in {**known, **(_asked(manifest, new) if new else {})}.items() if name in needed
    }


def _asked(manifest: Manifest, names: set[str]) -> Scores:
    from cinelake.learning.versions import list_versions

    if not manifest.tracking.enabled:
        return {name: _unknown("tracking is switched off in the manifest") for name in names}
    try:
        versions = list_versions(manifest)
    except CinelakeError as error:
        return {name: _unknown(str(error).splitlines()[0]) for name in names}
    found = {f"{v['name']} {v['version']}": v for v in versions}
    return {name: told_scores(found.get(name)) for name in names}


def told_scores(version: dict[str, Any] | None) -> dict[str, Any]:
    """A version's scores as the page shows them: the main one in a line, and all beside interval and baseline."""
    if version is None:
        return _unknown("the registry does not have this version")
    scores = [_score(name, value, version) for name, value in version["metrics"].items()]
    main = scores[0] if scores else {"name": "no scores", "value": "", "interval": "", "baseline": ""}
    told = f"{main['name']} {main['value']}" + (f" ({main['interval']})" if main["interval"] else "")
    told += f", trivial baseline {main['baseline']}" if main["baseline"] else ""
    return {"main": told, "created": version["created"], "scores": scores}


def _unknown(why: str) -> dict[str, Any]:
    return {"main": f"scores not available: {why}", "created": "", "scores": []}


def _score(name: str, value: float, version: dict[str, Any]) -> dict[str, str]:
    baseline, interval = version["baseline"].get(name), version["interval"].get(name)
    spread = f"{interval[0]:.3f} … {interval[1]:.3f}" if isinstance(interval, (list, tuple)) else ""
    trivial = "" if baseline is None else f"{baseline:.3f}"
    return {"name": name.replace("_", " "), "value": f"{value:.3f}", "interval": spread, "baseline": trivial}


def scores_file(scores: Scores) -> str:
    """What is kept for the next report: scores, not that there were none today."""
    lasting = {name: found for name, found in scores.items() if found["scores"]}
    return json.dumps({"format": FORMAT, "scores": lasting}, indent=1, sort_keys=True) + "\n"
