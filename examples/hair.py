"""Hair, hats and beards: what tells one member of the cast from another at a glance."""

from typing import Protocol

import numpy as np

from examples.cast import Character, Colour
from examples.pixels import Point, shade


class Pen(Protocol):
    """Draws in units of the face's box."""

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, angle: float = 0.0) -> None: ...

    def shape(self, points: list[Point], colour: Colour) -> None: ...

    def stroke(self, points: list[Point], colour: Colour, width: float) -> None: ...


def draw_back_hair(pen: Pen, person: Character) -> None:
    """What lies behind the head."""
    colour = shade(person.hair, 0.75)
    if person.style == "long":
        pen.oval(0.0, -0.12, 0.70, 0.82, colour)
        pen.shape([(-0.70, -0.1), (0.70, -0.1), (0.80, 1.05), (0.46, 1.2), (-0.46, 1.2), (-0.80, 1.05)], colour)
    elif person.style == "bob":
        pen.oval(0.0, -0.14, 0.72, 0.80, colour)
        pen.shape([(-0.72, -0.14), (0.72, -0.14), (0.76, 0.52), (-0.76, 0.52)], colour)
    elif person.style == "curly":
        for angle in np.linspace(np.pi * 0.9, np.pi * 2.1, 15):
            pen.oval(0.66 * float(np.cos(angle)), -0.22 + 0.62 * float(np.sin(angle)), 0.20, 0.20, colour)
    elif person.style == "short":
        pen.oval(0.0, -0.24, 0.60, 0.66, colour)


def draw_front_hair(pen: Pen, person: Character) -> None:
    """Fringe, crown, hat and beard, over the skull."""
    if person.beard:
        _draw_beard(pen, person)
    colour = person.hair
    if person.style == "long":
        pen.shape([*_cap(-0.42), (0.30, -0.50), (-0.12, -0.62), (-0.52, -0.34)], colour)
        for side in (-1, 1):
            pen.shape(
                [(0.50 * side, -0.5), (0.62 * side, -0.3), (0.74 * side, 0.9), (0.52 * side, 0.95), (0.53 * side, 0.1)],
                shade(colour, 1.12),
            )
    elif person.style == "bob":
        pen.shape([*_cap(-0.40), (0.36, -0.46), (-0.36, -0.46)], colour)
        for side in (-1, 1):
            pen.shape(
                [(0.50 * side, -0.5), (0.70 * side, -0.3), (0.72 * side, 0.5), (0.50 * side, 0.42)], shade(colour, 0.92)
            )
    elif person.style == "curly":
        for x in np.linspace(-0.5, 0.5, 7):
            pen.oval(float(x), -0.62 + 0.28 * float(x) ** 2, 0.15, 0.14, shade(colour, 1.25))
    elif person.style == "short":
        pen.shape([*_cap(-0.36), (0.40, -0.50), (0.1, -0.58), (-0.3, -0.50)], colour)
    elif person.style == "cap":
        _draw_cap(pen)


def _cap(low: float) -> list[Point]:
    """The outline of the crown from the left temple over the top to the right temple."""
    angles = np.linspace(np.pi * 1.02, np.pi * 1.98, 24)
    crown = [(0.605 * float(np.cos(a)), -0.22 + 0.68 * float(np.sin(a))) for a in angles]
    return [(-0.57, low + 0.2), *crown, (0.57, low + 0.2), (0.53, low)]


def _draw_beard(pen: Pen, person: Character) -> None:
    if person.style == "bald":
        pen.shape([(-0.13, 0.44), (0.13, 0.44), (0.09, 0.64), (0.0, 0.74), (-0.09, 0.64)], person.hair)
        return
    chin = [(0.54 * float(np.cos(a)), 0.02 + 0.72 * float(np.sin(a))) for a in np.linspace(0.12, np.pi - 0.12, 24)]
    pen.shape([*chin, (-0.44, 0.16), (-0.26, 0.42), (0.0, 0.45), (0.26, 0.42), (0.44, 0.16)], shade(person.hair, 0.86))


def _draw_cap(pen: Pen) -> None:
    """A dark sailor's cap with a peak."""
    navy, band = (92, 54, 30), (60, 36, 22)
    pen.shape([(-0.66, -0.46), (-0.72, -0.80), (-0.4, -0.98), (0.4, -0.98), (0.72, -0.80), (0.66, -0.46)], navy)
    pen.shape([(-0.62, -0.62), (0.62, -0.62), (0.60, -0.46), (-0.60, -0.46)], band)
    pen.shape([(-0.5, -0.48), (0.5, -0.48), (0.38, -0.40), (-0.38, -0.40)], shade(band, 0.6))
    pen.oval(0.0, -0.55, 0.07, 0.06, (80, 200, 230))
