"""The forms that annotators' tools write: which one a file has, read and written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import Problem, UnknownName
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.labels.readers import ReadLabels
from cinelake.spec.labels import LabelContract
from cinelake.storage.content import digest, file_digest
from cinelake.storage.sheets import BAD_ARCHIVE
from importers.annotators import cvat, edl, elan, label_studio, timelines, via
from importers.annotators.annotation import FilmLabels, ReadFile
from importers.annotators.bounded import BROKEN, PACKED, Unreadable, file_bytes, read_json, read_xml
from importers.annotators.fitting import Fitting
from importers.annotators.rows import as_table, fit

FormReader = Callable[[str, bytes, LabelContract], ReadFile]
Writer = Callable[[Sequence[FilmLabels]], tuple[bytes, list[str]]]
TABLE = "table"
"""CSV, a workbook or Parquet: rows with the labels' columns, which `cinelake.labels.readers` reads."""


@dataclass(frozen=True)
class Form:
    """A form. suffix: of its files. many: whether a file holds several films. write: None for one that is only read."""

    read: FormReader
    suffix: str
    write: Writer | None = None
    many: bool = False


FORMS: Mapping[str, Form] = {
    "label-studio": Form(label_studio.read_label_studio, ".json", label_studio.write_label_studio, many=True),
    "cvat": Form(cvat.read_cvat, ".xml", cvat.write_cvat),
    "via": Form(via.read_via, ".json", via.write_via, many=True),
    "elan": Form(elan.read_elan, ".eaf", elan.write_elan),
    "otio": Form(timelines.read_otio, ".otio", timelines.write_otio, many=True),
    "edl": Form(edl.read_edl, ".edl", edl.write_edl),
    "fcpxml": Form(timelines.read_fcpxml, ".fcpxml"),
}
XML_ROOTS = {cvat.ROOT: "cvat", elan.ROOT: "elan", "fcpxml": "fcpxml"}


def form_of(path: Path) -> str:
    """The form of a file by its content; `table` for what is none of `FORMS`. Raises `Unreadable`, `OSError`."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "cvat" if PACKED in archive.namelist() else TABLE
    with path.open("rb") as file:
        head = file.read(4096)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"<":
        return _xml_form(path)
    if text[:1] in (b"{", b"["):
        return _json_form(path)
    return "edl" if edl.is_edl(head) else TABLE


def _xml_form(path: Path) -> str:
    root = read_xml(file_bytes(path)).root.tag
    if root not in XML_ROOTS:
        raise Unreadable(f"<{root[:60]}> is no form of labels; these are: {', '.join(f'<{tag}>' for tag in XML_ROOTS)}")
    return XML_ROOTS[root]


def _json_form(path: Path) -> str:
    value = read_json(file_bytes(path))
    for form, fits in (
        ("otio", timelines.is_otio),
        ("via", via.is_via),
        ("label-studio", label_studio.is_label_studio),
    ):
        if fits(value):
            return form
    raise Unreadable("expected JSON of Label Studio (JSON or JSON_MIN), of VIA 3 or of OpenTimelineIO")


def forms_of(paths: Sequence[Path], given: str = "") -> tuple[dict[Path, str], list[Problem]]:
    """The form of each file, given or found, and the problems of those that have none. Raises `UnknownName`."""
    if given and given not in (*FORMS, TABLE):
        raise UnknownName("form", given, (*FORMS, TABLE))
    forms, problems = {}, []
    for path in paths:
        try:
            forms[path] = given or form_of(path)
        except Unreadable as error:
            problems.append(Problem(str(path), error.line, "", str(error)))
        except (OSError, *BAD_ARCHIVE):
            forms[path] = TABLE  # whose reader says what is wrong
    return forms, problems


def read_forms(
    forms: Mapping[Path, str],
    contract: LabelContract,
    names: FilmNames,
    films: Mapping[str, FilmFacts],
    how: Fitting,
) -> ReadLabels:
    """The rows of files in these forms, and all their problems. Raises `UnknownName`."""
    rows, problems, notes, digests = [], [], [], []
    for path, form in forms.items():
        try:
            read = FORMS[form].read(str(path), file_bytes(path), contract)
        except Unreadable as error:
            problems.append(Problem(str(path), error.line, "", str(error)))
            continue
        except (OSError, *BROKEN) as error:
            problems.append(Problem(str(path), 0, "", f"the file cannot be read: {error}"))
            continue
        digests.append(file_digest(path))
        fitted = fit(str(path), read, contract, names, films, how)
        if not (read.annotations or read.problems or read.of_group):
            problems.append(Problem(str(path), 0, "", "there are no labels: the file holds no annotation"))
        rows += fitted.rows
        problems += fitted.problems
        notes += fitted.notes
    source = ", ".join(path.name for path in list(forms)[:3]) + (
        f" and {len(forms) - 3} more" if len(forms) > 3 else ""
    )
    table = as_table(rows) if rows else as_table([{LINE: 0, FILE: source}]).slice(0, 0)
    return ReadLabels(table if rows else table.select([LINE, FILE]), source, digest(digests), problems, notes)
