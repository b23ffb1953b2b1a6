"""What a cell's key is made of: the input-addressed identity of one table of one film.

    content hash = H(task, version, parameters, what preflight adds, model, film's fingerprint, inputs' content hashes)
    key          = H(content hash, revision)

A cell is fresh when the key in its footer equals the planned key. Descendants take the *content hash* of their inputs,
so that a raised `revision` restales its own table alone (as in Nix and Nextflow, the whole plan is known before
anything runs).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel

from cinelake.spec.task import ADDED_LATER, Params, names_path
from cinelake.storage.content import CLOCK_RULE, digest


@dataclass(frozen=True)
class Recipe:
    """What all films' cells of one manifest entry have in common."""

    task: str
    version: int
    revision: int
    params: dict[str, Any]
    model: dict[str, Any] | None = None

    @cached_property
    def _head(self) -> str:
        return digest([self.task, self.version, self.params, self.model])

    def content_hash(self, fingerprint: str, inputs: Mapping[str, str]) -> str:
        """The hash that descendants take; `inputs` is input name → its content hash."""
        text = "\0".join([self._head, fingerprint, *(f"{k}={v}" for k, v in sorted(inputs.items()))])
        return blake2b(text.encode(), digest_size=16).hexdigest()

    def key(self, content_hash: str) -> str:
        """The hash that decides whether a cell is fresh."""
        return blake2b(f"{content_hash}\0{self.revision}".encode(), digest_size=16).hexdigest()

    def recipe_hash(self, inputs: Mapping[str, str]) -> str:
        """The hash of the recipe and of its inputs' recipes, whatever the film; `inputs`: input name → recipe hash."""
        return digest([self._head, dict(inputs)])

    def ingredients(self, fingerprint: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        """What went into the key, as the footer keeps it."""
        return {
            "task": self.task,
            "version": self.version,
            "revision": self.revision,
            "params": self.params,
            "model": self.model,
            "fingerprint": fingerprint,
            "inputs": dict(inputs),
        }


def key_params(params: Params, added: Mapping[str, str]) -> dict[str, Any]:
    """Parameters as they enter the key.

    Paths are left out (a moved checkout changes nothing); the task's preflight adds the digests of their contents. So
    are parameters that were added later, at their defaults: tables made before them stay fresh.
    """
    return {**_without_paths(params), **added}


def _without_paths(model: BaseModel) -> dict[str, Any]:
    fields = type(model).model_fields
    values = {name: getattr(model, name) for name, info in fields.items() if not names_path(info)}
    return {
        name: _plain(value)
        for name, value in values.items()
        if not (ADDED_LATER in fields[name].metadata and value == fields[name].default)
    }


def _plain(value: Any) -> Any:
    """A value as JSON-like data; parameters within parameters, in lists and mappings too, without their paths."""
    if isinstance(value, BaseModel):
        return _without_paths(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return json.loads(json.dumps(value, default=str))


def first_difference(entry: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The one reason why a cell made from `old` ingredients is stale under `new` ones."""
    if old.get("task") != new["task"]:
        return f"task {old.get('task')}→{new['task']}"
    if old.get("fingerprint") != new["fingerprint"]:
        same = str(old.get("fingerprint")) + CLOCK_RULE == new["fingerprint"]
        return "the film's time zero is that of its earliest stream" if same else "film changed"
    if old.get("version") != new["version"]:
        return f"task version {old.get('version')}→{new['version']}"
    if old.get("params") != new["params"]:
        before, now = old.get("params") or {}, new["params"]
        name = _changed_names(before, now)[0]
        return f"parameter {name} {_short(before.get(name))}→{_short(now.get(name))}"
    if old.get("model") != new["model"]:
        before, now = old.get("model") or {}, new["model"] or {}
        return f"model {now.get('name') or before.get('name')} {before.get('version', '–')}→{now.get('version', '–')}"
    if old.get("inputs") != new["inputs"]:
        name = _changed_names(old.get("inputs") or {}, new["inputs"])[0]
        if name.startswith("streams."):
            return f"choice of {name.removeprefix('streams.')}"
        return f"file …{name} beside the film" if name.startswith(".") else f"upstream {name}"
    if old.get("revision") != new["revision"]:
        return f"task revision {old.get('revision')}→{new['revision']}"
    return f"{entry} was made under another rule for keys"


def _changed_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [name for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name)]


def _short(value: Any) -> str:
    text = "unset" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "…"
