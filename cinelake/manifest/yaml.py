"""YAML 1.2 read safely into plain data, with the line of every setting.

Only mappings, lists, strings, numbers, true/false and null come out of a file: no tags, no objects. What the
file may cost is bounded (bytes, settings after aliases are written out, depth), a key that stands twice is a
problem with both lines, and `${NAME}` or `${NAME:-default}` in a string is replaced from the environment.
The text itself keeps `${NAME}`, and so do the messages: a secret is never shown.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cinelake.errors import SECRET_OPTION, ManifestError, Problem

MAX_BYTES = 256 * 1024
MAX_SETTINGS = 20_000
MAX_DEPTH = 32
MAX_SHOWN = 200
"""Characters of a value in a message."""

Where = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/@:]*:(?!\$\{)[^\s/@]+@")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")


def _has_secret_option(address: str) -> bool:
    """Whether an option of an address is named a secret, and no variable gives it."""
    return any(not address.startswith("${", found.end(1)) for found in SECRET_OPTION.finditer(address))


@dataclass
class Document:
    """A file's data and where each setting stands.

    lines: the line of every setting, by path from the root (`("tasks", "frames", "fps")`).
    written: strings as the file has them, where a variable was replaced.
    faulty: settings that have a problem already; what else is wrong with them is not worth a line.
    """

    file: str
    environment: Mapping[str, str] | None = None
    data: Any = None
    lines: dict[Where, int] = field(default_factory=dict)
    written: dict[Where, str] = field(default_factory=dict)
    faulty: set[Where] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def section(self, name: str) -> dict[str, Any]:
        """A section of the file; empty where it is missing or no mapping."""
        section = self.data.get(name) if isinstance(self.data, dict) else None
        return section if isinstance(section, dict) else {}

    def nearest(self, where: Where) -> Where:
        """The setting, or the nearest one around it that the file has."""
        while where and where not in self.lines:
            where = where[:-1]
        return where

    def line(self, where: Where) -> int:
        """The line of a setting, or of the nearest one around it that the file has."""
        return self.lines.get(self.nearest(where), 1)

    def problem(self, where: Where, message: str, line: int = 0) -> None:
        """Add a problem at a setting."""
        self.problems.append(Problem(self.file, line or self.line(where), spell(where), message))

    def fault(self, where: Where, message: str) -> None:
        """Add a problem at a setting whose value cannot be used at all."""
        self.problem(where, message)
        self.faulty.add(where)


def spell(where: Where) -> str:
    """A setting's path as people write it: `tasks.frames.inputs`, `schedules.nightly.select[0]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return "".join(parts).removeprefix(".")


def read_yaml(text: str, file: str, environment: Mapping[str, str] | None = os.environ) -> Document:
    """The document in `text`; raises `ManifestError` if it is no YAML, keeps all smaller problems in it.

    environment: where `${NAME}` is looked up; None keeps variables as they are written.
    """
    document = Document(file, environment)
    root = _compose(text, file)
    if root is None:
        raise ManifestError([Problem(file, 0, "", "the file is empty: a manifest needs lake, catalogue, tasks")])
    document.data = _Reader(document).value(root, (), ())
    return document


def _compose(text: str, file: str) -> Node | None:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ManifestError([Problem(file, 0, "", f"the file is larger than {MAX_BYTES // 1024} KiB")])
    reader = YAML(typ="safe", pure=True)
    reader.Composer = _BoundedComposer
    try:
        return reader.compose(text)  # type: ignore[no-any-return]  # ruamel's `compose` has no type
    except _TooMuch as error:
        raise ManifestError([Problem(file, error.line, "", str(error))]) from error
    except MarkedYAMLError as error:
        raise ManifestError([_syntax_problem(error, file)]) from error
    except YAMLError as error:
        first = str(error).strip().splitlines()[0]
        raise ManifestError([Problem(file, 0, "", f"this is not YAML: {first}")]) from error
    except RecursionError as error:
        raise ManifestError([Problem(file, 0, "", f"nested deeper than {MAX_DEPTH} levels")]) from error


class _TooMuch(Exception):
    """A file that is nested too deep, or holds too many settings. line: where that began."""

    def __init__(self, message: str, line: int):
        super().__init__(message)
        self.line = line


class _BoundedComposer(Composer):
    """Stops while it reads: what the scanner keeps of each open bracket makes deep nesting quadratic."""

    _open = 0
    _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node; raises `_TooMuch` for one too deep or one too many."""
        self._open, self._nodes = self._open + 1, self._nodes + 1
        if self._open > MAX_DEPTH + 1 or self._nodes > 2 * MAX_SETTINGS:  # a setting is a key and a value
            line = self.parser.peek_event().start_mark.line + 1
            deep = f"nested deeper than {MAX_DEPTH} levels"
            raise _TooMuch(deep if self._open > MAX_DEPTH + 1 else f"more than {MAX_SETTINGS} settings", line)
        try:
            return super().compose_node(parent, index)
        finally:
            self._open -= 1


def _syntax_problem(error: MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    words = ", ".join(str(part) for part in (error.context, error.problem) if part)
    hint = " (indent with spaces, not tabs)" if "'\\t'" in words else ""
    hint = ' (inside {…}, a variable needs quotes: "${NAME}")' if "got '{'" in words else hint
    return Problem(file, mark.line + 1 if mark else 0, "", f"this is not YAML: {words}{hint}")


class _Reader:
    """Turns nodes into plain data and fills the document's lines and problems."""

    def __init__(self, document: Document):
        self.document = document
        self.settings = self.characters = 0

    def value(self, node: Node, where: Where, above: tuple[int, ...]) -> Any:
        """The plain value of a node; `above` holds the nodes it stands in."""
        self._count(node, above)
        self.document.lines.setdefault(where, node.start_mark.line + 1)
        if str(node.tag) not in _PLAIN:
            tag = str(node.tag).replace(_TAG, "!!", 1) if str(node.tag).startswith(_TAG) else str(node.tag)
            return self.document.fault(where, f"tags are not read, received {tag}: write plain YAML")
        if isinstance(node, MappingNode):
            return self._mapping(node, where, (*above, id(node)))
        if isinstance(node, SequenceNode):
            inside = (*above, id(node))
            return [self.value(item, (*where, i), inside) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, where)

    def _count(self, node: Node, above: tuple[int, ...]) -> None:
        self.settings += 1
        self.characters += len(node.value) if isinstance(node, ScalarNode) else 0
        line, message = node.start_mark.line + 1, ""
        if id(node) in above:
            message = "an alias (`*`) stands inside what it names"
        elif self.settings > MAX_SETTINGS:
            message = f"more than {MAX_SETTINGS} settings once aliases (`*`) are written out"
        elif self.characters > MAX_BYTES:
            message = f"more than {MAX_BYTES // 1024} KiB of text once aliases (`*`) are written out"
        elif len(above) > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
        if message:
            raise ManifestError([Problem(self.document.file, line, "", message)])

    def _mapping(self, node: MappingNode, where: Where, inside: tuple[int, ...]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode) or str(key.tag) == f"{_TAG}merge":
                self.document.problem(where, "a key must be a plain word (`<<` and `?` are not read)", line)
            elif key.value in mapping:
                self._twice((*where, key.value), line)
            else:
                self.document.lines[(*where, key.value)] = line
                mapping[key.value] = self.value(item, (*where, key.value), inside)
        return mapping

    def _twice(self, where: Where, line: int) -> None:
        first, name = self.document.line(where), where[-1]
        message = f"stands twice, on lines {first} and {line}: keep one"
        if len(where) == 2 and where[0] == "tasks":
            message = f"table {name!r} is made twice, on lines {first} and {line}: give one its own name, as in "
            message += f"`{name}_2: {{task: {name}}}`"
        self.document.problem(where, message, line)

    def _scalar(self, node: ScalarNode, where: Where) -> Any:
        tag, text = str(node.tag), node.value
        if _PASSWORD.match(text) or ("://" in text and _has_secret_option(text)):
            return self.document.fault(
                where, "holds a password, which is recorded with every run: write `${NAME}` instead"
            )
        if tag == f"{_TAG}str" and "${" in text:
            self.document.written[where] = text
            text = self._with_environment(text, where)
        try:
            return _plain_value(tag, text)
        except ValueError as error:
            return self.document.fault(where, str(error))

    def _with_environment(self, text: str, where: Where) -> str:
        if any(match[1] is None and match[0] != "$${" for match in _VARIABLE.finditer(text)):
            shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
            self.document.fault(where, f"`${{` is not closed or names no variable, received {shown!r}")
            return ""

        def replaced(match: re.Match[str]) -> str:
            name, default = match[1], match[2]
            if match[0] == "$${":
                return "${"
            if self.document.environment is None:
                return match[0]
            value = self.document.environment.get(name)
            if value or default is not None:
                return value or default
            state = "not set" if value is None else "empty"
            self.document.fault(where, f"environment variable {name} is {state}: set it or write ${{{name}:-default}}")
            return ""

        return _VARIABLE.sub(replaced, text)


@lru_cache(maxsize=1)
def _resolver() -> Any:
    return YAML(typ="safe", pure=True).resolver


def number_or_truth(text: str) -> Any:
    """What `text` would be without quotes, for variables where a number or a truth is wanted."""
    try:
        return _plain_value(str(_resolver().resolve(ScalarNode, text, (True, False))), text)
    except ValueError:
        return text


def _plain_value(tag: str, text: str) -> Any:
    """A scalar's value; raises `ValueError` with the problem's message."""
    kind = tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool":
        if text.lower() not in {"true", "false"}:  # a `%YAML 1.1` line makes `yes` and `on` truths
            raise ValueError(f"expected true or false, received {text}")
        return text.lower() == "true"
    if kind in {"int", "float"}:
        return _number(kind, text)
    has_surrogates = not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
    if "\0" in text or has_surrogates:
        raise ValueError("expected text in UTF-8 without NUL characters")
    return text


def _number(kind: str, text: str) -> int | float:
    digits = text.replace("_", "").lower()
    prefix = digits.lstrip("+-")[:2]
    if len(digits) > 64:
        raise ValueError(f"expected a number of at most 64 digits, received {len(digits)}")
    if kind == "int":
        return int(digits, 0 if prefix in {"0x", "0o", "0b"} else 10)
    number = float(digits.replace(".inf", "inf").replace(".nan", "nan"))
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, received {text}")
    return number
