"""What pydantic finds wrong with settings, as problems of the manifest: line, setting, expected and received."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cinelake.errors import did_you_mean
from cinelake.manifest.yaml import Document, Where, number_or_truth

Checked = TypeVar("Checked", bound=BaseModel)

_KINDS = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}
_FROM_TEXT = {"int_type", "int_parsing", "float_type", "bool_type"}
_BOUNDS = {
    "greater_than": ("a number greater than", "gt"),
    "greater_than_equal": ("a number of at least", "ge"),
    "less_than": ("a number less than", "lt"),
    "less_than_equal": ("a number of at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}
_FIELD_NAMES = r"^\^\[a-z\]\[a-z0-9_\]"


def check(model: type[Checked], data: Any, document: Document, at: Where) -> Checked | None:
    """`data` as `model`, or None after its problems were added to the document.

    Strict: a string is no number, a truth is no number; but what a variable holds may be either. Lists may
    become tuples and strings paths.
    """
    try:
        return _checked(model, data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    try:
        return _checked(model, _with_numbers(data, errors, document, at))
    except ValidationError as error:
        groups = _by_setting(error.errors(include_url=False), document, at)
    for where, group in groups.items():
        if not _has_fault(where, document):
            for message in dict.fromkeys(_messages(model, group, document, where)):
                document.problem(where, message)
    return None


def _checked(model: type[Checked], data: Any) -> Checked:
    """Judged strictly as JSON (a string may be a path there), then made as a call in Python makes it.

    In a union such as `Path | str`, Python keeps a string as it is where JSON would take the first that fits.
    """
    model.model_validate_json(json.dumps(data), strict=True)
    return model.model_validate(data)


def _with_numbers(data: Any, errors: list[ErrorDetails], document: Document, at: Where) -> Any:
    """The data with those variables' values as numbers or truths that were wrong as strings."""
    data = copy.deepcopy(data)
    for error in errors:
        where = _setting(error, document, at)
        if where and (*at, *where) in document.written and error["type"] in _FROM_TEXT:
            parent = data
            for part in where[:-1]:
                parent = parent[part]
            if isinstance(parent[where[-1]], str):
                parent[where[-1]] = number_or_truth(parent[where[-1]])
    return data


def _has_fault(where: Where, document: Document) -> bool:
    """Whether the setting, or one in it that this error may be about, has its own problem already."""
    return any(faulty[: len(where)] == where or where[: len(faulty)] == faulty for faulty in document.faulty)


def _by_setting(errors: list[ErrorDetails], document: Document, at: Where) -> dict[Where, list[ErrorDetails]]:
    """The errors by the setting they are about, without those of a union's branches that were not meant."""
    groups: dict[Where, list[ErrorDetails]] = {}
    for error in errors:
        groups.setdefault((*at, *_setting(error, document, at)), []).append(error)
    meant = [where for where in groups if not _is_other_branch(where, groups)]
    return {where: groups[where] for where in meant}


def _setting(error: ErrorDetails, document: Document, at: Where) -> Where:
    """An error's path without the names of union branches, which are not in the file."""
    where: Where = ()
    for part in error["loc"]:
        if (*at, *where, part) in document.lines:
            where = (*where, part)
    missing = error["type"] == "missing" and error["loc"]
    return (*where, error["loc"][-1]) if missing else where


def _is_other_branch(where: Where, groups: dict[Where, list[ErrorDetails]]) -> bool:
    """`backbone: {fil: x}` is wrong as a mapping; that it is no string either helps nobody."""
    deeper = any(len(other) > len(where) and other[: len(where)] == where for other in groups)
    return deeper and all(error["type"] in _KINDS or error["type"] == "literal_error" for error in groups[where])


def _messages(model: type[BaseModel], group: list[ErrorDetails], document: Document, where: Where) -> Iterator[str]:
    """The messages for all errors at one setting; alternatives of a union become one sentence."""
    expected: list[str] = []
    options: list[str] = []
    for error in group:
        if error["type"] == "missing":
            yield "is required"
        elif error["type"] == "extra_forbidden":
            known = known_settings(model, error["loc"][:-1])
            yield f"unknown setting {error['loc'][-1]!r}{did_you_mean(str(error['loc'][-1]), known)}"
        elif error["type"] == "value_error":
            yield _without_secrets(error["msg"].removeprefix("Value error, "), document)
        else:
            expected.append(_expected(error))
            options += re.findall(r"'([^']*)'", error.get("ctx", {}).get("expected", ""))
    if expected:
        received = document.written.get(where, group[0]["input"])
        hint = did_you_mean(received, options) if isinstance(received, str) and options else ""
        wanted = " or ".join(dict.fromkeys(expected))
        yield f"expected {wanted}, received {shown(received)}{hint if 'did you mean' in hint else ''}"


def _expected(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _BOUNDS:
        words, limit = _BOUNDS[kind]
        return f"{words} {context[limit]:g}"
    if kind in {"literal_error", "enum"}:
        return str(context["expected"])
    if kind == "string_pattern_mismatch":
        return _pattern_words(str(context["pattern"]))
    if kind in {"string_too_short", "too_short"}:
        return "something that is not empty" if context["min_length"] == 1 else f"{context['min_length']} or more"
    return error["msg"].removeprefix("Input should be ")


def _pattern_words(pattern: str) -> str:
    """What the patterns of `manifest_sections` mean, in words."""
    if "/" in pattern:
        return "a block of Prefect as TYPE/NAME"
    if "@" in pattern:
        return "a model as NAME@champion or NAME@VERSION"
    if re.match(_FIELD_NAMES, pattern):
        return "a name of a-z, 0-9 and _ that begins with a letter"
    if "\\S+" in pattern:
        return "five fields of cron (minute hour day month weekday)"
    return f"text that matches {pattern}"


def shown(value: Any) -> str:
    """A value received, as the file would write it and short."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"a mapping with {', '.join(map(repr, list(value)[:5]))}" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    words = str(value).lower() if isinstance(value, bool) else repr(value)
    return words if len(words) <= 80 else words[:77] + "…"


def _without_secrets(message: str, document: Document) -> str:
    """A task's own message, with variables as they are written in place of their values."""
    for where, written in document.written.items():
        value = document.data
        for part in where:
            value = value[part]
        if value not in (None, ""):
            message = message.replace(str(value), written)
    return message


def known_settings(model: type[BaseModel], path: Iterable[str | int]) -> list[str]:
    """Names of the settings that may stand at a path of a model, through unions, lists and mappings."""
    models = {model}
    for part in path:
        fields = [parent.model_fields[str(part)] for parent in models if part in parent.model_fields]
        inside = {m for field in fields for m in _models_in(field.annotation)}
        named = {m for m in models if m.__name__ == part}
        models = inside or named or models
    return sorted({name for settings in models for name in settings.model_fields})


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
