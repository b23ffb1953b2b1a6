"""Close-ups: where heads are in each frame of a shot, their boxes, and how they are put over the ground."""

from dataclasses import dataclass
from functools import lru_cache
from math import sin

import cv2
import numpy as np

from examples.camera import view
from examples.cast import CAST
from examples.effects import draw_fire
from examples.faces import SPRITE_LEFT, SPRITE_TOP, face_sprite
from examples.pixels import HEIGHT, WIDTH, Picture, ellipse, line, shade
from examples.script import Shot
from examples.speech import mouth_level

FACE_FRAMINGS = frozenset(("close", "over", "two"))
_BOX_SIZE, _BOX_DROP = 1.10, 0.11
"""A detector's box against the size a face is drawn in, and how far its centre lies below the face's origin."""


@dataclass(frozen=True)
class Head:
    """One head in one frame."""

    character: str
    expression: str
    x: float
    y: float
    size: int
    tilt: float
    """In degrees."""
    mouth: int
    lids: int
    light: int


@dataclass(frozen=True)
class FaceBox:
    """A frontal face as a detector should find it, in fractions of the picture."""

    character: str
    expression: str
    x: float
    y: float
    width: float
    height: float


def is_pie(shot: Shot) -> bool:
    """Whether a gag is the pie in the face (else somebody slips)."""
    return shot.framing == "gag" and shot.seed % 2 == 0


def impact_frame(shot: Shot) -> int:
    """When the pie lands."""
    return int(shot.frames * 0.4)


def heads(shot: Shot, k: int, fps: int) -> list[Head]:
    """The heads of a close-up or two-shot at frame k; none in other framings."""
    if shot.framing not in FACE_FRAMINGS and not is_pie(shot):
        return []
    seen = view(shot, k)
    found = []
    for i, (name, expression) in enumerate(zip(shot.people, shot.expressions, strict=True)):
        x, y = _place_of_head(shot, i)
        pace, reach = (
            (0.5, 4.0) if expression in ("angry", "fear") else (0.12, 2.2) if expression == "sad" else (0.24, 3.2)
        )
        sway = sin(pace * k + i * 2 + shot.seed % 5)
        if is_pie(shot):
            expression = (
                "neutral" if k < impact_frame(shot) - 5 else "surprised" if k < impact_frame(shot) + 14 else "happy"
            )
            sway *= 2.5 if k > impact_frame(shot) else 1
        mouth = mouth_level(shot, fps, k) if shot.speaker == i else 0
        lids = (1, 2, 2, 1)[beat] if (beat := (k + shot.seed + 31 * i) % 67) < 4 else 0
        drift = shot.direction * 0.25 * (k - shot.frames / 2) if shot.move == "pan" else 0.0
        found.append(
            Head(
                name,
                expression,
                x + reach * sway - seen.dx - drift,
                y + reach * 0.6 * sin(2 * pace * k) - seen.dy,
                shot.size,
                1.6 * sway,
                mouth,
                lids,
                shot.direction,
            )
        )
    return found


def _place_of_head(shot: Shot, i: int) -> tuple[float, float]:
    """The head's place at rest: low enough that the shoulders leave the picture at the bottom."""
    rng = np.random.default_rng([shot.seed, 5])
    y = max(150 + float(rng.uniform(0, 24)), HEIGHT + 10 - 1.68 * shot.size)
    if shot.framing == "two":
        apart = float(rng.uniform(100, 135))
        return WIDTH / 2 + (apart if i else -apart), y
    side = shot.direction * float(rng.uniform(60, 110) if shot.framing == "over" else rng.uniform(0, 105))
    return WIDTH / 2 + side, y


def face_boxes(shot: Shot, k: int, fps: int) -> list[FaceBox]:
    """The frontal faces of frame k, after the camera's zoom; none from when a pie hides the face."""
    if shot.framing not in FACE_FRAMINGS and not (is_pie(shot) and k < impact_frame(shot) - 7):
        return []
    zoom = view(shot, k).zoom
    boxes = []
    for head in heads(shot, k, fps):
        side = _BOX_SIZE * head.size * zoom
        x = WIDTH / 2 + (head.x - WIDTH / 2) * zoom - side / 2
        y = HEIGHT / 2 + (head.y + _BOX_DROP * head.size - HEIGHT / 2) * zoom - side / 2
        boxes.append(FaceBox(head.character, head.expression, x / WIDTH, y / HEIGHT, side / WIDTH, side / HEIGHT))
    return boxes


def draw_heads(picture: Picture, shot: Shot, k: int, fps: int) -> None:
    """Put the heads, and what stands before them, over the ground."""
    for head in heads(shot, k, fps):
        _paste(picture, head)
        if is_pie(shot):
            _draw_pie(picture, shot, k, head)
    if shot.back:
        _draw_shoulder(picture, shot)
    if shot.framing == "close" and shot.action == "fire":
        draw_fire(picture[300:], k, shot.seed)


def draw_bars(picture: Picture, shot: Shot, k: int, fps: int) -> None:
    """The bars of a cell, which leave the face free."""
    found = heads(shot, k, fps)
    for x in range(shot.seed % 60, WIDTH, 78):
        if all(abs(x - head.x) > 0.72 * head.size for head in found):
            line(picture, [(x, 0), (x, HEIGHT)], (26, 24, 22), 15)
            line(picture, [(x - 3, 0), (x - 3, HEIGHT)], (84, 78, 72), 3)


def _paste(picture: Picture, head: Head) -> None:
    """Put a head over the ground, tilted and at a fraction of a pixel."""
    sprite = face_sprite(head.character, head.size, head.expression, head.mouth, head.lids, head.light)
    matrix = cv2.getRotationMatrix2D((-SPRITE_LEFT * head.size, -SPRITE_TOP * head.size), head.tilt, 1.0)
    left, top = head.x + SPRITE_LEFT * head.size, head.y + SPRITE_TOP * head.size
    x0, y0 = int(np.floor(left)), int(np.floor(top))
    height, width = sprite.shape[:2]
    xs, xe, ys, ye = max(0, x0), min(WIDTH, x0 + width), max(0, y0), min(HEIGHT, y0 + height)
    matrix[:, 2] += (left - xs, top - ys)
    drawn = cv2.warpAffine(sprite, matrix, (xe - xs, ye - ys), borderMode=cv2.BORDER_CONSTANT)
    share = drawn[:, :, 3].astype(np.float32) * np.float32(1 / 255)
    ground = picture[ys:ye, xs:xe]
    picture[ys:ye, xs:xe] = cv2.blendLinear(cv2.cvtColor(drawn, cv2.COLOR_BGRA2BGR), ground, share, 1 - share)


@lru_cache(maxsize=4)
def _shoulder(name: str, side: int) -> tuple[Picture, Picture]:
    """The dark, blurred back of somebody's head and shoulder at an edge of the picture, and its weight."""
    person = CAST[name]
    shape, weight = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    x = WIDTH / 2 - side * 250
    for centre, radii, colour in (
        ((x, 330), (150, 130), shade(person.clothes, 0.45)),
        ((x, 190), (66, 86), shade(person.hair, 0.5)),
    ):
        ellipse(shape, centre, radii, colour)
        ellipse(weight, centre, radii, (255,))
    return cv2.GaussianBlur(shape, (0, 0), 3).astype(np.uint8), cv2.GaussianBlur(weight, (0, 0), 7).astype(np.uint8)


def _draw_shoulder(picture: Picture, shot: Shot) -> None:
    shape, weight = _shoulder(shot.back, shot.direction)
    share = weight.astype(np.float32) / 255
    picture[:] = cv2.blendLinear(shape, picture, share, 1 - share)


def _draw_pie(picture: Picture, shot: Shot, k: int, head: Head) -> None:
    """A pie that flies in, lands on the face, and slides down."""
    age, s = k - impact_frame(shot), head.size
    if age < 0:
        x, y = head.x - shot.direction * (-age) * 34, head.y - 0.2 * s + 0.25 * age**2 - 40 * sin(-0.2 * age)
        ellipse(picture, (x, y), (0.42 * s, 0.22 * s), (70, 130, 190))
        ellipse(picture, (x, y - 0.09 * s), (0.38 * s, 0.2 * s), (238, 244, 250))
        return
    slide = min(1.3, 0.02 * age**1.3)
    rng = np.random.default_rng(shot.seed)
    for _ in range(15):
        dx, dy, r = rng.normal(0, 0.24), rng.normal(-0.16, 0.2), rng.uniform(0.1, 0.2)
        ellipse(
            picture,
            (head.x + dx * s, head.y + (dy + slide * (0.4 + r * 3)) * s),
            (r * s, r * s * 0.85),
            (238, 244, 250),
        )
    for i in range(4):
        a = 0.3 * k + i * 1.57
        x, y = head.x + 0.8 * s * np.cos(a), head.y - 0.85 * s + 0.2 * s * np.sin(a)
        ellipse(picture, (float(x), float(y)), (0.07 * s, 0.07 * s), (60, 220, 255))
