"""Outdoor places: harbour, forest, street, desert, hills, battlefield and square, painted as a far and a near layer."""

import numpy as np

from examples.cast import Colour
from examples.pixels import Picture, box, ellipse, glow, gradient, line, mix, polygon, shade

HORIZON = 236
"""Row of a plate where ground and sky meet."""
WINDOW_LIGHT = (96, 190, 250)


def _sky(far: Picture, rng: np.random.Generator, top: Colour, bottom: Colour, night: bool) -> None:
    """Sky with a sun and clouds, or with a moon and stars."""
    if night:
        top, bottom = mix(shade(top, 0.16), (40, 16, 8), 0.5), mix(shade(bottom, 0.30), (80, 44, 26), 0.5)
    far[:HORIZON] = gradient(HORIZON, far.shape[1], top, bottom)
    x = float(rng.uniform(150, far.shape[1] - 150))
    if night:
        for _ in range(150):
            far[int(rng.integers(0, 200)), int(rng.integers(far.shape[1]))] = int(rng.integers(120, 255))
        glow(far, (x, 80), 90, (120, 110, 90), 0.7)
        ellipse(far, (x, 80), (19, 19), (226, 238, 240))
        return
    glow(far, (x, 100), 170, (110, 170, 225), 0.55)
    ellipse(far, (x, 100), (22, 22), (220, 246, 254))
    for _ in range(6):
        cx, cy, w = rng.uniform(100, far.shape[1] - 100), rng.uniform(30, 120), rng.uniform(40, 90)
        for _ in range(5):
            puff = float(rng.uniform(0.25, 0.6) * w)
            ellipse(
                far,
                (cx + rng.uniform(-w, w), cy + rng.uniform(-5, 5)),
                (puff, puff * 0.28),
                mix(bottom, (255, 255, 255), float(rng.uniform(0.35, 0.7))),
            )


def _ground(far: Picture, near_colour: Colour, horizon_colour: Colour) -> None:
    far[HORIZON:] = gradient(far.shape[0] - HORIZON, far.shape[1], horizon_colour, near_colour)


def _ridge(
    picture: Picture, rng: np.random.Generator, base: float, height: float, colour: Colour, waves: float
) -> None:
    """A line of hills that meets itself at the ends of the plate."""
    width = picture.shape[1]
    x = np.linspace(0, width, 90)
    turn = x / width * 2 * np.pi
    y = sum(np.sin(turn * k * waves + rng.uniform(0, 6.28)) / k for k in (1, 2, 3))
    top = base - height * (0.55 + 0.3 * np.asarray(y))
    polygon(
        picture, [(0.0, HORIZON + 30.0), *zip(x.tolist(), top.tolist(), strict=True), (width, HORIZON + 30.0)], colour
    )


def paint_harbour(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Sea, boats with masts, a lighthouse, a wooden pier with bollards."""
    _sky(far, rng, (210, 150, 90), (190, 200, 230), night)
    dark = 0.3 if night else 1.0
    _ridge(far, rng, HORIZON - 4, 26, shade((140, 120, 90), dark), 2)
    _ground(far, shade((120, 92, 40), dark), shade((170, 140, 90), dark))
    for _ in range(240):
        x, y = rng.uniform(0, far.shape[1]), rng.uniform(HORIZON + 2, 330)
        line(
            far, [(x, y), (x + rng.uniform(8, 40) * (y - HORIZON) / 60, y)], shade((214, 196, 150), 0.45 + 0.55 * dark)
        )
    for _ in range(5):
        x, y, s = rng.uniform(60, far.shape[1] - 60), rng.uniform(246, 280), rng.uniform(0.6, 1.2)
        hull = shade(
            (int(rng.integers(30, 200)), int(rng.integers(30, 120)), int(rng.integers(40, 220))), max(dark, 0.4)
        )
        line(far, [(x, y), (x, y - 90 * s)], shade((60, 80, 100), dark), 3)
        polygon(
            far, [(x + 3, y - 84 * s), (x + 44 * s, y - 14), (x + 3, y - 14)], shade((226, 234, 238), max(dark, 0.45))
        )
        polygon(far, [(x - 50 * s, y - 10), (x + 54 * s, y - 10), (x + 36 * s, y + 14), (x - 38 * s, y + 14)], hull)
    x = float(rng.uniform(200, far.shape[1] - 200))
    polygon(
        far, [(x - 12, HORIZON), (x - 8, 110), (x + 8, 110), (x + 12, HORIZON)], shade((230, 232, 236), max(dark, 0.5))
    )
    box(far, x - 11, 150, 22, 22, shade((40, 40, 190), max(dark, 0.5)))
    glow(far, (x, 104), 70 if night else 20, (120, 220, 255), 1.0)
    box(near, 0, 338, near.shape[1], 82, shade((60, 84, 112), max(dark, 0.35)))
    for x in range(0, near.shape[1], 40):
        line(near, [(x, 338), (x - 14, 420)], shade((36, 52, 72), max(dark, 0.4)), 2)
    for x in range(80, near.shape[1], 256):
        box(near, x, 306, 16, 40, shade((44, 56, 70), max(dark, 0.4)))
        ellipse(near, (x + 8, 306), (11, 6), shade((60, 76, 92), max(dark, 0.4)))


def paint_forest(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Trunks in three depths under a canopy, undergrowth, shafts of light."""
    _sky(far, rng, (150, 190, 150), (190, 220, 200), night)
    dark = 0.32 if night else 1.0
    _ground(far, shade((30, 62, 48), dark), shade((76, 130, 104), dark))
    _ridge(far, rng, HORIZON + 4, 90, shade((108, 146, 112), dark), 5)
    for depth in (0.35, 0.65):
        for _ in range(26):
            x, w = rng.uniform(0, far.shape[1]), rng.uniform(8, 15) * (0.5 + depth)
            trunk = shade(mix((120, 150, 130), (38, 56, 72), depth), dark)
            polygon(
                far,
                [
                    (x - w / 2, -5),
                    (x + w / 2, -5),
                    (x + w * 0.8, HORIZON + 60 * depth),
                    (x - w * 0.8, HORIZON + 60 * depth),
                ],
                trunk,
            )
        for _ in range(90):
            leaf = shade(mix((120, 176, 130), (36, 92, 48), depth), dark * float(rng.uniform(0.8, 1.15)))
            ellipse(
                far,
                (rng.uniform(0, far.shape[1]), rng.uniform(-10, 90)),
                (rng.uniform(20, 50), rng.uniform(14, 30)),
                leaf,
            )
    for _ in range(260):
        x, y = rng.uniform(0, far.shape[1]), rng.uniform(HORIZON + 20, 400)
        line(
            far,
            [(x, y), (x + rng.uniform(-5, 5), y - rng.uniform(6, 18))],
            shade((50, 130, 70), dark * float(rng.uniform(0.5, 1.2))),
            2,
        )
    for x in range(90, near.shape[1], 300):
        cx, w = x + float(rng.uniform(-60, 60)), float(rng.uniform(24, 40))
        polygon(
            near,
            [(cx - w / 2, 0), (cx + w / 2, 0), (cx + w * 0.9, 372), (cx - w * 0.9, 372)],
            shade((28, 42, 54), max(dark, 0.5)),
        )
        for _ in range(9):
            ellipse(
                near,
                (cx + rng.uniform(-90, 90), rng.uniform(0, 34)),
                (rng.uniform(24, 50), rng.uniform(12, 26)),
                shade((26, 66, 34), max(dark, 0.5)),
            )


def paint_street(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Rows of houses with lit windows, shop signs, street lamps and a road."""
    _sky(far, rng, (190, 150, 120), (200, 190, 190), night)
    dark = 0.34 if night else 0.95
    _ground(far, shade((84, 80, 80), dark), shade((120, 116, 116), dark))
    x = 0
    while x < far.shape[1]:
        w, top = int(rng.integers(80, 150)), int(rng.integers(30, 130))
        wall = shade(mix((96, 100, 130), (140, 150, 160), float(rng.random())), dark * float(rng.uniform(0.8, 1.2)))
        box(far, x, top, w, HORIZON + 34 - top, wall)
        box(far, x, top, w, 7, shade(wall, 0.7))
        for wy in range(top + 18, HORIZON - 24, 32):
            for wx in range(x + 12, x + w - 20, 26):
                lit = rng.random() < (0.5 if night else 0.1)
                box(far, wx, wy, 14, 19, WINDOW_LIGHT if lit else shade((130, 104, 84), dark))
        sign = (int(rng.integers(40, 255)), int(rng.integers(40, 200)), int(rng.integers(60, 255)))
        box(far, x + 10, HORIZON - 12, w - 22, 12, shade(sign, max(dark, 0.75)))
        box(far, x + 14, HORIZON + 2, w - 30, 32, shade((70, 90, 100), max(dark, 0.5)))
        x += w + 2
    box(far, 0, HORIZON + 34, far.shape[1], 16, shade((150, 148, 146), dark))
    for x in range(20, far.shape[1], 100):
        box(far, x, 352, 50, 6, shade((190, 220, 226), max(dark, 0.6)))
    for x in range(150, near.shape[1], 426):
        line(near, [(x, 330), (x, 96), (x + 14, 84), (x + 40, 84)], (44, 40, 38), 5)
        ellipse(near, (x + 42, 90), (13, 6), (150, 226, 255))
        if night:
            glow(far, (x + 42, 110), 150, (60, 130, 190), 0.9)
            glow(far, (x + 42, 330), 130, (40, 90, 130), 0.6)


def paint_desert(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Dunes, table mountains, cacti and a straight road."""
    _sky(far, rng, (214, 160, 100), (180, 214, 248), night)
    dark = 0.36 if night else 1.0
    for _ in range(5):
        x, w, h = rng.uniform(0, far.shape[1]), rng.uniform(60, 130), rng.uniform(40, 100)
        polygon(
            far,
            [(x - w, HORIZON + 4), (x - w * 0.7, HORIZON - h), (x + w * 0.6, HORIZON - h), (x + w, HORIZON + 4)],
            shade((84, 120, 190), dark),
        )
        polygon(
            far,
            [(x + w * 0.2, HORIZON - h), (x + w * 0.6, HORIZON - h), (x + w, HORIZON + 4), (x + w * 0.4, HORIZON + 4)],
            shade((64, 92, 156), dark),
        )
    _ground(far, shade((96, 150, 206), dark), shade((150, 196, 232), dark))
    _ridge(far, rng, HORIZON + 12, 24, shade((120, 176, 222), dark), 3)
    box(far, 0, 316, far.shape[1], 74, shade((92, 96, 100), dark))
    for x in range(0, far.shape[1], 80):
        box(far, x, 350, 40, 5, shade((170, 220, 236), max(dark, 0.5)))
    for x in range(60, far.shape[1], 190):
        cx, y, s = x + float(rng.uniform(-50, 50)), 300.0, float(rng.uniform(0.6, 1.2))
        green = shade((70, 120, 70), dark)
        line(far, [(cx, y), (cx, y - 70 * s)], green, 12 * s)
        line(far, [(cx, y - 34 * s), (cx + 20 * s, y - 34 * s), (cx + 20 * s, y - 56 * s)], green, 8 * s)
        line(far, [(cx, y - 26 * s), (cx - 18 * s, y - 26 * s), (cx - 18 * s, y - 46 * s)], green, 8 * s)
    for x in range(0, near.shape[1], 256):
        polygon(near, [(x - 40, 420), (x, 398), (x + 50, 394), (x + 96, 420)], shade((70, 112, 160), max(dark, 0.4)))


def paint_hills(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Green hills behind hills, a small castle, flowers."""
    _sky(far, rng, (226, 170, 110), (220, 220, 226), night)
    dark = 0.36 if night else 1.0
    _ground(far, shade((48, 130, 96), dark), shade((90, 170, 130), dark))
    for base, height, colour in (
        (HORIZON - 8, 90, (170, 150, 120)),
        (HORIZON + 6, 56, (120, 160, 110)),
        (HORIZON + 20, 26, (80, 156, 100)),
    ):
        _ridge(far, rng, base, height, shade(colour, dark), 2)
    x = float(rng.uniform(200, far.shape[1] - 200))
    stone = shade((150, 156, 160), max(dark, 0.4))
    for dx, h in ((-34, 84), (0, 60), (34, 100)):
        box(far, x + dx - 13, HORIZON - h, 26, h + 8, stone)
        polygon(
            far,
            [(x + dx - 17, HORIZON - h), (x + dx, HORIZON - h - 26), (x + dx + 17, HORIZON - h)],
            shade((60, 60, 170), max(dark, 0.4)),
        )
    for _ in range(300):
        x, y = rng.uniform(0, far.shape[1]), rng.uniform(HORIZON + 40, 420)
        colour = ((60, 120, 70), (110, 200, 240), (200, 160, 230), (240, 240, 240))[int(rng.integers(4))]
        ellipse(far, (x, y), (1.5 + (y - HORIZON) / 90, 1.2 + (y - HORIZON) / 110), shade(colour, max(dark, 0.4)))
    for x in range(120, near.shape[1], 420):
        box(near, x, 330, 9, 60, shade((60, 90, 120), max(dark, 0.5)))
        line(near, [(x - 120, 350), (x + 120, 344)], shade((60, 90, 120), max(dark, 0.5)), 6)


def paint_battlefield(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """Scorched earth under smoke, ruins, broken stakes, craters."""
    _sky(far, rng, (90, 96, 120), (96, 130, 190), night)
    dark = 0.45 if night else 1.0
    _ground(far, shade((40, 54, 70), dark), shade((66, 86, 112), dark))
    _ridge(far, rng, HORIZON + 6, 40, shade((70, 76, 96), dark), 4)
    for _ in range(7):
        x, h, w = rng.uniform(0, far.shape[1]), rng.uniform(40, 110), rng.uniform(26, 60)
        polygon(
            far,
            [
                (x, HORIZON + 14),
                (x, HORIZON - h),
                (x + w * 0.3, HORIZON - h * 0.6),
                (x + w * 0.5, HORIZON - h * 0.8),
                (x + w, HORIZON - h * 0.3),
                (x + w, HORIZON + 14),
            ],
            shade((46, 50, 60), dark),
        )
    for _ in range(10):
        cx, cy = rng.uniform(0, far.shape[1]), rng.uniform(20, 200)
        glow(far, (cx, cy), rng.uniform(60, 150), (70, 72, 80), 0.5)
    for _ in range(14):
        x, y = rng.uniform(0, far.shape[1]), rng.uniform(HORIZON + 30, 400)
        ellipse(far, (x, y), (rng.uniform(16, 44), rng.uniform(4, 9)), shade((24, 32, 44), dark))
    for _ in range(3):
        glow(far, (rng.uniform(0, far.shape[1]), HORIZON), 80, (10, 90, 220), 0.8)
    for x in range(40, near.shape[1], 230):
        for k in range(3):
            line(near, [(x + 22 * k, 400), (x + 22 * k + 26, 318 + 12 * k)], (22, 30, 40), 8)


def paint_square(far: Picture, near: Picture, rng: np.random.Generator, night: bool) -> None:
    """A town square: arcades, bunting, a fountain, paving."""
    _sky(far, rng, (220, 170, 120), (226, 220, 220), night)
    dark = 0.42 if night else 1.0
    _ground(far, shade((130, 150, 170), dark), shade((170, 186, 200), dark))
    x = 0
    while x < far.shape[1]:
        w, top = int(rng.integers(110, 170)), int(rng.integers(70, 110))
        wall = shade(((150, 190, 230), (170, 210, 240), (140, 170, 220), (180, 220, 220))[int(rng.integers(4))], dark)
        box(far, x, top, w, HORIZON + 20 - top, wall)
        polygon(far, [(x - 4, top), (x + w / 2, top - 30), (x + w + 4, top)], shade((70, 90, 180), dark))
        for wx in range(x + 12, x + w - 24, 36):
            box(far, wx, top + 18, 18, 28, WINDOW_LIGHT if night else shade((150, 120, 90), dark))
            box(far, wx - 2, HORIZON - 36, 24, 56, shade((70, 80, 100), dark))
            ellipse(far, (wx + 10, HORIZON - 36), (12, 12), shade((70, 80, 100), dark))
        x += w
    for y in range(HORIZON + 34, 420, 20):
        line(far, [(0, y), (far.shape[1], y)], shade((150, 164, 180), dark))
    for x in range(0, near.shape[1], 40):
        sag = 26 * float(np.sin(x % 320 / 320 * np.pi))
        colour = ((60, 60, 220), (60, 200, 240), (200, 130, 60), (90, 180, 90))[x // 40 % 4]
        polygon(near, [(x, 40 + sag), (x + 24, 40 + sag), (x + 12, 66 + sag)], colour)
