"""CVAT for video 1.1: tracks and tags read, tracks written; pictures are counted from 0 in the film as it is.

(https://docs.cvat.ai/docs/other/xml_format.) A track is there from a shape that is not `outside` to the next that is.
Of moments every keyframe is a label, what CVAT interpolates between them is none. Labels by spans are written as tracks
of a rectangle as large as the picture, those of a moment as a track of one picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from cinelake.errors import Problem
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import (
    PLACE,
    Annotation,
    FilmLabels,
    ReadFile,
    as_text,
    check_extents,
    check_in_xml,
    extent_of,
    name_of,
    pictures_of,
    rounded,
    said_of,
)
from importers.annotators.bounded import BROKEN, BoundedDocument, Unreadable, read_xml

FORM = "cvat"
ROOT = "annotations"
PROJECT = "./meta/project"
SHAPES = ("box", "polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton")


def read_cvat(file: str, data: bytes, contract: LabelContract) -> ReadFile:
    """The annotations of an export. Raises `Unreadable`."""
    document = read_xml(data)
    root = document.root
    if root.tag != ROOT:
        raise Unreadable(f"expected CVAT's <{ROOT}>, received <{root.tag[:60]}>")
    try:
        tasks = {task.findtext("id") or "": _task(task, ".") for task in root.findall(f"{PROJECT}/tasks/task")}
        alone = _task(root, "./meta", "./meta/*") if root.find(PROJECT) is None else None
    except ValueError as error:
        raise Unreadable(f"<meta> cannot be read: {error}") from error
    read = ReadFile()
    between = 0
    for element in root:
        try:
            if element.tag not in ("track", "tag", "image"):
                continue
            task = alone or _task_of(element, tasks)
            if element.tag == "track":
                between += sum(shape.get("keyframe") == "0" for shape in element)
                read.annotations += _track(element, document, contract, task)
            elif element.tag == "tag":
                read.annotations.append(_tag(element, document, task, int(element.attrib["frame"])))
            elif element.tag == "image":
                number = int(element.attrib["id"])
                read.annotations += [
                    _tag(tag, document, task, number) for tag in element if tag.tag in ("tag", *SHAPES)
                ]
        except BROKEN as error:
            why = f"<{element.tag}> cannot be read: {error!r}"
            read.problems.append(Problem(file, document.line(element), "", why))
    if between and contract.shape == "moments":
        read.notes.append(f"{between} shapes that CVAT interpolated between keyframes are no labels and are left aside")
    return read


@dataclass(frozen=True)
class Task:
    """What annotations are of. film: as the file names it; size: of its pictures; stop: how many; who: the assignee."""

    film: str
    size: tuple[float, float] | None
    stop: int | None
    who: str


def _task(scope: Element, *places: str) -> Task:
    """The task that is described below the first of these places that has each thing. Raises `ValueError`."""

    def found(*names: str) -> str:
        texts = ((scope.findtext(f"{place}/{name}") or "").strip() for name in names for place in places)
        return next(filter(None, texts), "")

    width, height = found("original_size/width"), found("original_size/height")
    size = (float(width), float(height)) if width and height else None
    if size and not all(0 < side < math.inf for side in size):
        raise ValueError(f"original_size is {width} by {height}")
    stop, count = found("stop_frame"), found("size")
    pictures = int(stop) + 1 if stop else int(count) if count else None
    return Task(found("source", "name"), size, pictures, found("assignee/username"))


def _task_of(element: Element, tasks: Mapping[str, Task]) -> Task:
    """The task of a project that an element is of. Raises `ValueError`."""
    number = element.get("task_id", "")
    if number not in tasks:
        known = ", ".join(sorted(tasks)[:12]) or "none"
        raise ValueError(f"expected one of the project's tasks ({known}) as task_id, received {number[:40]!r}")
    return tasks[number]


def _tag(element: Element, document: BoundedDocument, task: Task, number: int) -> Annotation:
    label, line = element.attrib["label"], document.line(element)
    said = label, _attributes(element)
    return Annotation(
        task.film, f"line {line}", number, number + 1, "pictures", *said, group=label, annotator=task.who, line=line
    )


def _track(track: Element, document: BoundedDocument, contract: LabelContract, task: Task) -> Iterator[Annotation]:
    label = track.attrib["label"]
    shapes = sorted((shape for shape in track if shape.tag in SHAPES), key=lambda shape: int(shape.attrib["frame"]))
    runs = _keyframes(shapes) if contract.shape == "moments" else _runs(shapes, task.stop)
    for shape, first, end in runs:
        line = document.line(shape)
        values = {**_attributes(track), **_attributes(shape)}
        yield Annotation(
            task.film,
            f"line {line}",
            first,
            end,
            "pictures",
            label,
            values,
            group=label,
            annotator=task.who,
            box=_box(shape) if contract.shape == "moments" else None,
            size=task.size,
            line=line,
        )


def _keyframes(shapes: Sequence[Element]) -> Iterator[tuple[Element, int, int]]:
    for shape in shapes:
        if shape.get("outside") != "1" and shape.get("keyframe") != "0":
            yield shape, int(shape.attrib["frame"]), int(shape.attrib["frame"]) + 1


def _runs(shapes: Sequence[Element], stop: int | None) -> Iterator[tuple[Element, int, int]]:
    """Each time that the track is there, anew where its attributes change, with the shape that begins it."""
    begun: Element | None = None
    for shape in shapes:
        at = int(shape.attrib["frame"])
        is_out = shape.get("outside") == "1"
        if begun is not None and (is_out or _attributes(shape) != _attributes(begun)):
            yield begun, int(begun.attrib["frame"]), at
            begun = None
        if begun is None and not is_out:
            begun = shape
    if begun is not None:
        last = int(shapes[-1].attrib["frame"]) + 1
        is_dense = any(shape.get("keyframe") == "0" for shape in shapes)
        yield begun, int(begun.attrib["frame"]), last if is_dense or stop is None else max(stop, last)


def _attributes(element: Element) -> dict[str, str]:
    found = {item.attrib["name"]: (item.text or "").strip() for item in element if item.tag == "attribute"}
    return {name: text for name, text in found.items() if text}


def _box(shape: Element) -> tuple[float, float, float, float] | None:
    """Left, top, width and height in pixels; the box around points."""
    if shape.tag == "box":
        left, top, right, bottom = (float(shape.attrib[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
        return left, top, right - left, bottom - top
    pairs = [pair.split(",") for pair in shape.get("points", "").split(";") if pair.strip()]
    if not pairs:
        return None
    xs, ys = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)


# --- written


def write_cvat(films: Sequence[FilmLabels]) -> tuple[bytes, list[str]]:
    """One film's tracks, to upload as annotations of its task; and what must be told. Raises `CannotHold`."""
    (film,) = films
    check_extents(FORM, films, whole=False, rate=True, size=True)
    check_in_xml(FORM, film)
    root = Element(ROOT)
    SubElement(root, "version").text = "1.1"
    frames = _frames(film)
    _meta(root, film, frames)
    for number, row in enumerate(film.rows):
        _write_track(root, number, film, row, frames)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n", rounded(films)


def _frames(film: FilmLabels) -> int:
    """How many pictures the task has: those of the film, and never fewer than the labels need."""
    facts = film.facts
    whole = round(((facts.duration_s or 0.0) - facts.first_s) * (facts.fps or 0.0))
    return max([whole, *(pictures_of(*extent, facts)[1] for extent in filter(None, map(extent_of, film.rows)))])


def _meta(root: Element, film: FilmLabels, size: int) -> None:
    task = SubElement(SubElement(root, "meta"), "task")
    about = {"name": film.movie_id, "size": size, "mode": "interpolation", "start_frame": 0, "stop_frame": size - 1}
    for name, value in about.items():
        SubElement(task, name).text = str(value)
    labels = SubElement(task, "labels")
    columns = sorted({name for row in film.rows for name in _beside(film, row)})
    for label in sorted({name_of(film, row, alone=False) for row in film.rows}):
        element = SubElement(labels, "label")
        SubElement(element, "name").text = label
        attributes = SubElement(element, "attributes")
        for column in columns:
            attribute = SubElement(attributes, "attribute")
            for name, value in (("name", column), ("mutable", "False"), ("input_type", "text"), ("default_value", "")):
                SubElement(attribute, name).text = value
            SubElement(attribute, "values")
    original = SubElement(task, "original_size")
    SubElement(original, "width").text, SubElement(original, "height").text = (
        str(film.facts.width),
        str(film.facts.height),
    )
    SubElement(task, "source").text = film.name


def _beside(film: FilmLabels, row: Mapping[str, Any]) -> dict[str, str]:
    """The values that stand beside the label: what is not drawn, and a class that would say nothing as a label."""
    drawn = film.place_of(row)
    said = {name: as_text(value) for name, value in said_of(row).items() if name not in drawn}
    column = film.contract.class_column
    return {name: text for name, text in said.items() if name != column or text in film.silent}


def _write_track(root: Element, number: int, film: FilmLabels, row: Mapping[str, Any], frames: int) -> None:
    extent = extent_of(row)
    assert extent is not None
    first, end = pictures_of(*extent, film.facts)
    track = SubElement(root, "track", id=str(number), label=name_of(film, row, alone=False), source="manual")
    for frame, outside in ((first, "0"), (end, "1")):
        if frame < frames:
            shape = _shape(track, film, row)
            shape.attrib.update(frame=str(frame), outside=outside, keyframe="1", occluded="0", z_order="0")
            for name, text in _beside(film, row).items():
                SubElement(shape, "attribute", name=name).text = text


def _shape(track: Element, film: FilmLabels, row: Mapping[str, Any]) -> Element:
    """A point or a box where the label has a place, else the whole picture."""
    width, height = film.facts.width or 0, film.facts.height or 0
    place = film.place_of(row)
    if len(place) == 2:
        return SubElement(track, "points", points=f"{place['x'] * width!r},{place['y'] * height!r}")
    x, y, w, h = (place.get(name, whole) for name, whole in zip(PLACE, (0, 0, 1, 1), strict=True))
    sides = {"xtl": x * width, "ytl": y * height, "xbr": (x + w) * width, "ybr": (y + h) * height}
    return SubElement(track, "box", {name: as_text(side) for name, side in sides.items()})
