"""Pixels: the small drawing verbs that pictures of people, things and places share."""

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from examples.cast import Colour

Picture = NDArray[np.uint8]
"""(height, width, 3) blue, green, red."""
Point = tuple[float, float]

WIDTH, HEIGHT = 640, 360
_SHIFT = 4


def fixed(points: Iterable[Point] | NDArray[Any]) -> NDArray[np.int32]:
    """Points in OpenCV's fixed point with four fractional bits, shape (n, 2)."""
    return np.round(np.asarray(list(points), dtype=np.float64) * (1 << _SHIFT)).astype(np.int32)


def polygon(picture: Picture, points: Iterable[Point], colour: Sequence[float]) -> None:
    """Fill a polygon with smooth edges."""
    cv2.fillPoly(picture, [fixed(points)], tuple(colour), cv2.LINE_AA, _SHIFT)


def line(picture: Picture, points: Iterable[Point], colour: Sequence[float], thickness: float = 1) -> None:
    """Draw an open line through points."""
    cv2.polylines(picture, [fixed(points)], False, tuple(colour), max(1, round(thickness)), cv2.LINE_AA, _SHIFT)


def ellipse(
    picture: Picture,
    centre: Point,
    radii: Point,
    colour: Sequence[float],
    angle: float = 0.0,
    thickness: int = -1,
    start: float = 0.0,
    end: float = 360.0,
) -> None:
    """Draw an ellipse (or an arc of it), filled unless a thickness is given."""
    (cx, cy), (rx, ry) = fixed([centre, (max(radii[0], 0.1), max(radii[1], 0.1))])
    cv2.ellipse(
        picture,
        (int(cx), int(cy)),
        (int(rx), int(ry)),
        angle,
        start,
        end,
        tuple(colour),
        thickness,
        cv2.LINE_AA,
        _SHIFT,
    )


def box(picture: Picture, x: float, y: float, width: float, height: float, colour: Sequence[float]) -> None:
    """Fill an upright rectangle."""
    cv2.rectangle(picture, (round(x), round(y)), (round(x + width) - 1, round(y + height) - 1), tuple(colour), -1)


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter."""
    blue, green, red = (int(min(255, max(0, channel * factor))) for channel in colour)
    return blue, green, red


def mix(one: Colour, other: Colour, weight: float) -> Colour:
    """The colour `weight` of the way from one to the other."""
    blue, green, red = (round(a + (b - a) * weight) for a, b in zip(one, other, strict=True))
    return blue, green, red


def gradient(height: int, width: int, top: Colour, bottom: Colour) -> Picture:
    """A picture that runs from one colour at the top to another at the bottom."""
    column = np.linspace(0.0, 1.0, height)[:, None] * (np.array(bottom) - np.array(top)) + np.array(top)
    return np.repeat(column[:, None, :], width, axis=1).astype(np.uint8)


def glow(picture: Picture, centre: Point, radius: float, colour: Colour, strength: float = 1.0) -> None:
    """Add a soft light to the part of the picture around a point."""
    x0, y0 = max(0, int(centre[0] - radius)), max(0, int(centre[1] - radius))
    x1, y1 = min(picture.shape[1], int(centre[0] + radius)), min(picture.shape[0], int(centre[1] + radius))
    if x0 >= x1 or y0 >= y1:
        return
    y, x = np.ogrid[y0:y1, x0:x1]
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / radius
    light = (np.clip(1.0 - distance, 0.0, 1.0) ** 2 * strength)[:, :, None] * np.array(colour)
    picture[y0:y1, x0:x1] = np.clip(picture[y0:y1, x0:x1] + light, 0, 255).astype(np.uint8)
