"""The pictures of one film, made in one pass over its frames: thumbnails, keyframes of the summary, the poster."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.errors import CinelakeError, UsageError
from cinelake.storage.files import write_whole
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
from report.summary import SummaryRow, keyframe_count, summary_rows
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
    """The pictures of a film, and the reasons for those that are missing."""

    thumbnails: Thumbnails = field(default_factory=Thumbnails)
    keyframes: list[Keyframe] = field(default_factory=list)
    has_poster: bool = False
    why_missing: str = ""
    why_no_summary: str = ""


def make_pictures(tables: FilmTables, duration_s: float, folder: Path) -> FilmPictures:
    """Write a film's pictures into a folder."""
    frames = tables.read("frames", ["frame", "time_s", "shot", "is_middle", "width", "height"])
    if frames is None or not frames.num_rows:
        why = tables.why("frames") or "the film has no pictures"
        return FilmPictures(why_missing=f"frames: {why}", why_no_summary=f"frames: {why}")
    try:
        return _made(tables, frames, duration_s, folder)
    except (CinelakeError, pa.ArrowException) as error:
        return FilmPictures(why_missing=f"frames: cannot be read: {error}", why_no_summary=f"frames: {error}")


def _made(tables: FilmTables, frames: pa.Table, duration_s: float, folder: Path) -> FilmPictures:
    chosen = choose_frames(frames)
    summary, why = summary_of(tables, frames, duration_s)
    places = places_of(len(chosen))
    size = fitted(frames["width"][0].as_py(), frames["height"][0].as_py(), BOX)
    writer = SheetWriter(folder, len(chosen), size)
    large = _write(tables, writer, dict(zip(chosen, places, strict=True)), {t.row for t in summary} | {chosen[0]})
    times = frames["time_s"]
    thumbnails = Thumbnails(*size, [round(times[r].as_py(), 3) for r in chosen], places, writer.names)
    keyframes = [_keyframe(frames, row, large, folder) for row in summary if large.get(row.row)]
    best = [large[t.row] for t in sorted(summary, key=lambda t: -t.share) if large.get(t.row)]
    posters = best or [picture for picture in large.values() if picture]
    if posters:
        save(poster(posters), folder / "poster.jpg")
    return FilmPictures(thumbnails, keyframes, bool(posters), why_no_summary=why)


def _write(tables: FilmTables, writer: SheetWriter, places: dict[int, int], large: set[int]) -> dict[int, Any]:
    """Fill the sheets; returns the large pictures by row."""
    kept: dict[int, Any] = {}
    boxes = dict.fromkeys(places, BOX) | dict.fromkeys(large, KEYFRAME_BOX)
    for row, picture in pictures_at(tables.batches("frames", ["jpeg"]), boxes):
        if row in places:
            writer.add(places[row], picture)
        if row in large:
            kept[row] = picture
    return kept


def _keyframe(frames: pa.Table, chosen: SummaryRow, large: dict[int, Any], folder: Path) -> Keyframe:
    name = f"keyframe_{frames['frame'][chosen.row].as_py():07d}.jpg"
    save(large[chosen.row], folder / name)
    shot = frames["shot"][chosen.row].as_py()
    return Keyframe(name, frames["time_s"][chosen.row].as_py(), shot, chosen.share)


def summary_of(
    tables: FilmTables, frames: pa.Table, duration_s: float, count: int | None = None
) -> tuple[list[SummaryRow], str]:
    """The rows of the table of frames that summarise the film, or the reason why there are none.

    count: how many; by default as the film is long.
    """
    embeddings = tables.read("embeddings", ["frame", "face", "embedding"])
    if embeddings is None:
        return [], f"embeddings: {tables.why('embeddings')}"
    whole = rows_of(embeddings, [row for row, face in enumerate(embeddings["face"].to_pylist()) if face is None])
    rows = _one_row_a_shot(frames, set(whole["frame"].to_pylist()))
    if not rows:
        return [], "embeddings: none is of a whole picture"
    by_frame = {frame: at for at, frame in enumerate(whole["frame"].to_pylist())}
    order = [by_frame[frames["frame"][row].as_py()] for row in rows]
    vectors = np.nan_to_num(np.stack(rows_of(whole["embedding"], order).to_pylist()))
    chosen = summary_rows(vectors, _seconds(frames, rows, duration_s), count or keyframe_count(duration_s, len(rows)))
    return [SummaryRow(rows[t.row], t.share) for t in chosen], ""


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


def summary_files(tables: FilmTables, folder: Path, count: int | None = None) -> list[dict[str, Any]]:
    """Write the film's summary into a folder, as the lake keeps the pictures; returns file, time_s, shot and share.

    Raises `UsageError` with the reason where a table is missing, or the folder cannot be written.
    """
    frames = tables.read("frames", ["frame", "time_s", "shot", "is_middle", "jpeg"])
    if frames is None or not frames.num_rows:
        raise UsageError(f"frames of {tables.movie_id}: {tables.why('frames') or 'the film has no pictures'}")
    chosen, why = summary_of(tables, frames, float(frames["time_s"][-1].as_py()), count)
    if not chosen:
        raise UsageError(f"{tables.movie_id} cannot be summarised: {why}")
    rows = []
    for keyframe in chosen:
        frame, time_s, shot, jpeg = (frames[name][keyframe.row].as_py() for name in ("frame", "time_s", "shot", "jpeg"))
        name = f"{frame:07d}.jpg"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, jpeg)
        except OSError as error:
            raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
        rows.append({"file": name, "time_s": time_s, "shot": shot, "share": round(keyframe.share, 4)})
    return rows
