"""ELAN (`.eaf`), read and written by pympi: a tier of labels, and below it one for each further column.

Times are whole milliseconds. Annotations of a tier never overlap there, so labels that do are on further tiers
(`tag #2`); a moment lasts a millisecond. Media are never opened, and no schema is fetched.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from cinelake.errors import Problem
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import (
    Annotation,
    FilmLabels,
    ReadFile,
    as_text,
    check_extents,
    check_in_xml,
    extent_of,
    name_of,
    said_of,
)
from importers.annotators.bounded import BROKEN, MAX_DEPTH, Unreadable, read_xml

FORM = "elan"
ROOT = "ANNOTATION_DOCUMENT"
SCHEMA = {
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
}
"""What pympi takes for granted that every document names; nothing is fetched from there."""
BESIDE = "beside"
"""The type of tiers whose annotations are beside those of another (Symbolic_Association)."""
MIME = "video/mp4"


def read_elan(file: str, data: bytes, contract: LabelContract) -> ReadFile:
    """The annotations of a document; those below others are their further values. Raises `Unreadable`."""
    root = read_xml(data).root
    if root.tag != ROOT:
        raise Unreadable(f"expected ELAN's <{ROOT}>, received <{root.tag[:60]}>")
    document = _parsed(root)
    read = ReadFile()
    columns = {column.name for column in contract.columns}
    try:
        film, origin_s = _media(document)
        beside = _beside(document, file, columns, read)
    except BROKEN as error:
        raise Unreadable(f"expected ELAN's document: {error!r}") from error
    for tier, (aligned, _, about, _) in document.tiers.items():
        column = _column(tier)
        for key, (begin, end, text, _) in aligned.items():
            times = document.timeslots.get(begin), document.timeslots.get(end)
            where = f"{tier}.{key}"
            if None in times:
                why = "the annotation has no time: align it in ELAN first, or read other tiers alone (--only NAME)"
                read.of_group.setdefault(column, []).append(Problem(file, 0, where, why))
                continue
            try:
                start_s, end_s = (time / 1000 + origin_s for time in times)
            except OverflowError as error:
                read.problems.append(Problem(file, 0, where, f"its times cannot be read: {error}"))
                continue
            is_moment = contract.shape == "moments" and times[1] - times[0] <= 1
            values = dict(beside.get(key, {}))
            if column in columns and text:
                values[column] = text
            read.annotations.append(
                Annotation(
                    film,
                    where,
                    start_s,
                    None if is_moment else end_s,
                    label="" if column in columns else text,
                    values=values,
                    group=column,
                    annotator=str(about.get("ANNOTATOR") or ""),
                )
            )
    return read


def _parsed(root: Element) -> Any:
    """pympi's document of what was read within bounds; pympi reads files alone."""
    from pympi.Elan import Eaf

    root.attrib.update({name: value for name, value in SCHEMA.items() if name not in root.attrib})
    handle, name = tempfile.mkstemp(suffix=".eaf")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(ElementTree.tostring(root, encoding="utf-8"))
        return Eaf(name, suppress_version_warning=True)
    except Exception as error:
        raise Unreadable(f"expected ELAN's document: {error!r}") from error
    finally:
        Path(name).unlink(missing_ok=True)


def _media(document: Any) -> tuple[str, float]:
    """The film's address, and where in it the document's time begins, in seconds."""
    for media in document.media_descriptors:
        name = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
        if name:
            return str(name), int(media.get("TIME_ORIGIN") or 0) / 1000
    return "", 0.0


def _beside(document: Any, file: str, columns: Collection[str], read: ReadFile) -> dict[str, dict[str, str]]:
    """Annotation with times → the values below it, by the names of their tiers, at whatever depth.

    A column has one value: where a tier divides what is above it into several, that is a problem.
    """
    below = {
        key: (above, tier, text)
        for tier, (_, references, _, _) in document.tiers.items()
        for key, (above, text, _, _) in references.items()
    }
    found: dict[str, dict[str, str]] = {}
    for key, (above, tier, text) in below.items():
        for _ in range(MAX_DEPTH):
            if above not in below:
                break
            above = below[above][0]
        values, column = found.setdefault(above, {}), _column(tier)
        if text and values.setdefault(column, text) != text and column in columns:
            why = f"{text!r} beside {values[column]!r}: a label has one {column}"
            read.problems.append(Problem(file, 0, f"{tier}.{key}", why))
    return found


def _column(tier: str) -> str:
    """What a tier is named for, without the number of its layer and the tier that it belongs to."""
    return tier.partition(" #")[0].partition("@")[0]


# --- written


def write_elan(films: Sequence[FilmLabels]) -> tuple[bytes, list[str]]:
    """One film's tiers; and what must be told. Raises `CannotHold`."""
    (film,) = films
    check_extents(FORM, films, whole=False)
    check_in_xml(FORM, film)
    document = _new_document(film)
    layers: list[int] = []
    moved = 0
    for row in sorted(film.rows, key=lambda row: extent_of(row) or (0.0, 0.0)):
        start_s, end_s = extent_of(row) or (0.0, None)
        begin = round(start_s * 1000)
        end = begin + 1 if end_s is None else max(begin + 1, round(end_s * 1000))
        moved += abs(begin / 1000 - start_s) > 1e-9 or (end_s is not None and abs(end / 1000 - end_s) > 1e-9)
        layer = next((number for number, reach in enumerate(layers) if reach <= begin), len(layers))
        layers[layer : layer + 1] = [end]
        _add(document, film, row, begin, end, layer)
    told = [f"{film.movie_id}: {moved} of {len(film.rows)} labels rounded to milliseconds"] if moved else []
    return _written(document), told


def _new_document(film: FilmLabels) -> Any:
    from pympi.Elan import Eaf

    document = Eaf(author=film.annotator or "Cinelake")
    document.remove_tier("default")
    document.add_linguistic_type(BESIDE, "Symbolic_Association", timealignable=False)
    document.add_linked_file(film.uri or film.name, f"./{film.name}", mimetype=MIME)
    return document


def _add(document: Any, film: FilmLabels, row: Mapping[str, Any], begin: int, end: int, layer: int) -> None:
    """Add a label to its tier, and its other values to those below."""
    column, said = film.contract.class_column, said_of(row)
    base = column or film.what
    tier = f"{base} #{layer + 1}" if layer else base
    if tier not in document.tiers:
        document.add_tier(tier, ann=film.annotator or None)
    document.add_annotation(tier, begin, end, name_of(film, row, alone=False) if column in said or not column else "")
    parent = f"a{document.maxaid}"
    for name, value in said.items():
        if name == column:
            continue
        below = f"{name}@{base}" + (f" #{layer + 1}" if layer else "")
        if below not in document.tiers:
            document.add_tier(below, BESIDE, tier)
        key = document.generate_annotation_id()
        document.annotations[key] = below
        document.tiers[below][1][key] = (parent, as_text(value), None, None)


def _written(document: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.eaf"
        document.to_file(str(path))
        return path.read_bytes()
