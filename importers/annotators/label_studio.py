"""Label Studio: its exports "JSON" and "JSON_MIN" read, its JSON written, as its guide describes the forms.

(https://labelstud.io/guide/task_format; its SDK needs another OpenCV than ours, and plain JSON is all it would give.)

Pictures of a video are counted from 1, ends are inclusive, by the `frameRate` of the project's own tag `<Video>`, which
no export says. A span of sound or of text-free time has seconds. Values beside a region (choices, numbers, texts) carry
the region's `id`. What a picture's number cannot say exactly is kept in the region's `meta`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cinelake.errors import CannotHold, Problem
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import (
    PLACE,
    Annotation,
    FilmLabels,
    ReadFile,
    as_text,
    check_extents,
    extent_of,
    name_of,
    pictures_of,
    rounded,
    said_of,
)
from importers.annotators.bounded import BROKEN, Unreadable, read_json

FORM = "label-studio"
NAMES = {"timelinelabels", "videorectangle", "labels", "choices", "taxonomy", "textarea", "number", "rating"}
"""Types of results that are read."""
TIMED = {"timelinelabels", "videorectangle", "labels"}
NO_LABELS = {"relation"}
TASK_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "file_upload", "inner_id",
             "total_annotations", "cancelled_annotations", "total_predictions", "comment_count", "project", "meta",
             "drafts", "predictions", "data", "annotations", "completions", "allow_skip"}  # fmt: skip
MEDIA_KEYS = ("movie_id", "video", "video_url", "url", "audio", "film", "file")
POINT_PERCENT = 2.0
"""How large the rectangle is that shows a point, in hundredths of the picture."""


@dataclass(frozen=True)
class Region:
    """The results of one region of an annotation, or of a control that is about the whole film."""

    place: str
    results: list[Mapping[str, Any]]


def is_label_studio(value: Any) -> bool:
    """Whether a JSON document looks like one of Label Studio's exports."""
    tasks = value if isinstance(value, list) else [value]
    return bool(tasks) and all(
        isinstance(task, dict)
        and (
            "annotations" in task
            or "completions" in task
            or "annotation_id" in task
            or isinstance(task.get("data"), dict)
        )
        for task in tasks[:20]
    )


def read_label_studio(file: str, data: bytes, contract: LabelContract) -> ReadFile:
    """The annotations of an export; drafts and predictions are left aside. Raises `Unreadable`."""
    value = read_json(data)
    tasks = value if isinstance(value, list) else [value]
    if not is_label_studio(value):
        raise Unreadable("expected Label Studio's export: a list of tasks with `data` and `annotations`, or JSON_MIN")
    read = ReadFile()
    left = dict.fromkeys(("skipped", "predictions"), 0)
    for number, task in enumerate(tasks):
        place = f"[{number}]" if isinstance(value, list) else "$"
        if not isinstance(task, dict):
            read.problems.append(Problem(file, 0, place, f"expected a task, received {_short(task)}"))
        elif "data" in task:
            _read_task(file, place, task, contract, read, left)
        else:
            _read_short(file, place, task, contract, read)
    if left["skipped"]:
        read.notes.append(f"annotations that were skipped (`was_cancelled`) are left aside: {left['skipped']}")
    if left["predictions"]:
        read.notes.append(f"predictions are no labels and are left aside: {left['predictions']}")
    return read


def _read_task(
    file: str, place: str, task: Mapping[str, Any], contract: LabelContract, read: ReadFile, left: dict[str, int]
) -> None:
    film = _film_of(task["data"])
    annotations = task.get("annotations", task.get("completions")) or []
    left["predictions"] += len(task.get("predictions") or []) if isinstance(task.get("predictions"), list) else 0
    if not isinstance(annotations, list):
        read.problems.append(
            Problem(file, 0, f"{place}.annotations", f"expected a list, received {_short(annotations)}")
        )
        return
    for number, annotation in enumerate(annotations):
        at = f"{place}.annotations[{number}]"
        results = annotation.get("result") if isinstance(annotation, dict) else None
        if not isinstance(results, list):
            read.problems.append(Problem(file, 0, at, f"expected `result`, a list, received {_short(results)}"))
        elif annotation.get("was_cancelled"):
            left["skipped"] += 1
        else:
            who = _annotator(annotation.get("completed_by"))
            for region in _regions(file, f"{at}.result", results, read):
                _read_region(file, region, film, who, contract, read)


def _regions(file: str, at: str, results: Sequence[Any], read: ReadFile) -> Iterator[Region]:
    """Results by the region that they are of."""
    regions: dict[str, Region] = {}
    for number, result in enumerate(results):
        place = f"{at}[{number}]"
        if not isinstance(result, dict) or not isinstance(result.get("value"), dict):
            if not (isinstance(result, dict) and str(result.get("type")) in NO_LABELS):
                read.problems.append(
                    Problem(file, 0, place, f"expected a result with a value, received {_short(result)}")
                )
            continue
        if not isinstance(result.get("type"), str) or result["type"] not in NAMES:
            why = f"results of type {_short(result.get('type'))} are not read; read are {', '.join(sorted(NAMES))}"
            read.problems.append(Problem(file, 0, place, why))
            continue
        key = str(result["id"]) if result.get("id") else place
        regions.setdefault(key, Region(place, [])).results.append(result)
    yield from regions.values()


def _read_region(file: str, region: Region, film: str, who: str, contract: LabelContract, read: ReadFile) -> None:
    """The annotations of one region: one for each of its classes and of its ranges."""
    values: dict[str, Any] = {}
    names: list[tuple[str, str]] = []
    group = ""
    try:
        for result in region.results:
            control, said = str(result.get("from_name") or ""), _said(result)
            group = group or control
            column = control in {column.name for column in contract.columns}
            if len(said) == 1 and (column or result["type"] not in TIMED):
                values[control if column else _free(control, values)] = said[0]
            elif said:
                names += [(control if column else "", name) for name in map(str, said)]
        extents = [extent for result in region.results for extent in _extents(result, contract)]
        if not extents and any(result["type"] in TIMED for result in region.results):
            raise ValueError("its region has no range, so that it is not known when it is")
    except BROKEN as error:
        read.problems.append(Problem(file, 0, region.place, f"the result cannot be read: {error}"))
        return
    label = ""
    if not names and not any(name in {c.name for c in contract.columns} for name in values) and len(values) == 1:
        label, values = as_text(next(iter(values.values()))), {}
    for extent in extents or [{}]:
        for control, name in names or [("", label)]:
            own = {**values, **({control: name} if control else {})}
            called = "" if control else name
            read.annotations.append(
                Annotation(film, region.place, label=called, values=own, group=group, annotator=who, **extent)
            )


def _free(control: str, values: Mapping[str, Any]) -> str:
    return control or f"value {len(values) + 1}"


def _said(result: Mapping[str, Any]) -> list[Any]:
    """The classes or the value of a result."""
    value, kind = result["value"], result["type"]
    if kind in ("number", "rating"):
        return [value[kind]]
    if kind == "textarea":
        text = value["text"]
        return [" ".join(map(str, text)) if isinstance(text, list) else str(text)]
    if kind == "taxonomy":
        return [" / ".join(map(str, path)) for path in value["taxonomy"]]
    said = value.get({"timelinelabels": "timelinelabels", "choices": "choices"}.get(kind, "labels"), [])
    return list(said) if isinstance(said, list) else [said]


def _extents(result: Mapping[str, Any], contract: LabelContract) -> list[dict[str, Any]]:
    """The extents that a result has; none for one about the whole film."""
    value, kind = result["value"], result["type"]
    if kind == "timelinelabels":
        exact = _exact(result.get("meta")) if len(value["ranges"]) == 1 else None
        return [
            {"start": _number(part["start"]) - 1, "end": _number(part["end"]), "unit": "pictures", "exact": exact}
            for part in value["ranges"]
        ]
    if kind == "videorectangle":
        return list(_boxes(result, contract))
    if kind == "labels":
        start, end = _number(value["start"]), _number(value["end"])
        return [{"start": start, "end": None if contract.shape == "moments" and start == end else end}]
    return []


def _boxes(result: Mapping[str, Any], contract: LabelContract) -> Iterator[dict[str, Any]]:
    """Of moments every keyframe that is shown; of spans each time that the rectangle is there."""
    value = result["value"]
    steps = sorted(value["sequence"], key=lambda step: _number(step["frame"]))
    count = value.get("framesCount")
    fps = count / value["duration"] if count and value.get("duration") else None
    since: float | None = None
    for step in steps:
        at = _number(step["frame"]) - 1
        box = tuple(_number(step.get(name, 0)) for name in PLACE)
        if contract.shape == "moments":
            exact = _exact(result.get("meta")) if len(steps) == 1 else None
            yield {
                "start": at,
                "end": at + 1,
                "unit": "pictures",
                "fps": fps,
                "box": box,
                "size": (100.0, 100.0),
                "exact": exact,
            }
            continue
        since = at if since is None else since
        if step.get("enabled") is False:
            yield {"start": since, "end": at + 1, "unit": "pictures", "fps": fps, "exact": _exact(result.get("meta"))}
            since = None
    if since is not None:
        end = float(count) if count else _number(steps[-1]["frame"])
        yield {"start": since, "end": end, "unit": "pictures", "fps": fps}


def _exact(meta: Any) -> tuple[float, float | None] | None:
    """The seconds that an export of ours keeps beside the pictures."""
    if not isinstance(meta, dict) or not isinstance(meta.get("start_s"), (int, float)):
        return None
    end = meta.get("end_s")
    return float(meta["start_s"]), float(end) if isinstance(end, (int, float)) else None


def _read_short(file: str, place: str, task: Mapping[str, Any], contract: LabelContract, read: ReadFile) -> None:
    """A task of JSON_MIN: the film beside the results of each control."""
    film, who = _film_of(task), _annotator(task.get("annotator"))
    skipped = TASK_KEYS | set(MEDIA_KEYS)
    for control, given in task.items():
        if control in skipped or given == film:
            continue
        parts = given if isinstance(given, list) else [given]
        for number, part in enumerate(parts):
            at = f"{place}.{control}" + (f"[{number}]" if isinstance(given, list) else "")
            kind = _kind_of_short(part)
            if kind is None:
                read.problems.append(Problem(file, 0, at, f"expected a result, received {_short(part)}"))
                continue
            value = part if isinstance(part, dict) else {kind: part if kind in ("number", "text") else [part]}
            kind = "textarea" if kind == "text" else kind
            _read_region(
                file, Region(at, [{"type": kind, "from_name": control, "value": value}]), film, who, contract, read
            )


def _kind_of_short(part: Any) -> str | None:
    if isinstance(part, bool) or part is None:
        return None
    if isinstance(part, (int, float)):
        return "number"
    if isinstance(part, str):
        return "choices"
    if not isinstance(part, dict):
        return None
    for key, kind in (("ranges", "timelinelabels"), ("sequence", "videorectangle"), ("choices", "choices"),
                      ("taxonomy", "taxonomy"), ("start", "labels"), ("rating", "rating"), ("number", "number"),
                      ("text", "textarea")):  # fmt: skip
        if key in part:
            return kind
    return None


def _film_of(data: Any) -> str:
    """The film that a task names: by a usual key, else the first text."""
    if not isinstance(data, dict):
        return str(data) if isinstance(data, str) else ""
    texts = {key: value for key, value in data.items() if isinstance(value, str) and value.strip()}
    named = [texts[key] for key in MEDIA_KEYS if key in texts]
    return next(iter(named or [value for key, value in texts.items() if key not in TASK_KEYS]), "")


def _annotator(given: Any) -> str:
    if isinstance(given, dict):
        return str(given.get("email") or given.get("username") or given.get("id") or "")
    return "" if given is None else str(given)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected a number, received {_short(value)}")
    return value


def _short(value: Any) -> str:
    return repr(value)[:60]


# --- written


def write_label_studio(films: Sequence[FilmLabels]) -> tuple[bytes, list[str]]:
    """Tasks to import into Label Studio, with their annotations; and what must be told. Raises `CannotHold`."""
    mute = [f"{film.movie_id}: a label of the whole film says nothing" for film in films for row in film.rows
            if extent_of(row) is None and not said_of(row)]  # fmt: skip
    if mute:
        raise CannotHold(FORM, mute)
    timed = [film for film in films if any(map(extent_of, film.rows))]
    check_extents(FORM, timed, whole=True, rate=True)
    check_extents(FORM, films, whole=True)
    tasks = []
    for number, film in enumerate(films, 1):
        results = [result for at, row in enumerate(film.rows) for result in _results(film, row, f"{number}_{at}")]
        annotation = {"id": number, "was_cancelled": False, "ground_truth": False, "result": results}
        data = {"video": film.uri or film.name, "movie_id": film.movie_id}
        tasks.append({"id": number, "data": data, "annotations": [annotation], "predictions": []})
    return (json.dumps(tasks, ensure_ascii=False, indent=1) + "\n").encode(), rounded(timed)


def _results(film: FilmLabels, row: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """The results of one label: its region with its class, and beside it its other values."""
    about = {"id": key, "to_name": "video", "origin": "manual"}
    said, column, extent = said_of(row), film.contract.class_column, extent_of(row)
    if extent is not None:
        drawn = () if extent[1] is not None else film.place_of(row)
        rest = {name: value for name, value in said.items() if name != column and name not in drawn}
        control = column if column in said else film.what
        name = name_of(film, row, alone=False)
        yield {**about, "from_name": control, **_region(film, row, extent, name)}
    else:
        rest = said
    for name, value in rest.items():
        kind, content = _value(value)
        yield {**about, "from_name": name, "type": kind, "value": content}


def _region(film: FilmLabels, row: Mapping[str, Any], extent: tuple[float, float | None], name: str) -> dict[str, Any]:
    first, last = pictures_of(*extent, film.facts)
    meta = {"start_s": extent[0], **({} if extent[1] is None else {"end_s": extent[1]})}
    if extent[1] is None and (place := film.place_of(row)):
        half = 0.0 if "width" in place else POINT_PERCENT / 2
        box = {"x": place["x"] * 100 - half, "y": place["y"] * 100 - half}
        box |= {side: place[side] * 100 if side in place else POINT_PERCENT for side in ("width", "height")}
        step = {"frame": first + 1, "enabled": False, "rotation": 0, **box}
        value = {"sequence": [step], "labels": [name]}
        return {"type": "videorectangle", "value": value, "meta": meta}
    ranges = {"ranges": [{"start": first + 1, "end": last}], "timelinelabels": [name]}
    return {"type": "timelinelabels", "value": ranges, "meta": meta}


def _value(value: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(value, bool):
        return "choices", {"choices": [as_text(value)]}
    if isinstance(value, (int, float)):
        return "number", {"number": value}
    return "textarea", {"text": [value]}
