"""Effects: rain, confetti, explosions, fire, arrows, falling towers, flags and flashes, over a drawn frame.

Each is a function of the picture and of the frame within the shot, so frames can be drawn in any order.
"""

from math import cos, pi, sin

import cv2
import numpy as np

from examples.cast import Colour
from examples.pixels import HEIGHT, WIDTH, Picture, box, ellipse, glow, line, polygon, shade


def draw_rain(picture: Picture, k: int, seed: int) -> None:
    """Slanting streaks, new ones in every frame."""
    rng = np.random.default_rng([seed, k + 1000])
    x, y = rng.uniform(-20, WIDTH, 110), rng.uniform(-30, HEIGHT, 110)
    length = rng.uniform(12, 30, 110)
    streaks = np.stack([np.stack([x, y], 1), np.stack([x - length * 0.22, y + length], 1)], 1)
    cv2.polylines(picture, list(np.round(streaks * 16).astype(np.int32)), False, (190, 176, 160), 1, cv2.LINE_AA, 4)


def draw_confetti(picture: Picture, k: int, seed: int) -> None:
    """Coloured paper that falls and turns."""
    rng = np.random.default_rng(seed)
    for i in range(70):
        x0, y0, speed, turn = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(1.5, 4), rng.uniform(0, 6)
        y = (y0 + speed * k) % HEIGHT
        x = x0 + 12 * sin(turn + 0.15 * k)
        a, flat = turn + 0.2 * k, abs(sin(turn + 0.25 * k)) * 4 + 1
        colour = ((60, 60, 230), (60, 210, 250), (220, 140, 60), (90, 200, 100), (210, 90, 220))[i % 5]
        dx, dy = 5 * cos(a), 5 * sin(a)
        polygon(
            picture,
            [
                (x - dx, y - dy),
                (x + dy * flat / 5, y - dx * flat / 5),
                (x + dx, y + dy),
                (x - dy * flat / 5, y + dx * flat / 5),
            ],
            colour,
        )


def draw_explosion(picture: Picture, k: int, start: int, x: float, y: float, seed: int) -> None:
    """A ball of fire that bursts at frame `start`, with flying pieces and smoke."""
    age = k - start
    if age < 0:
        return
    rng = np.random.default_rng(seed)
    for _ in range(16):
        angle, speed, tone = rng.uniform(0, pi), rng.uniform(4, 13), float(rng.uniform(0.4, 0.9))
        px, py = x + speed * age * cos(angle), y - speed * age * sin(angle) + 0.35 * age**2
        box(picture, px, py, 7, 6, shade((50, 60, 80), tone))
    fire, cover = np.zeros_like(picture), np.zeros(picture.shape[:2], np.uint8)
    heat = max(0.0, 1 - age / 26)
    for _ in range(34):
        dx, dy, r, tone = rng.normal(0, 34), rng.normal(-22, 26), rng.uniform(9, 26), float(rng.uniform(0.7, 1.15))
        grown = r * min(1.0, 0.4 + age / 7) * (1.0 + age / 40)
        centre = (x + dx * (0.6 + age / 18), y + dy * (0.6 + age / 9))
        ellipse(
            fire,
            centre,
            (grown * 1.2, grown * 1.2),
            shade((int(70 - 20 * heat), int(80 + 110 * heat), int(90 + 160 * heat)), tone),
        )
        ellipse(cover, centre, (grown, grown), (250,))
    share = cv2.blur(cover, (15, 15)).astype(np.float32) / 255 * np.float32(0.45 + 0.55 * heat)
    picture[:] = cv2.blendLinear(cv2.blur(fire, (9, 9)), picture, share, 1 - share)
    glow(picture, (x, y - 20), 230, (60, 150, 250), max(0.0, 1.3 - age / 14))


def draw_fire(picture: Picture, k: int, seed: int) -> None:
    """Tongues of flame along the ground."""
    rng = np.random.default_rng(seed)
    low, s = picture.shape[0], np.linspace(0, 1, 9)
    for _ in range(17):
        x, width, height, phase = rng.uniform(0, WIDTH), rng.uniform(14, 34), rng.uniform(50, 170), rng.uniform(0, 6)
        rise = height * (0.8 + 0.2 * sin(0.9 * k + 2 * phase))
        for scale, colour in ((1.0, (20, 80, 230)), (0.66, (40, 160, 250)), (0.36, (140, 235, 255))):
            middle = x + 11 * s * np.sin(0.6 * k + phase - 4 * s)
            half, up = width * scale * (1 - s) ** 0.8 * (1 + 1.2 * s), low - rise * scale * s
            polygon(
                picture,
                [*zip(middle - half, up, strict=True), *zip((middle + half)[::-1], up[::-1], strict=True)],
                colour,
            )
    glow(picture, (WIDTH / 2, low), 320, (20, 80, 150), 0.6 + 0.15 * sin(1.3 * k))


def draw_arrows(picture: Picture, k: int, seed: int, direction: int) -> None:
    """A volley that flies in an arc from one side to the other."""
    rng = np.random.default_rng(seed)
    for _ in range(22):
        start, speed, y0 = rng.uniform(-30, 20), rng.uniform(15, 22), rng.uniform(120, 250)
        t = (k - start) % 40
        x, y = -40 + speed * t, y0 - 9 * t + 0.26 * t**2
        slope = (-9 + 0.52 * t) / speed
        x, dx = (x, 30.0) if direction > 0 else (WIDTH - x, -30.0)
        line(picture, [(x, y), (x + dx, y + 30 * slope)], (30, 40, 54), 3)
        line(picture, [(x + dx * 0.8, y + 24 * slope), (x + dx, y + 30 * slope)], (230, 230, 230), 3)


def draw_falling_tower(picture: Picture, k: int, frames: int, x: float, seed: int) -> None:
    """A tower that leans and falls in dust."""
    fall = max(0.0, k / frames - 0.25) / 0.75
    angle = 1.4 * fall**2
    foot = (x, 300.0)

    def at(px: float, py: float) -> tuple[float, float]:
        return foot[0] + px * cos(angle) + py * sin(angle), foot[1] - py * cos(angle) + px * sin(angle)

    polygon(picture, [at(-34, 0), at(-30, 190), at(30, 190), at(34, 0)], (96, 104, 116))
    for row in range(6):
        line(picture, [at(-33, 30 * row), at(33, 30 * row)], (66, 72, 82), 2)
    for px in (-28, -4, 20):
        polygon(picture, [at(px, 190), at(px, 206), at(px + 14, 206), at(px + 14, 190)], (96, 104, 116))
    rng = np.random.default_rng(seed)
    for _ in range(round(26 * fall)):
        ellipse(
            picture,
            (x + rng.uniform(-60, 190), 300 - rng.uniform(0, 60) * fall),
            (rng.uniform(8, 26), rng.uniform(6, 18)),
            shade((120, 130, 142), float(rng.uniform(0.6, 1.0))),
        )


def draw_flag(picture: Picture, k: int, x: float, colour: Colour) -> None:
    """A raised flag that waves."""
    rise = max(0.0, 1 - k / 20) * 130
    line(picture, [(x, 330), (x, 36)], (50, 60, 70), 5)
    top = [(x + d, 46 + rise + 7 * sin(0.35 * k - d / 18) * d / 60) for d in range(0, 121, 10)]
    polygon(picture, [*top, *[(px, py + 66) for px, py in reversed(top)]], colour)
    mid = top[6]
    ellipse(picture, (mid[0], mid[1] + 33), (15, 15), (230, 240, 245))


def draw_dust(picture: Picture, k: int, x: float, y: float, direction: int, colour: Colour) -> None:
    """Puffs behind something fast."""
    for i in range(5):
        age = (k + 3 * i) % 15
        ellipse(
            picture,
            (x - direction * (20 + 9 * age), y - 2 - age),
            (5 + age * 1.3, 4 + age),
            shade(colour, 1 - 0.02 * age),
        )


_FLASH = (0.75, 0.9, 0.4, 0.15)
"""How white a flash makes its frames."""


def is_flash(k: int, frame: int | None) -> bool:
    """Whether frame k is within a flash that begins at `frame`."""
    return frame is not None and 0 <= k - frame < len(_FLASH)


def flash_light(picture: Picture, k: int, frame: int | None) -> Picture:
    """The picture with a flash of two frames (and its decay) in it."""
    if frame is None or not is_flash(k, frame):
        return picture
    weight = _FLASH[k - frame]
    return cv2.addWeighted(picture, 1 - weight, np.full_like(picture, 250), weight, 0).astype(np.uint8)
