"""What a backbone looks at: pictures, faces or windows of sound, read from their tables in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from cinelake.errors import ModelUnusable
from cinelake.task import TableReader
from tasks._pictures import Jpeg, Pixels, decode, pictures_in, square_crop

Source = Literal["frames", "faces", "sound"]
Wants = Literal["picture", "half-size picture", "grey picture", "sound"]
"""What a backbone takes: RGB, RGB that may be decoded at half size, grey, or log-mel windows."""

PATCH_SIDE = 48


@dataclass(frozen=True)
class Sample:
    """One thing to embed. values: (height, width, 3) or (height, width) uint8, or (96, 64) float32 of sound."""

    frame: int | None
    time_s: float
    shot: int | None
    face: int | None
    values: npt.NDArray[Any]


def samples_of(source: Source, tables: Mapping[str, TableReader], wants: Wants) -> Iterator[Sample]:
    """The samples of a source, in order, few in memory at a time.

    Raises `ModelUnusable` when the backbone takes sound and the source is pictures, or the other way round.
    """
    if (source == "sound") != (wants == "sound"):
        takes = "log-mel windows of sound" if wants == "sound" else "pictures"
        raise ModelUnusable(f"this network takes {takes}, but the source is {source!r}")
    if source == "sound":
        return _windows(tables["sound"])
    if source == "frames":
        return (Sample(p.frame, p.time_s, p.shot, None, _pixels(p, wants)) for p in pictures_in(tables["frames"]))
    return _patches(tables["faces"]) if wants == "grey picture" else _crops(tables["faces"], tables["frames"])


def _pixels(picture: Jpeg, wants: Wants) -> Pixels:
    return decode(picture.jpeg, half=wants == "half-size picture", in_grey=wants == "grey picture")


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
