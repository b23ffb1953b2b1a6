"""What a backbone looks at: pictures, clips, faces, windows of sound or lines, read from their tables in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.spec.arrays import Array, PixelArray
from cinelake.spec.task import TableReader
from tasks.shared.pictures import PATCH_SIDE, Jpeg, chunks, decode, pictures_in, square_crop

SampleSource = Literal["frames", "clips", "faces", "sound", "lines"]
Wants = Literal["picture", "half-size picture", "grey picture", "clip", "sound", "text"]
"""What a backbone takes: RGB, RGB that may be decoded at half size, grey, several RGB, log-mel windows, or text."""
TAKES: dict[str, str] = {"clips": "clip", "sound": "sound", "lines": "text"}
"""What a backbone must take for a source; for the others: a picture."""
IN_WORDS = {"clip": "clips of pictures", "sound": "log-mel windows of sound", "text": "texts"}


@dataclass(frozen=True)
class Sample:
    """One thing to embed. values: ([pictures,] height, width, 3) or (height, width) uint8, (96, 64) float32 of sound,
    or a text as an array of no axes."""

    frame: int | None
    time_s: float
    shot: int | None
    face: int | None
    values: Array


def samples_of(
    source: SampleSource, tables: Mapping[str, TableReader], wants: Wants, clip: int = 0
) -> Iterator[Sample]:
    """The samples of a source, in order, few in memory at a time. clip: pictures of a clip.

    Raises `ModelUnusable` when the backbone takes sound and the source is pictures, and the like.
    """
    if TAKES.get(source) != (wants if wants in IN_WORDS else None):
        raise ModelUnusable(f"this network takes {IN_WORDS.get(wants, 'pictures')}, but the source is {source!r}")
    if source == "sound":
        return _windows(tables["sound"])
    if source == "lines":
        return _lines(tables["subtitles"])
    if source == "clips":
        return _clips(tables["frames"], clip)
    if source == "frames":
        return (Sample(p.frame, p.time_s, p.shot, None, _pixels(p, wants)) for p in pictures_in(tables["frames"]))
    return _patches(tables["faces"]) if wants == "grey picture" else _crops(tables["faces"], tables["frames"])


def _pixels(picture: Jpeg, wants: Wants) -> PixelArray:
    return decode(picture.jpeg, half=wants == "half-size picture", in_grey=wants == "grey picture")


def _clips(frames: TableReader, count: int) -> Iterator[Sample]:
    """Clips of consecutive pictures, at the time of the first; at the film's end the last picture is repeated."""
    for pictures in chunks(pictures_in(frames), count):
        pixels = [_pixels(picture, "clip") for picture in pictures]
        pixels += pixels[-1:] * (count - len(pixels))
        yield Sample(pictures[0].frame, pictures[0].time_s, pictures[0].shot, None, np.stack(pixels))


def _lines(subtitles: TableReader) -> Iterator[Sample]:
    """The lines of the set that has most, of two alike the first; lines that begin together are one."""
    table = subtitles.read(["track", "start_s", "text"])
    tracks, counts = np.unique(table["track"].to_numpy(), return_counts=True)
    kept = table.filter(table["track"].to_numpy() == (tracks[counts.argmax()] if len(tracks) else -1))
    rows = sorted(zip(kept["start_s"].to_pylist(), kept["text"].to_pylist(), strict=True), key=lambda row: row[0])
    for start_s, together in groupby(rows, key=lambda row: row[0]):
        text = "\n".join(line or "" for _, line in together)
        yield Sample(None, start_s, None, None, np.array(text))


def _windows(sound: TableReader) -> Iterator[Sample]:
    for batch in sound.batches(["start_s", "logmel"]):
        windows = batch["logmel"].flatten().to_numpy(zero_copy_only=False).reshape(len(batch), 96, 64)
        for start_s, window in zip(batch["start_s"].to_pylist(), windows, strict=True):
            yield Sample(None, start_s, None, None, window.astype(np.float32))


def _patches(faces: TableReader) -> Iterator[Sample]:
    """Grey 48 × 48 patches as they stand in the table."""
    for batch in faces.batches(["frame", "time_s", "shot", "face", "patch"]):
        patches = batch["patch"].flatten().to_numpy(zero_copy_only=False).reshape(-1, PATCH_SIDE, PATCH_SIDE)
        for row, patch in zip(batch.drop_columns(["patch"]).to_pylist(), patches, strict=True):
            yield Sample(row["frame"], row["time_s"], row["shot"], row["face"], patch)


def _crops(faces: TableReader, frames: TableReader) -> Iterator[Sample]:
    """Squares around the faces, in colour, cut out of the pictures of `frames`."""
    pictures = pictures_in(frames)
    picture, pixels = None, np.empty((0, 0, 3), np.uint8)
    for row in _rows(faces, ["frame", "time_s", "shot", "face", "x", "y", "width", "height"]):
        if picture is None or picture.frame < row["frame"]:
            picture = next((p for p in pictures if p.frame >= row["frame"]), None)
            pixels = decode(picture.jpeg) if picture else pixels
        if picture is None or picture.frame != row["frame"]:
            raise ModelUnusable(
                f"the face in picture {row['frame']} cannot be cut out in colour: `frames` does not hold that "
                "picture. Let `faces` read `frames` (no `fps` there), or use a network that takes grey pictures"
            )
        box = (row["x"], row["y"], row["width"], row["height"])
        yield Sample(row["frame"], row["time_s"], row["shot"], row["face"], square_crop(pixels, box))


def _rows(table: TableReader, columns: list[str]) -> Iterator[dict[str, Any]]:
    for batch in table.batches(columns):
        yield from batch.to_pylist()
