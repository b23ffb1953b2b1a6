"""Single pictures as rows of `frames`: those that people labelled, and the one that is searched for."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cinelake.errors import StorageError
from tasks.frames.luma import measure

if TYPE_CHECKING:
    from PIL import Image

READS = ("jpeg", "width", "height")
"""Columns of a file of labelled pictures that are read."""


def labelled_pictures(movie_id: str, pictures: pa.Table) -> dict[str, Any]:
    """The columns of the table: picture n is frame n at second n, and the middle of shot n.

    Raises `StorageError` where one is not a JPEG.
    """
    numbers = np.arange(len(pictures))
    measures = [_measure(movie_id, jpeg.as_py()) for jpeg in pictures["jpeg"]]
    return {
        "frame": numbers,
        "time_s": numbers.astype(np.float64),
        "shot": numbers.astype(np.int32),
        "is_middle": np.ones(len(pictures), bool),
        **{name: pictures[name] for name in READS},
        **{name: [measured[name] for measured in measures] for name in ("entropy", "brightness", "sharpness")},
    }


def _measure(movie_id: str, jpeg: bytes) -> dict[str, float]:
    import cv2

    luma = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    if luma is None:
        raise StorageError(f"the images of {movie_id} are damaged: one is no JPEG. Bring the file back from a copy")
    return measure(luma)


def of_still(picture: Image.Image, params: Mapping[str, Any]) -> pa.Table:
    """One RGB picture as the task keeps those of films: no wider than `max_width`, JPEG of `jpeg_quality`.

    params: of the task, as a footer has them; where they are missing the picture keeps its size, quality 95.
    """
    from PIL import Image

    width = int(params.get("max_width", picture.width))
    if picture.width > width:
        height = max(1, round(picture.height * width / picture.width))
        picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(params.get("jpeg_quality", 95)))
    shot, number = pa.array([None], pa.int32()), pa.array([0], pa.int64())
    return pa.table(
        {"movie_id": ["searched"], "frame": number, "time_s": [0.0], "shot": shot, "jpeg": [buffer.getvalue()]}
    )
