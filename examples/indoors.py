"""Indoor places: kitchen, office, prison, theatre and bar, painted as a far and a near layer."""

import numpy as np

from examples.cast import Colour
from examples.outdoors import WINDOW_LIGHT
from examples.pixels import Picture, box, ellipse, glow, gradient, line, mix, polygon, shade

FLOOR = 296
"""Row of a plate where floor and wall meet."""


def _room(far: Picture, wall: Colour, floor: Colour) -> None:
    far[:FLOOR] = gradient(FLOOR, far.shape[1], shade(wall, 0.78), wall)
    far[FLOOR:] = gradient(far.shape[0] - FLOOR, far.shape[1], shade(floor, 0.7), floor)
    box(far, 0, FLOOR - 8, far.shape[1], 8, shade(wall, 0.55))


def _window(far: Picture, x: float, y: float, width: float, height: float, night: bool, frame: Colour) -> None:
    """A window that throws a patch of light on the floor by day and shows a dark sky by night."""
    box(far, x - 6, y - 6, width + 12, height + 12, frame)
    top, bottom = ((60, 26, 14), (90, 52, 30)) if night else ((240, 210, 170), (250, 244, 230))
    far[int(y) : int(y + height), int(x) : int(x + width)] = gradient(int(height), int(width), top, bottom)
    box(far, x + width / 2 - 2, y, 4, height, frame)
    box(far, x, y + height / 2 - 2, width, 4, frame)
    if not night:
        glow(far, (x + width / 2, y + height / 2), width * 1.6, (60, 70, 76), 0.8)
        glow(far, (x + width / 2 + 40, FLOOR + 50), width * 1.1, (40, 50, 56), 0.8)


def paint_kitchen(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Tiles, cupboards, a stove with pots, a window, a table in front."""
    dim = 0.62 if night else 1.0
    _room(far, shade((176, 214, 228), dim), shade((96, 130, 170), dim))
    for y in range(150, 230, 16):
        line(far, [(0, y), (far.shape[1], y)], shade((206, 226, 234), dim))
    cupboard = shade(((150, 120, 60), (90, 130, 90), (70, 110, 190))[int(rng.integers(3))], dim)
    for x in range(0, far.shape[1], 92):
        if x // 92 % 4 == 2:
            _window(far, x + 8, 44, 76, 92, night, shade((230, 236, 240), dim))
        else:
            box(far, x + 3, 26, 86, 84, cupboard)
            box(far, x + 11, 34, 70, 68, shade(cupboard, 1.18))
            ellipse(far, (x + 76, 70), (3, 3), (60, 60, 60))
        box(far, x + 3, 234, 86, FLOOR - 234, shade(cupboard, 0.86))
        if x // 92 % 3 == 1:
            box(far, x + 20, 196, 46, 28, shade((90, 96, 104), dim))
            line(far, [(x + 60, 204), (x + 92, 200)], (50, 50, 54), 5)
    box(far, 0, 222, far.shape[1], 13, shade((110, 130, 150), dim))
    for x in range(140, far.shape[1], 380):
        line(far, [(x, 0), (x, 36)], (50, 50, 50), 2)
        polygon(far, [(x - 26, 56), (x - 8, 36), (x + 8, 36), (x + 26, 56)], (60, 90, 210))
        glow(far, (x, 70), 130, (60, 120, 150), 0.7 if night else 0.25)
    box(near, 0, 366, near.shape[1], 54, shade((70, 110, 150), dim))
    for x in range(70, near.shape[1], 210):
        ellipse(near, (x, 362), (30, 9), (226, 230, 234))
        ellipse(near, (x, 356), (15, 9), ((60, 60, 210), (70, 180, 230), (80, 170, 90))[x // 210 % 3])


def paint_office(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Blinds, shelves of folders, desks with lit screens, ceiling lamps."""
    dim = 0.6 if night else 1.0
    _room(far, shade((196, 190, 178), dim), shade((120, 110, 100), dim))
    for x in range(20, far.shape[1] - 100, 256):
        _window(far, x, 46, 128, 112, night, shade((120, 120, 120), dim))
        for y in range(50, 156, 9):
            line(far, [(x, y), (x + 128, y)], shade((200, 200, 196), dim), 2)
        box(far, x + 152, 60, 84, 150, shade((70, 100, 130), dim))
        for row in range(3):
            for k in range(9):
                colour = ((170, 90, 50), (60, 60, 180), (80, 150, 80), (60, 170, 210))[int(rng.integers(4))]
                box(far, x + 156 + 9 * k, 68 + 48 * row, 7, 36, shade(colour, dim * float(rng.uniform(0.7, 1.1))))
    for x in range(40, far.shape[1], 320):
        box(far, x, 12, 150, 9, (240, 244, 240))
        glow(far, (x + 75, 20), 140, (60, 60, 50), 0.8)
    for x in range(60, near.shape[1], 320):
        box(near, x, 340, 190, 80, shade((80, 96, 120), dim))
        box(near, x - 8, 332, 206, 12, shade((110, 130, 156), dim))
        box(near, x + 60, 290, 62, 42, (40, 38, 36))
        box(near, x + 64, 294, 54, 34, (220, 170, 90))


def paint_prison(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Stone blocks, a small barred window with its shaft of light, a bunk; bars stand in front."""
    _room(far, (84, 80, 72), (60, 58, 54))
    for row, y in enumerate(range(0, FLOOR - 8, 30)):
        line(far, [(0, y), (far.shape[1], y)], (50, 48, 44), 2)
        for x in range(row % 2 * 35, far.shape[1], 70):
            line(far, [(x, y), (x, y + 30)], (50, 48, 44), 2)
            if rng.random() < 0.3:
                box(far, x + 2, y + 2, 67, 27, shade((84, 80, 72), float(rng.uniform(0.75, 1.15))))
    for x in range(170, far.shape[1], 426):
        box(far, x, 54, 60, 44, (190, 170, 140))
        for k in range(5):
            box(far, x + 4 + 13 * k, 54, 4, 44, (26, 26, 26))
        glow(far, (x + 30, 76), 110, (110, 96, 70), 0.7)
        glow(far, (x + 90, FLOOR + 30), 120, (80, 70, 50), 0.7)
        box(far, x + 130, 236, 150, 14, (50, 60, 76))
        box(far, x + 130, 222, 150, 14, (96, 104, 110))
    for x in range(10, near.shape[1], 64):
        box(near, x, 0, 10, 420, (30, 28, 26))
        box(near, x + 2, 0, 3, 420, (74, 70, 66))
    box(near, 0, 58, near.shape[1], 10, (34, 32, 30))
    box(near, 0, 376, near.shape[1], 12, (34, 32, 30))


def paint_theatre(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """A stage with red curtains, spotlights, and the heads of the audience in front."""
    _room(far, (40, 30, 50), (54, 84, 130))
    velvet = ((40, 24, 150), (120, 40, 30), (60, 30, 110))[int(rng.integers(3))]
    for x in range(0, far.shape[1], 24):
        fold = 0.72 + 0.42 * abs(float(np.sin(x * 0.13)))
        inside = 200 < x % 640 < 440
        polygon(
            far,
            [(x, 0), (x + 25, 0), (x + 25, 60 if inside else FLOOR), (x, 60 if inside else FLOOR)],
            shade(velvet, fold),
        )
    for x in range(0, far.shape[1], 64):
        ellipse(far, (x + 32, 36), (32, 22), shade((70, 170, 210), 0.8 + 0.2 * (x // 64 % 2)))
    for x in range(190, far.shape[1], 320):
        glow(far, (x, FLOOR + 40), 190, (120, 150, 170), 0.7)
        glow(far, (x, 120), 120, (60, 70, 90), 0.6)
    for y in range(FLOOR + 12, 420, 16):
        line(far, [(0, y), (far.shape[1], y)], (40, 62, 100))
    for x in range(20, near.shape[1], 58):
        top = 400 + float(rng.uniform(-6, 6))
        ellipse(near, (x, top), (17, 20), (14, 10, 14))
        ellipse(near, (x, top + 34), (28, 20), (14, 10, 14))


def paint_bar(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Shelves of bottles, neon, hanging lamps, a counter."""
    _room(far, (52, 44, 84), (44, 56, 84))
    for y in (90, 146, 202):
        box(far, 0, y, far.shape[1], 6, (40, 66, 100))
        for x in range(6, far.shape[1], 19):
            if rng.random() < 0.75:
                h = int(rng.integers(22, 42))
                colour = (int(rng.integers(30, 190)), int(rng.integers(60, 200)), int(rng.integers(50, 220)))
                box(far, x, y - h, 9, h, colour)
                box(far, x + 3, y - h - 8, 3, 8, shade(colour, 0.7))
    neon = ((240, 80, 240), (240, 220, 60), (80, 120, 255))[int(rng.integers(3))]
    for x in range(110, far.shape[1], 320):
        ellipse(far, (x, 34), (54, 18), neon, thickness=4)
        glow(far, (x, 34), 150, mix(neon, (0, 0, 0), 0.4), 0.6)
        line(far, [(x + 160, 0), (x + 160, 60)], (20, 20, 20), 2)
        ellipse(far, (x + 160, 66), (16, 10), WINDOW_LIGHT)
        glow(far, (x + 160, 90), 130, (50, 110, 150), 0.8)
    box(far, 0, 246, far.shape[1], 52, (36, 60, 104))
    box(far, 0, 238, far.shape[1], 10, (60, 96, 150))
    for x in range(60, near.shape[1], 160):
        ellipse(near, (x, 372), (34, 10), (40, 60, 130))
        box(near, x - 4, 372, 8, 48, (50, 46, 44))
