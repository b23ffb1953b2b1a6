"""Colours of planar YUV pictures: from a film's own matrix and range to BGR."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from cinelake.spec.arrays import Floats, PixelArray

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Shares of red and blue in luma (ITU-R BT.601, BT.709, BT.2020)."""


@dataclass(frozen=True)
class Colours:
    """How a film's YUV is meant: one of `WEIGHTS`, and whether luma goes from 0 to 255 (else from 16 to 235)."""

    matrix: str = "bt601"
    full_range: bool = False


def colours_of(video: Any) -> Colours:
    """The colours of a film's video stream (`cinelake.media.probe.VideoInfo`); of BT.601 without one."""
    return Colours(video.read_matrix, video.read_full_range) if video is not None else Colours()


def luma_of(picture: PixelArray, colours: Colours) -> PixelArray:
    """(h · 3/2, w) I420 picture → (h, w) luma from 0 to 255."""
    import cv2

    luma = picture[: picture.shape[0] * 2 // 3]
    return luma if colours.full_range else np.asarray(cv2.LUT(luma, _spread()), np.uint8)


@cache
def _spread() -> PixelArray:
    """Luma of 16…235 spread to 0…255, as a table."""
    return np.clip((np.arange(256) - 16.0) * (255.0 / 219.0) + 0.5, 0, 255).astype(np.uint8)


def bgr_of(picture: PixelArray, colours: Colours) -> PixelArray:
    """(h · 3/2, w) I420 picture → (h, w, 3) BGR."""
    import cv2

    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    chroma = picture[height:].reshape(2, height // 2, width // 2)
    u, v = (cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in chroma)
    return np.asarray(cv2.transform(cv2.merge([picture[:height], u, v]), to_bgr(colours)), np.uint8)


@cache
def to_bgr(colours: Colours) -> Floats:
    """The (3, 4) matrix that takes (Y, U, V, 1) in 0…255 to (B, G, R) in 0…255."""
    red, blue = WEIGHTS[colours.matrix]
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if colours.full_range else (255 / 219, 255 / 224, 16.0)
    rows = np.array(
        [
            [luma, 2 * (1 - blue) * chroma, 0],
            [luma, -2 * blue * (1 - blue) / green * chroma, -2 * red * (1 - red) / green * chroma],
            [luma, 0, 2 * (1 - red) * chroma],
        ]
    )
    offset = -rows @ np.array([black, 128, 128])
    return np.hstack([rows, offset[:, None]]).astype(np.float32)
