"""VGG Image Annotator 3 (VIA): its projects read and written; times are seconds.

(https://www.robots.ox.ac.uk/~vgg/software/via, `via_project_….json`.) A piece of `metadata` has the view that it is of
(`vid`), its times `z` (two: a span, one: a moment, none: the whole file), shapes `xy` in pixels, and the values `av` of
the attributes, which for choices are numbers of options.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from cinelake.errors import Problem
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import Annotation, FilmLabels, ReadFile, as_text, check_extents, extent_of, said_of
from importers.annotators.bounded import BROKEN, Unreadable, read_json

FORM = "via"
TEXT, CHECKBOX, RADIO, SELECT = 1, 2, 3, 4
POINT, RECTANGLE = 1, 2
VIDEO, LOCAL = 4, 1
MOST_TICKED = 1000
"""Labels that one piece gives, where several options of several attributes are ticked."""
ANCHORS = {"spans": "FILE1_Z2_XY0", "moments": "FILE1_Z1_XY0", "films": "FILE1_Z0_XY0"}


def is_via(value: Any) -> bool:
    """Whether a JSON document is a project of VIA 3."""
    return isinstance(value, dict) and all(isinstance(value.get(key), dict) for key in ("project", "file", "metadata"))


def read_via(file: str, data: bytes, contract: LabelContract) -> ReadFile:
    """The annotations of a project. Raises `Unreadable`."""
    project = read_json(data)
    if not is_via(project):
        raise Unreadable("expected a project of VIA 3 with `project`, `file` and `metadata`")
    read, columns = ReadFile(), {column.name for column in contract.columns}
    attributes, files, views = (project.get(key) or {} for key in ("attribute", "file", "view"))
    for key, piece in project["metadata"].items():
        place = f"metadata.{key}"
        try:
            film = _film_of(piece, files, views)
            for values in _values(piece["av"], attributes):
                read.annotations.append(_annotation(place, film, piece, values, columns))
        except BROKEN as error:
            why = f"expected vid, z and av as VIA 3 writes them, received {repr(piece)[:80]} ({error!r})"
            read.problems.append(Problem(file, 0, place, why))
    return read


def _film_of(piece: Mapping[str, Any], files: Mapping[str, Any], views: Mapping[str, Any]) -> str:
    ids = views[piece["vid"]]["fid_list"] if views else [piece["vid"]]
    film = files[str(ids[0])]
    return str(film.get("fname") or film["src"])


def _annotation(
    place: str, film: str, piece: Mapping[str, Any], values: Mapping[str, Any], columns: Collection[str]
) -> Annotation:
    times = [_seconds(time) for time in piece.get("z") or []]
    if len(times) > 2:
        raise ValueError(f"z has {len(times)} times")
    start, end = (*times, None, None)[:2]
    shape = piece.get("xy") or []
    box = None
    if shape and shape[0] in (POINT, RECTANGLE):
        left, top, width, height, *_ = (*map(float, shape[1:5]), 0.0, 0.0)
        box = left, top, width, height
    group = next(iter(values), "")
    is_name = len(values) == 1 and group not in columns
    label, values = (str(values[group]), {}) if is_name else ("", values)
    return Annotation(film, place, start, end, label=label, values=values, group=group, box=box)


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"expected seconds, received {value!r}")
    return float(value)


def _values(given: Mapping[str, Any], attributes: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The values by the attributes' names; once for each option that is ticked, where several may be."""
    values: dict[str, list[str]] = {}
    for key, value in given.items():
        about = attributes.get(key) or {}
        options = about.get("options") or {}
        ticked = str(value).split(",") if about.get("type") == CHECKBOX else [str(value)]
        said = [str(options.get(one, one)) if about.get("type") != TEXT else one for one in ticked]
        if any(one.strip() for one in said):
            values[str(about.get("aname") or key)] = said
    if (count := math.prod(map(len, values.values()))) > MOST_TICKED:
        raise ValueError(f"its ticked options are {count} labels")
    names = list(values)
    yield from (dict(zip(names, chosen, strict=True)) for chosen in product(*values.values()))


# --- written


def write_via(films: Sequence[FilmLabels]) -> tuple[bytes, list[str]]:
    """A project of all films; times are as they are. Raises `CannotHold`."""
    check_extents(FORM, films, whole=True)
    contract, what = films[0].contract, films[0].what
    columns = [column.name for column in contract.columns]
    ids = {name: str(number) for number, name in enumerate(columns, 1)}
    anchor = ANCHORS[contract.shape]
    attribute = {
        ids[name]: {
            "aname": name,
            "anchor_id": anchor,
            "type": TEXT,
            "desc": "",
            "options": {},
            "default_option_id": "",
        }
        for name in columns
    }
    files, views, metadata = {}, {}, {}
    for number, film in enumerate(films, 1):
        key = str(number)
        files[key] = {"fid": key, "fname": film.name, "type": VIDEO, "loc": LOCAL, "src": film.uri or film.name}
        views[key] = {"fid_list": [key]}
        for at, row in enumerate(film.rows):
            values = {ids[name]: as_text(value) for name, value in said_of(row).items()}
            times = [time for time in extent_of(row) or () if time is not None]
            metadata[f"{key}_{at:08d}"] = {"vid": key, "flg": 0, "z": times, "xy": [], "av": values}
    project = {
        "project": {
            "pid": "__VIA_PROJECT_ID__",
            "rev": "__VIA_PROJECT_REV_ID__",
            "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
            "pname": what,
            "creator": "Cinelake",
            "created": 0,
            "vid_list": list(views),
        },
        "config": {"file": {"loc_prefix": {"1": "", "2": "", "3": "", "4": ""}}, "ui": {}},
        "attribute": attribute,
        "file": files,
        "view": views,
        "metadata": metadata,
    }
    return (json.dumps(project, ensure_ascii=False) + "\n").encode(), []
