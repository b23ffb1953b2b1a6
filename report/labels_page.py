"""The page on which people label the moments that are worth it: one file, by keyboard, without a server or a network.

What is chosen is kept in the browser and saved as a file that `cinelake labels import` takes as it is.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow.compute as pc

from cinelake.errors import CinelakeError
from cinelake.lake.cells import Lake
from cinelake.learning.next_labels import MomentToLabel, NextLabels
from cinelake.manifest.document import Manifest
from cinelake.spec.arrays import Array
from cinelake.spec.roles import Pictures
from cinelake.spec.task import tasks_with
from cinelake.storage.content import digest
from cinelake.storage.files import write_whole
from report.templates import STATIC, rendered

BOX = (640, 360)
"""Pictures are at most so wide and high."""
QUALITY = 80
KEYS = "1234567890qwertzioasdfghjklyxcvbnm"
"""Keys of the answers in order; without `u`, which takes back, and `p`, which plays the film."""


def write_labels_page(manifest: Manifest, wanted: NextLabels, films: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Write the page of these moments. films: the catalogue's, by id, where they can be played from.

    Returns how many have a picture (`pictures`) and a film beside them (`films`). Raises `OSError`.
    """
    pictures = moment_pictures(manifest, wanted.moments)
    sources = {m.movie_id: source_of(films.get(m.movie_id), out.parent) for m in wanted.moments}
    titles = {m.movie_id: getattr(films.get(m.movie_id), "title", "") or m.movie_id for m in wanted.moments}
    data = page_data(wanted, pictures, sources, titles)
    write_whole(out, page_of(data, wanted).encode())
    return {"pictures": sum(1 for picture in pictures if picture), "films": sum(1 for s in sources.values() if s)}


def page_of(data: Mapping[str, Any], wanted: NextLabels) -> str:
    """The page as one text: styles and script within, and no other script is let run."""
    script = (STATIC / "labels.js").read_text(encoding="utf-8")
    theme = (STATIC / "theme.js").read_text(encoding="utf-8")
    digests = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in (theme, script)]
    return rendered(
        "labels.html",
        data=data,
        model=wanted.model,
        theme=_inline(theme),
        script=_inline(script),
        style=_inline((STATIC / "report.css").read_text(encoding="utf-8")),
        allowed=_inline(" ".join(f"'sha256-{of_text}'" for of_text in digests)),
    )


def _inline(text: str) -> Any:
    """Our own file within the page, not escaped."""
    from markupsafe import Markup

    return Markup(text)


def page_data(
    wanted: NextLabels, pictures: Sequence[str], sources: Mapping[str, str], titles: Mapping[str, str]
) -> dict[str, Any]:
    """What the page's script is given: the question, the moments, and the labels that their films have already."""
    question, films = wanted.question, sorted({moment.movie_id for moment in wanted.moments})
    earlier = wanted.dataset.labels.table
    moments = [
        {
            "movie_id": moment.movie_id,
            "title": titles[moment.movie_id],
            "start_s": moment.start_s,
            "end_s": moment.end_s,
            "doubt": moment.doubt,
            "guess": moment.guess,
            "probability": moment.probability,
            "extent": dict(moment.extent),
            "picture": picture,
            "own": own_picture(moment.picture),
            "film": sources[moment.movie_id],
        }
        for moment, picture in zip(wanted.moments, pictures, strict=True)
    ]
    return {
        "model": wanted.model,
        "question": question.text,
        "answers": [{"text": answer.text, "row": dict(answer.row)} for answer in question.answers],
        "scales": [{"text": s.text, "column": s.column, "low": s.low, "high": s.high, "row": dict(s.row)}
                   for s in question.scales],
        "nothing": question.nothing and {"text": question.nothing.text, "row": dict(question.nothing.row)},
        "several": question.several,
        "class_column": wanted.class_column if question.may_add else None,
        "keys": KEYS,
        "columns": list(wanted.columns),
        "moments": moments,
        "earlier": {film: earlier.filter(pc.equal(earlier["movie_id"], film)).to_pylist() for film in films},
        "notes": list(wanted.notes),
        "key": digest([wanted.model, [dict(moment.extent) for moment in wanted.moments]])[:16],
    }  # fmt: skip


def source_of(film: Any, beside: Path) -> str:
    """Where a page in that folder finds the film to play; empty for films that are not on this machine."""
    path = Path(str(getattr(film, "path", "")))
    if not path.is_absolute() or not path.is_file():
        return ""
    return quote(os.path.relpath(path, beside.resolve()).replace(os.sep, "/"))


def moment_pictures(manifest: Manifest, moments: Sequence[MomentToLabel]) -> list[str]:
    """The picture nearest to the middle of each moment, as data that a page holds; empty where there is none."""
    found = [""] * len(moments)
    roles = tasks_with(Pictures)
    entry = next(((name, roles[e.task]) for name, e in manifest.enabled.items() if e.task in roles), None)
    if entry is None:
        return found
    table, role = entry
    lake = Lake(manifest.lake.place)
    by_film: dict[str, list[int]] = {}
    for number, moment in enumerate(moments):
        by_film.setdefault(moment.movie_id, []).append(number)
    for movie_id, numbers in by_film.items():
        middles = [(moments[n].start_s + moments[n].end_s) / 2 for n in numbers]
        for number, jpeg in zip(numbers, _nearest(lake, table, role, movie_id, middles), strict=True):
            found[number] = _small(jpeg) if jpeg else ""
    return found


def _nearest(lake: Lake, table: str, role: Pictures, movie_id: str, times: Sequence[float]) -> list[bytes]:
    """The picture nearest to each time; nothing where the lake has none of the film that can be read."""
    try:
        at = lake.reader(table, movie_id).read([role.time_s])[role.time_s].to_numpy()
        if not len(at):
            return [b""] * len(times)
        rows = [int(np.abs(at - time_s).argmin()) for time_s in times]
        kept: dict[int, bytes] = {}
        start, wanted = 0, set(rows)
        for batch in lake.reader(table, movie_id).batches([role.jpeg]):
            for row in wanted.intersection(range(start, start + len(batch))):
                kept[row] = batch[role.jpeg][row - start].as_py()
            start += len(batch)
    except CinelakeError:
        return [b""] * len(times)
    return [kept.get(row, b"") for row in rows]


def _small(jpeg: bytes) -> str:
    """The picture, no larger than `BOX`, as data."""
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(jpeg))
        picture.draft("RGB", BOX)
        picture.thumbnail(BOX)
        return _as_data(picture.convert("RGB"))
    except OSError:
        return ""


def own_picture(pixels: Array | None) -> str:
    """A small grey picture (height, width) as data; empty without one."""
    from PIL import Image

    return "" if pixels is None else _as_data(Image.fromarray(np.asarray(pixels, np.uint8)))


def _as_data(picture: Any) -> str:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
