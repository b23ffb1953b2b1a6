"""A film's pictures for its page, from the frames that the lake keeps: sheets of thumbnails, keyframes, a poster.

A two-hour film has some two thousand thumbnails; as sheets they are some forty files, of which a page that shows the
whole film needs one: the first sheet holds thumbnails spread evenly over the film, the others follow in time.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.onnx import inference_threads
from report.values import rows_of

BOX = (192, 144)
"""Thumbnails fit into this many pixels."""
KEYFRAME_BOX = (384, 288)
COLUMNS, ROWS = 8, 6
SHEET = COLUMNS * ROWS
EVERY_S = 8.0
"""Seconds between the thumbnails of a shot that is longer than this."""
MAX_THUMBNAILS = 5000
POSTER = (480, 270)
QUALITY = 78


@dataclass(frozen=True)
class Thumbnails:
    """Where the thumbnails lie. times_s, places: of each in time; place ÷ `SHEET` is its sheet, the rest its tile."""

    width: int = 0
    height: int = 0
    times_s: list[float] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        return {**vars(self), "columns": COLUMNS, "rows": ROWS}


def choose_frames(frames: pa.Table) -> list[int]:
    """Row numbers of the frames that become thumbnails: the middle of each shot, and every `EVERY_S` of long ones."""
    times, shots, middle = (frames[name].to_pylist() for name in ("time_s", "shot", "is_middle"))
    is_middle_known = any(middle)
    chosen: list[int] = []
    last_s, last_shot = -np.inf, -1
    for row in range(len(times)):
        far = times[row] - last_s >= EVERY_S
        if middle[row] or (far and shots[row] == last_shot) or (far and not is_middle_known):
            chosen.append(row)
            last_s, last_shot = times[row], shots[row]
    step = max(1, -(-len(chosen) // MAX_THUMBNAILS))
    return chosen[::step] or list(range(min(1, len(times))))


def places_of(count: int) -> list[int]:
    """The place of each thumbnail: the first sheet's are spread evenly over the film, the rest follow in time."""
    first = sorted(set(np.linspace(0, count - 1, min(SHEET, count)).round().astype(int).tolist())) if count else []
    spread = {row: place for place, row in enumerate(first)}
    rest = iter(range(len(first), count))
    return [spread[row] if row in spread else next(rest) for row in range(count)]


class SheetWriter:
    """Puts thumbnails onto sheets and writes each sheet when it is full; holds few of them at a time."""

    def __init__(self, folder: Path, count: int, size: tuple[int, int]):
        self.folder, self.count, self.size = folder, count, size
        self._open: dict[int, Any] = {}
        self._missing = {n: min(SHEET, count - n * SHEET) for n in range(-(-count // SHEET))}
        self.names = [f"sheet_{n:02d}.jpg" for n in self._missing]

    def add(self, place: int, picture: Any) -> None:
        """Paste a picture (None: a damaged one stays blank)."""
        from PIL import Image

        sheet, tile = divmod(place, SHEET)
        rows = -(-min(SHEET, self.count - sheet * SHEET) // COLUMNS)
        if sheet not in self._open:
            self._open[sheet] = Image.new("RGB", (COLUMNS * self.size[0], rows * self.size[1]))
        if picture is not None:
            corner = (tile % COLUMNS * self.size[0], tile // COLUMNS * self.size[1])
            fits = picture.size == self.size
            self._open[sheet].paste(picture if fits else picture.resize(self.size, Image.Resampling.BILINEAR), corner)
        self._missing[sheet] -= 1
        if not self._missing[sheet]:
            save(self._open.pop(sheet), self.folder / self.names[sheet])


def fitted(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """The size of a picture that keeps its shape and fits into a box; it is never enlarged."""
    scale = min(1.0, box[0] / width, box[1] / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def opened(jpeg: bytes, box: tuple[int, int]) -> Any:
    """A decoded picture that fits into a box; None for bytes that cannot be decoded."""
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(jpeg))
        size = fitted(*picture.size, box)
        picture.draft("RGB", size)
        return picture.convert("RGB").resize(size, Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError):  # what Pillow raises for bytes that it cannot decode
        return None


def save(picture: Any, path: Path) -> None:
    """Write a picture as JPEG."""
    picture.save(path, "JPEG", quality=QUALITY, optimize=False)


def pictures_at(batches: Iterable[pa.RecordBatch], boxes: Mapping[int, tuple[int, int]]) -> Iterator[tuple[int, Any]]:
    """Row number and picture of the wanted rows of a table of frames, read batch by batch; boxes: row → its size."""
    at = 0
    with ThreadPoolExecutor(inference_threads()) as pool:  # Pillow decodes without Python's lock
        for batch in batches:
            rows = [row for row in range(at, at + batch.num_rows) if row in boxes]
            jpegs = rows_of(batch.column("jpeg"), [row - at for row in rows]).to_pylist()
            yield from zip(rows, pool.map(opened, jpegs, [boxes[row] for row in rows]), strict=True)
            at += batch.num_rows


def poster(pictures: Sequence[Any]) -> Any:
    """A poster made of keyframes, the first one large: (480, 270)."""
    from PIL import Image, ImageOps

    width, height = POSTER
    made = Image.new("RGB", POSTER)
    if len(pictures) < 3:
        made.paste(ImageOps.fit(pictures[0], POSTER), (0, 0))
        return made
    left, half = round(width * 2 / 3), height // 2
    made.paste(ImageOps.fit(pictures[0], (left - 2, height)), (0, 0))
    made.paste(ImageOps.fit(pictures[1], (width - left, half - 1)), (left, 0))
    made.paste(ImageOps.fit(pictures[2], (width - left, height - half - 1)), (left, half + 1))
    return made
