"""The camera: where it looks in a place at each frame, and the part of the place that it then sees."""

from dataclasses import dataclass
from math import sin

import cv2
import numpy as np
from numpy.typing import NDArray

from examples.pixels import HEIGHT, WIDTH, Picture
from examples.script import Shot

WHIP_FRAMES = 7
_WHIP_PIXELS = 560
_SCROLL = {"car": 22.0, "bike": 21.0, "horse": 18.0, "run": 13.0}
"""How fast places pass by behind a chase, in pixels a frame."""


@dataclass(frozen=True)
class View:
    """Where the camera looks in one frame."""

    pan: float
    zoom: float
    dx: float
    dy: float
    blur: int
    """Width of the smear of a fast pan in pixels; 0 for none."""


def whip_done(shot: Shot, k: int) -> float:
    """How much of a whip pan is over at frame k: below 0 before it, above 1 when the camera has found the people."""
    return (k - round(0.3 * shot.frames)) / WHIP_FRAMES


def view(shot: Shot, k: int) -> View:
    """The view at frame k of a shot (k may lie outside it, under a dissolve)."""
    part = k / max(1, shot.frames)
    pan, zoom, dx, dy, blur = 0.0, 1.0, 0.0, 0.0, 0
    if shot.move == "pan":
        pan = shot.direction * 1.6 * (k - shot.frames / 2)
    elif shot.move == "push":
        zoom = 1.0 + 0.22 * float(np.clip(part, -0.1, 1.1))
    elif shot.move == "pull":
        zoom = 1.22 - 0.22 * float(np.clip(part, -0.1, 1.0))
    elif shot.move == "shake":
        dx, dy = 5 * sin(1.9 * k + shot.seed % 7) + 3 * sin(4.1 * k), 4 * sin(2.3 * k) + 3 * sin(5.3 * k + 1)
    elif shot.move == "whip":
        done = whip_done(shot, k)
        pan = shot.direction * _WHIP_PIXELS * (float(np.clip(done, 0, 1)) - 1)
        blur = 45 if 0 < done < 1 else 0
    if shot.framing == "long" and shot.action in _SCROLL:
        pan += shot.direction * _SCROLL[shot.action] * k
        blur = max(blur, 9)
    return View(pan, max(1.0, zoom), dx, dy, blur)


def widen(layer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The layer with its left part repeated at its right, so that a window may start anywhere."""
    return np.ascontiguousarray(np.concatenate([layer, layer[:, : WIDTH + 64]], axis=1))


def look(layer: NDArray[np.uint8], width: int, offset: float, seen: View, top: int = 45) -> NDArray[np.uint8]:
    """The window of a widened layer (`width` wide before) that the camera sees, 360 rows of 640; a view, not a copy."""
    x = round((offset + seen.dx) % width)
    y = round(float(np.clip(top + seen.dy, 0, layer.shape[0] - HEIGHT)))
    return layer[y : y + HEIGHT, x : x + WIDTH]


def zoomed(picture: Picture, zoom: float) -> Picture:
    """The middle of a picture, enlarged."""
    if zoom == 1.0:
        return picture
    inset = (1 - 1 / zoom) / 2
    matrix = np.array([[1 / zoom, 0, inset * WIDTH], [0, 1 / zoom, inset * HEIGHT]])
    return cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP).astype(
        np.uint8
    )
