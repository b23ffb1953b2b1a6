"""Faces: close-ups of the cast, seen from the front, with seven expressions, blinking eyes and a moving mouth.

All places are in units of the face's box, whose centre is the origin; a face detector finds about this box.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from examples.cast import CAST, Character
from examples.hair import draw_back_hair, draw_front_hair
from examples.pixels import Picture, Point, ellipse, line, mix, polygon, shade

SPRITE_LEFT, SPRITE_TOP, SPRITE_WIDTH, SPRITE_HEIGHT = -1.15, -1.05, 2.3, 2.75
"""The part of the plane around the face that a sprite holds, in box sizes."""
_DETAIL = 2
"""Sprites are drawn this many times larger and averaged down."""
_KEY = (5, 3, 4)
"""Colour of what is not part of the person."""


@dataclass(frozen=True)
class Look:
    """What an expression does to a face."""

    brow_inner: float
    """How far the inner ends of the brows rise."""
    brow_outer: float
    eye: float
    """How far the eyes open, 1 is wide."""
    smile: float
    """How far the corners of the mouth rise (negative: fall)."""
    mouth: float
    """How far the mouth is open when silent."""
    wide: float = 1.0
    flush: tuple[int, int, int] | None = None
    """A colour that tints the skin."""


LOOKS = {
    "neutral": Look(0.0, 0.0, 0.62, 0.0, 0.0),
    "happy": Look(0.03, 0.03, 0.48, 1.0, 0.30, 1.2, (150, 170, 250)),
    "sad": Look(0.09, -0.06, 0.40, -0.85, 0.0, 0.85, (190, 170, 160)),
    "angry": Look(-0.10, 0.07, 0.55, -0.55, 0.22, 1.05, (110, 110, 235)),
    "surprised": Look(0.11, 0.11, 1.0, 0.05, 0.75, 0.6),
    "fear": Look(0.12, 0.02, 0.95, -0.5, 0.42, 1.1, (225, 225, 215)),
    "disgust": Look(-0.06, -0.01, 0.30, -0.7, 0.10, 0.9, (120, 205, 170)),
}


class _Pen:
    """Draws in units of the face's box on an enlarged canvas."""

    def __init__(self, canvas: Picture, size: float) -> None:
        self.canvas = canvas
        self.size = size

    def at(self, x: float, y: float) -> Point:
        return (x - SPRITE_LEFT) * self.size, (y - SPRITE_TOP) * self.size

    def oval(self, x: float, y: float, rx: float, ry: float, colour: tuple[int, int, int], angle: float = 0.0) -> None:
        ellipse(self.canvas, self.at(x, y), (rx * self.size, ry * self.size), colour, angle)

    def shape(self, points: list[Point], colour: tuple[int, int, int]) -> None:
        polygon(self.canvas, [self.at(*point) for point in points], colour)

    def stroke(self, points: list[Point], colour: tuple[int, int, int], width: float) -> None:
        line(self.canvas, [self.at(*point) for point in points], colour, width * self.size)


@lru_cache(maxsize=96)
def face_sprite(name: str, size: int, expression: str, mouth: int, lids: int, light: int) -> NDArray[np.uint8]:
    """A head and shoulders whose face's box is `size` pixels, as (height, width, 4): blue, green, red, cover.

    `mouth` (0…4) opens it beyond what the expression does, `lids` (0 open, 1 half, 2 closed) blink,
    `light` (-1, 1) says from which side the light falls.
    """
    person, look = CAST[name], LOOKS[expression]
    base, alpha = _bust(name, size, expression, light)
    canvas = base.copy()
    pen = _Pen(canvas, size * _DETAIL)
    skin = _skin(person, look)
    _draw_eyes(pen, look, skin, lids)
    _draw_brows(pen, look, person)
    _draw_mouth(pen, look, person, mouth)
    if expression == "sad":
        pen.oval(0.25, 0.03, 0.025, 0.06, mix(skin, (255, 250, 240), 0.65))
    if expression == "disgust":
        for y in (-0.10, -0.05):
            pen.stroke([(-0.07, y - 0.02), (0.0, y), (0.07, y - 0.02)], shade(skin, 0.7), 0.018)
    if person.glasses:
        _draw_glasses(pen)
    small = (round(SPRITE_WIDTH * size), round(SPRITE_HEIGHT * size))
    return np.dstack([cv2.resize(canvas, small, interpolation=cv2.INTER_AREA), alpha]).astype(np.uint8)


def _skin(person: Character, look: Look) -> tuple[int, int, int]:
    return mix(person.skin, look.flush, 0.22) if look.flush else person.skin


@lru_cache(maxsize=24)
def _bust(name: str, size: int, expression: str, light: int) -> tuple[Picture, NDArray[np.uint8]]:
    """Everything of head and shoulders that does not move, enlarged, and the cut-out at the final size."""
    person = CAST[name]
    unit = size * _DETAIL
    canvas = np.empty((round(SPRITE_HEIGHT * unit), round(SPRITE_WIDTH * unit), 3), dtype=np.uint8)
    canvas[:] = _KEY
    pen = _Pen(canvas, unit)
    skin = _skin(person, LOOKS[expression])
    draw_back_hair(pen, person)
    _draw_shoulders(pen, person)
    _draw_skull(pen, skin, light)
    draw_front_hair(pen, person)
    mask = np.any(canvas != np.array(_KEY, dtype=np.uint8), axis=2).astype(np.uint8) * 255
    canvas[mask == 0] = shade(person.clothes, 0.6)
    small = (round(SPRITE_WIDTH * size), round(SPRITE_HEIGHT * size))
    return canvas, cv2.resize(mask, small, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _draw_shoulders(pen: _Pen, person: Character) -> None:
    cloth = person.clothes
    pen.shape([(-0.30, 0.4), (0.30, 0.4), (0.33, 1.0), (-0.33, 1.0)], shade(person.skin, 0.72))
    pen.shape([(-0.36, 0.86), (0.36, 0.86), (0.88, 1.04), (1.06, 1.72), (-1.06, 1.72), (-0.88, 1.04)], cloth)
    pen.shape([(0.36, 0.86), (0.88, 1.04), (1.06, 1.72), (0.62, 1.72)], shade(cloth, 0.8))
    pen.shape([(-0.34, 0.84), (-0.02, 1.3), (-0.2, 1.42), (-0.5, 0.98)], shade(cloth, 1.3))
    pen.shape([(0.34, 0.84), (0.02, 1.3), (0.2, 1.42), (0.5, 0.98)], shade(cloth, 1.15))
    pen.shape([(-0.3, 0.84), (0.3, 0.84), (0.0, 1.26)], shade(person.skin, 0.8))


def _draw_skull(pen: _Pen, skin: tuple[int, int, int], light: int) -> None:
    """Ears and the oval of the face, rounded by light."""
    for ear in (-0.56, 0.56):
        pen.oval(ear, 0.0, 0.09, 0.16, shade(skin, 0.78))
    height, width = pen.canvas.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    jaw = [
        (0.55 * np.cos(a) * (1 - 0.18 * max(0.0, np.sin(a)) ** 2), -0.08 + 0.74 * np.sin(a))
        for a in np.linspace(0, 2 * np.pi, 72)
    ]
    polygon(mask, [pen.at(*point) for point in jaw], (255,))
    x = np.arange(width, dtype=np.float32)[None, :] / np.float32(pen.size) + np.float32(SPRITE_LEFT)
    y = np.arange(height, dtype=np.float32)[:, None] / np.float32(pen.size) + np.float32(SPRITE_TOP)
    factor = _relief(x, y, light)
    face = np.clip(factor[:, :, None] * np.array(skin, dtype=np.float32), 0, 255).astype(np.uint8)
    cv2.copyTo(face, mask, pen.canvas)


def _relief(x: NDArray[np.float32], y: NDArray[np.float32], light: int) -> NDArray[np.float32]:
    """How bright the skin is: sockets, sides, nose and chin in shade, forehead and cheeks in light."""

    def blob(cx: float, cy: float, rx: float, ry: float) -> NDArray[np.float32]:
        return np.exp(-(((x - cx) / rx) ** 2) - ((y - cy) / ry) ** 2).astype(np.float32)

    factor = 1.12 - 0.42 * np.abs(x / 0.56) ** 3 - 0.10 * x * light - 0.20 * np.clip(y - 0.30, 0, None)
    factor -= 0.40 * (blob(-0.23, -0.19, 0.15, 0.085) + blob(0.23, -0.19, 0.15, 0.085))
    factor -= 0.20 * (blob(-0.10, -0.12, 0.05, 0.13) + blob(0.10, -0.12, 0.05, 0.13))
    factor -= 0.34 * blob(0.0, 0.165, 0.13, 0.035) + 0.18 * blob(0.0, 0.46, 0.17, 0.04)
    factor += 0.10 * (blob(-0.28, 0.06, 0.12, 0.10) + blob(0.28, 0.06, 0.12, 0.10)) + 0.12 * blob(0.0, 0.03, 0.05, 0.13)
    return (factor - 0.10 * blob(-0.16 * light, 0.1, 0.06, 0.10)).astype(np.float32)


def _draw_eyes(pen: _Pen, look: Look, skin: tuple[int, int, int], lids: int) -> None:
    height = 0.085 * look.eye * {0: 1.0, 1: 0.5}.get(lids, 0.08)
    dark = shade(skin, 0.32)
    for side in (-1, 1):
        x, y = 0.23 * side, -0.165
        pen.oval(x, y, 0.125, height + 0.022, dark)
        if lids < 2:
            pen.oval(x, y + 0.004, 0.108, height, (232, 236, 238))
            pen.oval(x, y, min(0.05, height + 0.012), min(0.05, height), (62, 56, 52))
            pen.oval(x, y, 0.022, min(0.026, height), (12, 12, 14))
            pen.oval(x + 0.018, y - 0.02, 0.011, min(0.011, height), (250, 250, 250))
        pen.stroke([(x - 0.12, y + 0.01), (x, y - height - 0.012), (x + 0.12, y + 0.01)], shade(skin, 0.25), 0.026)
        pen.stroke([(x - 0.10, y + 0.085), (x, y + 0.105), (x + 0.10, y + 0.085)], shade(skin, 0.74), 0.012)


def _draw_brows(pen: _Pen, look: Look, person: Character) -> None:
    colour = shade(person.hair, 0.72)
    for side in (-1, 1):
        inner, outer = -0.30 - look.brow_inner, -0.29 - look.brow_outer
        arch = min(inner, outer) - 0.022
        pen.shape(
            [
                (0.09 * side, inner - 0.03),
                (0.23 * side, arch - 0.026),
                (0.40 * side, outer),
                (0.38 * side, outer + 0.035),
                (0.23 * side, arch + 0.05),
                (0.09 * side, inner + 0.045),
            ],
            colour,
        )


def _draw_mouth(pen: _Pen, look: Look, person: Character, level: int) -> None:
    """Lips as two curves between corners; the gap between them shows teeth and the dark of the mouth."""
    half, y = 0.205 * look.wide, 0.315
    gap = 0.24 * look.mouth + 0.036 * level
    bend = 0.09 * look.smile
    x = np.linspace(-1, 1, 15)
    corner = y - bend
    upper = corner + (bend * 1.2 - gap * 0.40) * (1 - x**2)
    lower = corner + (bend * 1.2 + gap * 0.60) * (1 - x**2)
    top = [(float(half * a), float(b)) for a, b in zip(x, upper, strict=True)]
    bottom = [(float(half * a), float(b)) for a, b in zip(x, lower, strict=True)]
    if gap > 0.015:
        pen.shape(top + bottom[::-1], (34, 24, 62))
        teeth = [(a, b + min(gap * 0.35, 0.045) * (1 - (a / half) ** 2)) for a, b in top]
        pen.shape(top + teeth[::-1], (226, 232, 234))
    pen.stroke(bottom, mix(person.lips, person.skin, 0.25), 0.045)
    pen.stroke(top, shade(person.lips, 0.72), 0.038)


def _draw_glasses(pen: _Pen) -> None:
    for side in (-1, 1):
        ellipse(
            pen.canvas,
            pen.at(0.24 * side, -0.155),
            (0.175 * pen.size, 0.14 * pen.size),
            (40, 36, 34),
            0.0,
            max(1, round(0.018 * pen.size)),
        )
        pen.stroke([(0.41 * side, -0.17), (0.55 * side, -0.15)], (40, 36, 34), 0.02)
    pen.stroke([(-0.07, -0.17), (0.0, -0.19), (0.07, -0.17)], (40, 36, 34), 0.02)
