"""The files of `infra/`, as tests read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from cinelake.manifest.sections import EngineSettings, NodeKind

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"


def loaded(name: str) -> Any:
    """A YAML file of `infra/`."""
    return yaml.safe_load((INFRA / name).read_text())


def advised(readme: str) -> EngineSettings:
    """The `engine` section that a README of `infra/` shows."""
    lines = (INFRA / readme).read_text().partition("    engine:\n")[2].splitlines()
    section = list(takewhile(lambda line: line.startswith("      "), lines))
    return EngineSettings.model_validate(yaml.safe_load("\n".join(section)))


def may_come(offered: dict[str, float], most: int) -> NodeKind:
    """A node of the manifest's `engine.autoscaling`, in whole GB, from what a node offers in Ray's terms."""
    memory_gb = offered["memory"] // 10**9
    return NodeKind(cpus=offered["CPU"], gpus=offered.get("GPU", 0), memory_gb=memory_gb, most=most)


def pinned(name: str) -> dict[str, str]:
    """Package → version, of a list in `requirements/`; without those that are never installed."""
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    found = (re.match(r"([\w.-]+)(?:\[[^]]*\])?==([^ ;]+)", line) for line in lines if "'never'" not in line)
    return {match[1]: match[2] for match in found if match}


def package_folder(name: str) -> Path:
    """Where an installed package is; it is not imported."""
    spec = find_spec(name)
    assert spec and spec.origin
    return Path(spec.origin).parent


def below(found: Any, key: str) -> Iterator[Any]:
    """Every value that stands under a key, at any depth."""
    if isinstance(found, dict):
        yield from (value for name, value in found.items() if name == key)
        for value in found.values():
            yield from below(value, key)
    elif isinstance(found, list):
        for value in found:
            yield from below(value, key)


def schema_of_compose() -> dict[str, Any]:
    """The compose specification's JSON schema."""
    folder = package_folder("check_jsonschema") / "builtin_schemas" / "vendor"
    found: dict[str, Any] = json.loads((folder / "compose-spec.json").read_text())
    return found
