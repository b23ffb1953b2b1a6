"""Places: each scene's place is painted once, wider than the picture, and the camera looks at parts of it."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from examples import indoors, outdoors
from examples.pixels import Picture

PLATE_WIDTH, PLATE_HEIGHT = 1280, 420
_KEY = (3, 5, 4)
"""Colour of what the near layer leaves open."""

Painter = Callable[[Picture, Picture, np.random.Generator, bool], None]
PAINTERS: dict[str, Painter] = {
    "harbour": outdoors.paint_harbour,
    "forest": outdoors.paint_forest,
    "street": outdoors.paint_street,
    "desert": outdoors.paint_desert,
    "hills": outdoors.paint_hills,
    "battlefield": outdoors.paint_battlefield,
    "square": outdoors.paint_square,
    "kitchen": indoors.paint_kitchen,
    "office": indoors.paint_office,
    "prison": indoors.paint_prison,
    "theatre": indoors.paint_theatre,
    "bar": indoors.paint_bar,
}
INDOORS = frozenset(("kitchen", "office", "prison", "theatre", "bar"))


@dataclass(frozen=True)
class Plate:
    """A painted place; both layers repeat at their left and right edges."""

    far: Picture
    near: Picture
    mask: NDArray[np.uint8]
    """Where the near layer covers the far one."""
    blurred: Picture
    """The place out of focus, enlarged, as the ground of close-ups."""


def paint_place(place: str, night: bool, seed: int) -> Plate:
    """Paint a place; the seed moves its houses, trees and boats and turns its colours a little."""
    rng = np.random.default_rng(seed)
    far = np.zeros((PLATE_HEIGHT, PLATE_WIDTH, 3), dtype=np.uint8)
    near = np.empty_like(far)
    near[:] = _KEY
    PAINTERS[place](far, near, rng, night)
    mask = np.any(near != np.array(_KEY, dtype=np.uint8), axis=2).astype(np.uint8) * 255
    hue, strength = int(rng.integers(-9, 10)), float(rng.uniform(0.75, 1.15))
    far, near = _tint(far, hue, strength), _tint(near, hue, strength)
    return Plate(far, near, mask, _out_of_focus(far))


def _tint(picture: Picture, hue: int, strength: float) -> Picture:
    """Turn the hue (in OpenCV's half degrees) and scale the saturation."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_BGR2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + hue) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * strength, 0, 255)
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2BGR).astype(np.uint8)


def _out_of_focus(far: Picture) -> Picture:
    large = cv2.resize(far, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(large, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 2.2)
    return cv2.resize(soft, (large.shape[1], large.shape[0]), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
