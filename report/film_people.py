"""The people of one film for the page of people: their faces on a sheet, and a file that says whose they are."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import CinelakeError
from cinelake.lake.cells import Lake
from cinelake.lake.champions import find_applied, open_applied
from models.identities.people import NUMBERED
from models.identities.predict import APPLIED
from report.pictures import save
from report.said import PeopleSaid
from report.tables import FilmTables
from report.values import rows_of

FILE, SHEET = "people.json", "faces.jpg"
SIDE, COLUMNS = 88, 12
"""Faces on the sheet are squares of so many pixels, so many in a row."""
MOST_TRACKS = 240
"""So many faces of a film, of each person those that are followed longest; the table has all."""
AROUND = 0.25
"""So much of a face's box is shown around it."""
COLUMNS_READ = [
    "track", "person", "name", "start_s", "end_s", "faces", "films", "likeness", "other", "other_likeness",
    "frame", "time_s", "x", "y", "width", "height",
]  # fmt: skip
PersonRow = dict[str, Any]


def write_people(tables: FilmTables, people: PeopleSaid | None, folder: Path) -> None:
    """Write the sheet and the file; nothing where the lake does not know the film's people."""
    found = tables.read("persons", COLUMNS_READ)
    if found is None or not found.num_rows:
        return
    rows = chosen_tracks(found.to_pylist())
    _write_sheet(tables, rows, folder)
    state = tables.of_task("persons")
    model = (state.footer.ingredients.get("model") or {}).get("name", "identities") if state.footer else "identities"
    labels = people.of(tables, "persons") if people else None
    about = {
        "movie_id": tables.movie_id,
        "title": tables.title,
        "model": model,
        "left_out": found.num_rows - len(rows),
        "number": greatest_number(chain(*(found[name].to_pylist() for name in ("person", "other")))),
        "credits": _credited(tables),
        "labels": [] if labels is None else _labels(labels),
        "tracks": [_track(row, place) for place, row in enumerate(rows)],
    }
    (folder / FILE).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")


def read_people(folder: Path) -> dict[str, Any] | None:
    """What `write_people` wrote into a film's folder; None without it."""
    try:
        about: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return about


def greatest_number(names: Iterable[str | None]) -> int:
    """The greatest of the numbers that people without a name have; 0 without any."""
    return max((int(match[1]) for name in names if name and (match := NUMBERED.fullmatch(name))), default=0)


def champion_number(lake: Lake, model: str) -> int:
    """The greatest number that the model's champion has given; 0 where the lake has none that can be read.

    It may know people whom no table shows: they were not met again, or their films have left the catalogue.
    """
    try:
        applied = find_applied(lake, f"{model}@champion")
        facts = open_applied(lake, applied).facts if applied else {}
    except CinelakeError:  # whom the tables show is known all the same, and the plan tells why they are not made
        return 0
    given = [int(facts.get(f"{which}last_number", 0)) for which in ("", APPLIED)]
    return max(greatest_number(n for which in ("", APPLIED) for n in facts.get(f"{which}people", ())), *given)


def chosen_tracks(rows: list[PersonRow]) -> list[PersonRow]:
    """At most `MOST_TRACKS`: of each person in turn the one followed longest, strangers last."""
    persons: dict[str, list[PersonRow]] = {}
    for row in sorted(rows, key=lambda row: (-row["faces"], row["track"])):
        persons.setdefault(row["person"] or "", []).append(row)
    strangers = persons.pop("", [])
    strangers.sort(key=lambda row: row["likeness"] is None)  # faces too poor to tell come behind the others
    in_turn = chain.from_iterable(zip_longest(*persons.values()))
    return [row for row in chain(in_turn, strangers) if row is not None][:MOST_TRACKS]


def _track(row: PersonRow, place: int) -> PersonRow:
    """A track as the page has it; x and y are the middle of the face."""

    def rounded(value: float | None, digits: int = 3) -> float | None:
        return None if value is None else round(value, digits)

    return {
        "person": row["person"],
        "name": row["name"],
        "faces": row["faces"],
        "films": row["films"],
        "time_s": round(row["time_s"], 6),
        "seconds": round(row["end_s"] - row["start_s"], 2),
        "x": round(row["x"] + row["width"] / 2, 4),
        "y": round(row["y"] + row["height"] / 2, 4),
        "likeness": rounded(row["likeness"]),
        "other": row["other"],
        "other_likeness": rounded(row["other_likeness"]),
        "place": place,
    }


def _labels(labels: pa.Table) -> list[list[Any]]:
    """time_s, person, x, y of what people said before."""
    columns = [
        labels[n].to_pylist() if n in labels.column_names else [None] * len(labels)
        for n in ("time_s", "person", "x", "y")
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _credited(tables: FilmTables) -> list[str]:
    """Names of the film's credits, where the lake has read any: the cast's before others'."""
    credits = tables.read("credits", ["role", "name"])
    if credits is None:
        return []
    pairs = [(role or "", name) for role, name in zip(*(c.to_pylist() for c in credits.columns), strict=True) if name]
    cast = [name for role, name in pairs if "cast" in role.casefold() or "star" in role.casefold() or not role]
    return list(dict.fromkeys([*cast, *(name for _, name in pairs)]))[:200]


def _write_sheet(tables: FilmTables, rows: list[PersonRow], folder: Path) -> None:
    from PIL import Image

    sheet = Image.new("RGB", (COLUMNS * SIDE, -(-len(rows) // COLUMNS) * SIDE), (128, 128, 128))
    wanted: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        wanted.setdefault(row["frame"], []).append(place)
    done: set[int] = set()
    for frame, jpeg in _jpegs(tables, set(wanted)):
        for place in wanted[frame]:
            face = _cropped(jpeg, rows[place])
            if face is not None:
                sheet.paste(face, (place % COLUMNS * SIDE, place // COLUMNS * SIDE))
                done.add(place)
    for place, patch in _patches(tables, {p: row for p, row in enumerate(rows) if p not in done}):
        sheet.paste(Image.fromarray(patch).resize((SIDE, SIDE)), (place % COLUMNS * SIDE, place // COLUMNS * SIDE))
    save(sheet, folder / SHEET)


def _jpegs(tables: FilmTables, wanted: set[int]) -> Iterable[tuple[int, bytes]]:
    """Frame and picture of those frames that the lake keeps, read batch by batch."""
    if tables.of_task("frames").is_present:
        for batch in tables.batches("frames", ["frame", "jpeg"]):
            frames = batch.column("frame").to_pylist()
            rows = [row for row, frame in enumerate(frames) if frame in wanted]
            yield from zip((frames[row] for row in rows), rows_of(batch.column("jpeg"), rows).to_pylist(), strict=True)


def _cropped(jpeg: bytes, row: PersonRow) -> Any:
    """The square around a face; None for a picture that cannot be decoded."""
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None
    width, height = picture.size
    half = max(row["width"] * width, row["height"] * height) * (0.5 + AROUND)
    x, y = (row["x"] + row["width"] / 2) * width, (row["y"] + row["height"] / 2) * height
    box = (round(x - half), round(y - half), round(x + half), round(y + half))
    return picture.crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR) if box[2] > box[0] else None


def _patches(tables: FilmTables, wanted: dict[int, PersonRow]) -> Iterable[tuple[int, Any]]:
    """Place and small grey picture of faces whose frames the lake does not keep."""
    if not wanted or not tables.of_task("faces").is_present:
        return
    places = {(row["frame"], round(row["x"], 4), round(row["y"], 4)): place for place, row in wanted.items()}
    for batch in tables.batches("faces", ["frame", "x", "y", "patch"]):
        keys = zip(*(batch.column(name).to_pylist() for name in ("frame", "x", "y")), strict=True)
        for at, (frame, x, y) in enumerate(keys):
            place = places.get((frame, round(x, 4), round(y, 4)))
            if place is not None:
                patch = np.asarray(batch.column("patch")[at].as_py(), np.uint8)
                side = round(len(patch) ** 0.5)
                yield place, patch.reshape(side, side)
