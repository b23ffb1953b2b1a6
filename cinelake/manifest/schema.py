"""The JSON Schema of a manifest, from the same declarations that validate it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cinelake.manifest.sections import EntryOptions, Sections
from cinelake.spec.model import find_model, known_models
from cinelake.spec.task import find_task, known_tasks

Schema = dict[str, Any]


def manifest_schema() -> Schema:
    """The schema (draft 2020-12): the sections, and one definition per known task with its parameters."""
    names, kinds = known_tasks(), known_models()
    models: list[type[BaseModel]] = [Sections, EntryOptions, *(find_task(name).params for name in names)]
    models += [find_model(name).config for name in kinds]
    refs, shared = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], ref_template="#/$defs/{model}"
    )
    defs: Schema = shared["$defs"]
    root = defs[_key(refs[Sections, "validation"])]
    options = defs[_key(refs[EntryOptions, "validation"])]
    for name in names:
        params = defs[_key(refs[find_task(name).params, "validation"])]
        defs[f"task_{name}"] = _task(name, params, options)
    for name in kinds:
        config = _key(refs[find_model(name).config, "validation"])
        defs[f"model_{name}"] = _model(name, defs[config], defs["ModelSettings"])
    _allow_nothing(root, names)
    root["properties"]["models"] = _or_nothing(_models(root["properties"]["models"], kinds))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "$defs": _used(root, defs),
    }


def _key(ref: Schema) -> str:
    return str(ref["$ref"]).removeprefix("#/$defs/").split("/")[0]


def _task(name: str, params: Schema, options: Schema) -> Schema:
    """One task's entry: its parameters and the options of every entry."""
    spec, own = find_task(name), params.get("properties", {})
    options_left = [option for option in options["properties"] if option not in own]
    shared = {option: {"$ref": f"#/$defs/EntryOptions/properties/{option}"} for option in options_left}
    return {
        "title": name,
        "description": spec.doc.split("\n\n")[0].replace("\n", " ") or spec.contract.doc,
        "type": ["object", "null"],
        "properties": {**own, **shared},
        **({"required": params["required"]} if params.get("required") else {}),
        "additionalProperties": False,
    }


def _model(name: str, config: Schema, settings: Schema) -> Schema:
    """One kind of model's settings, with its own configuration."""
    about = find_model(name).about.split("\n\n")[0].replace("\n", " ")
    own = {"type": "object", "description": settings["properties"]["config"]["description"], "default": {}}
    own |= {"properties": config.get("properties", {}), "additionalProperties": False}
    properties = {key: {"$ref": f"#/$defs/ModelSettings/properties/{key}"} for key in settings["properties"]}
    return {
        "title": name,
        "description": about or f"A model of kind `{name}`.",
        "type": ["object", "null"],
        "properties": {**properties, "config": own},
        "additionalProperties": False,
    }


def _models(section: Schema, kinds: tuple[str, ...]) -> Schema:
    """Models under a kind's name, and models under a name of their own that say which kind they are."""
    own = {"type": "object", "required": ["model"], "properties": {"model": {"enum": list(kinds)}}}
    chosen = [
        {"if": {"properties": {"model": {"const": name}}}, "then": {"$ref": f"#/$defs/model_{name}"}} for name in kinds
    ]
    return {
        "description": section["description"],
        "default": {},
        "type": "object",
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,63}$"},
        "properties": {name: {"$ref": f"#/$defs/model_{name}"} for name in kinds},
        "additionalProperties": {**own, "allOf": chosen},
    }


def _tasks(section: Schema, names: tuple[str, ...]) -> Schema:
    """Entries under a task's name, and entries under a name of their own that say which task they are."""
    own = {"type": "object", "required": ["task"], "properties": {"task": {"enum": list(names)}}}
    chosen = [
        {"if": {"properties": {"task": {"const": name}}}, "then": {"$ref": f"#/$defs/task_{name}"}} for name in names
    ]
    return {
        "description": section["description"],
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,63}$"},
        "properties": {name: {"$ref": f"#/$defs/task_{name}"} for name in names},
        "additionalProperties": {**own, "allOf": chosen},
    }


def _allow_nothing(root: Schema, names: tuple[str, ...]) -> None:
    """A section or entry whose lines are all comments is null to YAML: the same as leaving it out or empty."""
    sections = root["properties"]
    for name in ("schedules", "triggers"):
        named = sections[name]["patternProperties"]
        sections[name]["patternProperties"] = {pattern: _or_nothing(entry) for pattern, entry in named.items()}
        sections[name]["additionalProperties"] = False
    sections["tasks"] = _tasks(sections["tasks"], names)
    for name in sections.keys() - {*root["required"], "models"}:
        sections[name] = _or_nothing(sections[name])


def _or_nothing(schema: Schema) -> Schema:
    described: Schema = {key: schema[key] for key in ("description", "title", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in described}
    return {**described, "anyOf": [rest, {"type": "null"}]}


def _used(root: Schema, defs: Schema) -> Schema:
    """The definitions that the root reaches, in the order of their names."""
    used: dict[str, Schema] = {}
    waiting: list[Any] = [root]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            ref = part.get("$ref")
            if isinstance(ref, str) and _key(part) not in used:
                used[_key(part)] = defs[_key(part)]
                waiting.append(used[_key(part)])
        waiting += part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    return dict(sorted(used.items()))
