"""JSON and XML that people hand in, read within bounds: size, depth, and no entities; nothing else is opened."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from cinelake.storage.sheets import BAD_ARCHIVE

MAX_BYTES = 256 << 20
MAX_DEPTH = 100
MAX_ELEMENTS = 4_000_000
MAX_VALUES = 20_000_000
PACKED = "annotations.xml"
"""The file of a packed export that holds the annotations."""
BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What is raised where a value is of another kind or size than its form has it."""


class Unreadable(ValueError):
    """A file that is not what it seems, or holds more than such a file ever does; line: where, or 0."""

    def __init__(self, message: str, line: int = 0):
        super().__init__(message)
        self.line = line


@dataclass
class BoundedDocument:
    """An XML document. lines: the line of each element, by its `id`."""

    root: Element
    lines: dict[int, int] = field(default_factory=dict)

    def line(self, element: Element) -> int:
        """The line on which an element begins."""
        return self.lines.get(id(element), 0)


def file_bytes(path: Path) -> bytes:
    """A file's bytes; of an archive, those of the annotations in it. Raises `Unreadable` past the bounds, `OSError`."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                if PACKED in archive.namelist():
                    if archive.getinfo(PACKED).file_size > MAX_BYTES:
                        raise Unreadable(f"{PACKED} unpacks to more than {MAX_BYTES >> 20} MB")
                    return archive.read(PACKED)
        except BAD_ARCHIVE as error:
            raise Unreadable(f"the archive cannot be read: {error}") from error
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable(f"the file is larger than {MAX_BYTES >> 20} MB, more than annotations ever are")
    return path.read_bytes()


def read_json(data: bytes) -> Any:
    """A JSON document. Raises `Unreadable`."""
    if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:  # each value is behind one of these
        raise Unreadable(f"it holds more than {MAX_VALUES} values")
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Unreadable("expected JSON in UTF-8", data[: error.start].count(b"\n") + 1) from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"expected JSON: {error.msg} (column {error.colno})", error.lineno) from error
    except RecursionError:
        raise Unreadable(f"it is nested more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise Unreadable(f"expected JSON: {error}") from error
    _check_depth(value)
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _check_depth(value: Any) -> None:
    level, seen = [value], 0
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        seen += len(level)
        if seen > MAX_VALUES:
            raise Unreadable(f"it holds more than {MAX_VALUES} values")
        if not level:
            return
    raise Unreadable(f"it is nested more than {MAX_DEPTH} deep")


def read_xml(data: bytes) -> BoundedDocument:
    """An XML document; a document type may be named, nothing may be declared in it. Raises `Unreadable`."""
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    builder, lines = TreeBuilder(), {}
    depth = count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > MAX_DEPTH or count > MAX_ELEMENTS:
            raise Unreadable(f"it is nested more than {MAX_DEPTH} deep, or has more than {MAX_ELEMENTS} elements")
        lines[id(builder.start(tag, attributes))] = parser.CurrentLineNumber

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: Any) -> NoReturn:
        raise Unreadable("it declares entities or attributes, which annotations never need", parser.CurrentLineNumber)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = parser.ExternalEntityRefHandler = parser.UnparsedEntityDeclHandler = refuse
    parser.AttlistDeclHandler = refuse  # a default would stand in every element, however long it is
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable(f"expected XML: {expat.ErrorString(error.code)}", error.lineno) from error
    except Unreadable:
        raise
    except (LookupError, ValueError) as error:  # of its encoding
        raise Unreadable(f"expected XML: {error}") from error
    return BoundedDocument(builder.close(), lines)
