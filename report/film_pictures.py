"""The pictures of one film, made in one pass over its frames: thumbnails, keyframes of the summary, the poster."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import CinelakeError
from report.pictures import (
    BOX,
    KEYFRAME_BOX,
    SheetWriter,
    Thumbnails,
    choose_frames,
    fitted,
    pictures_at,
    places_of,
    poster,
    save,
)
from report.summary import Telling, keyframe_count, telling_rows
from report.tables import FilmTables
from report.values import rows_of


@dataclass(frozen=True)
class Keyframe:
    """A keyframe of the summary: its file, its time, its shot, and the share of the film it stands for."""

    file: str
    time_s: float
    shot: int | None
    share: float


@dataclass(frozen=True)
class FilmPictures:
    """What pictures a film has, and why it lacks those that it lacks."""

    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    keyframes: list[Keyframe] = field(default_factory=list)
    has_poster: bool = False
    why_none: str = ""
    why_no_summary: str = ""


def make_pictures(tables: FilmTables, duration_s: float, folder: Path) -> FilmPictures:
    """Write a film's pictures into a folder."""
    frames = tables.read("frames", ["frame", "time_s", "shot", "is_middle", "width", "height"])
    if frames is None or not frames.num_rows:
        why = tables.why("frames") or "the film has no pictures"
        return FilmPictures(why_none=f"frames: {why}", why_no_summary=f"frames: {why}")
    try:
        return _made(tables, frames, duration_s, folder)
    except (CinelakeError, pa.ArrowException) as error:
        return FilmPictures(why_none=f"frames: cannot be read: {error}", why_no_summary=f"frames: {error}")


def _made(tables: FilmTables, frames: pa.Table, duration_s: float, folder: Path) -> FilmPictures:
    chosen = choose_frames(frames)
    summary, why = _summary(tables, frames, duration_s)
    places = places_of(len(chosen))
    size = fitted(frames["width"][0].as_py(), frames["height"][0].as_py(), BOX)
    writer = SheetWriter(folder, len(chosen), size)
    large = _write(tables, writer, dict(zip(chosen, places, strict=True)), {t.row for t in summary} | {chosen[0]})
    times = frames["time_s"]
    thumbnails = Thumbnails(*size, [round(times[r].as_py(), 3) for r in chosen], places, writer.names)
    keyframes = [_keyframe(frames, telling, large, folder) for telling in summary if large.get(telling.row)]
    best = [large[t.row] for t in sorted(summary, key=lambda t: -t.share) if large.get(t.row)]
    posters = best or [picture for picture in large.values() if picture]
    if posters:
        save(poster(posters), folder / "poster.jpg")
    return FilmPictures(thumbnails, keyframes, bool(posters), why_no_summary=why)


def _write(tables: FilmTables, writer: SheetWriter, places: dict[int, int], large: set[int]) -> dict[int, Any]:
    """Fill the sheets; gives the large pictures by row."""
    kept: dict[int, Any] = {}
    boxes = dict.fromkeys(places, BOX) | dict.fromkeys(large, KEYFRAME_BOX)
    for row, picture in pictures_at(tables.batches("frames", ["jpeg"]), boxes):
        if row in places:
            writer.add(places[row], picture)
        if row in large:
            kept[row] = picture
    return kept


def _keyframe(frames: pa.Table, telling: Telling, large: dict[int, Any], folder: Path) -> Keyframe:
    name = f"keyframe_{frames['frame'][telling.row].as_py():07d}.jpg"
    save(large[telling.row], folder / name)
    shot = frames["shot"][telling.row].as_py()
    return Keyframe(name, frames["time_s"][telling.row].as_py(), shot, telling.share)


def _summary(tables: FilmTables, frames: pa.Table, duration_s: float) -> tuple[list[Telling], str]:
    """The telling rows of the table of frames, or why there are none."""
    found = tables.read("embeddings", ["frame", "face", "embedding"])
    if found is None:
        return [], f"embeddings: {tables.why('embeddings')}"
    whole = rows_of(found, [row for row, face in enumerate(found["face"].to_pylist()) if face is None])
    rows = _one_row_a_shot(frames, set(whole["frame"].to_pylist()))
    if not rows:
        return [], "embeddings: none is of a whole picture"
    by_frame = {frame: at for at, frame in enumerate(whole["frame"].to_pylist())}
    order = [by_frame[frames["frame"][row].as_py()] for row in rows]
    vectors = np.nan_to_num(np.stack(rows_of(whole["embedding"], order).to_pylist()))
    told = telling_rows(vectors, _seconds(frames, rows, duration_s), keyframe_count(duration_s, len(rows)))
    return [Telling(rows[t.row], t.share) for t in told], ""


def _one_row_a_shot(frames: pa.Table, embedded: set[int]) -> list[int]:
    """For each shot the row of its middle, or of its first frame, that has an embedding."""
    best: dict[int, tuple[bool, int]] = {}
    columns = [frames[name].to_pylist() for name in ("frame", "shot", "is_middle")]
    for row, (frame, shot, middle) in enumerate(zip(*columns, strict=True)):
        if frame in embedded and (shot not in best or (middle and not best[shot][0])):
            best[shot] = (middle, row)
    return sorted(row for _, row in best.values())


def _seconds(frames: pa.Table, rows: list[int], duration_s: float) -> list[float]:
    """How long each row's shot lasts: from the shot's first frame to the next one's."""
    starts: dict[int, float] = {}
    for shot, time_s in zip(frames["shot"].to_pylist(), frames["time_s"].to_pylist(), strict=True):
        starts.setdefault(shot, time_s)
    edges = [*(starts[frames["shot"][row].as_py()] for row in rows), duration_s]
    return [max(0.04, later - sooner) for sooner, later in pairwise(edges)]
