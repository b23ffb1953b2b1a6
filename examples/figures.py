"""Figures: whole people, horses, cars and motorcycles in long shots."""

from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np

from examples.cast import Character, Colour
from examples.pixels import Picture, Point, box, ellipse, glow, line, polygon, shade


@dataclass(frozen=True)
class Pose:
    """Angles of the limbs in radians, 0 hanging down, positive forward; the lean of the whole body."""

    legs: tuple[float, float]
    arms: tuple[float, float]
    lean: float = 0.0
    lift: float = 0.0
    """How far the feet are off the ground, in body heights."""
    bow: float = 0.0
    """How far the head hangs."""


def pose_of(action: str, phase: float, turn: int) -> Pose:
    """The pose of an action; `phase` counts its cycles, `turn` keeps two people from moving alike."""
    swing = sin(2 * pi * phase)
    if action == "slip":
        return _slip(phase)
    other = sin(2 * pi * phase + 1.7)
    poses = {
        "run": Pose((0.9 * swing, -0.9 * swing), (-1.1 * swing, 1.1 * swing), 0.22, 0.03 * abs(swing)),
        "march": Pose((0.45 * swing, -0.45 * swing), (0.3, -0.5 * swing)),
        "fight": Pose((0.35, -0.35), (1.5 + 1.1 * swing, 0.5 * other), 0.15 * swing),
        "dance": Pose(
            (0.5 * swing, -0.25 * swing), (2.2 + 0.7 * other, 2.2 - 0.7 * swing), 0.18 * swing, 0.07 * abs(other)
        ),
        "cheer": Pose((0.15, -0.15), (2.7 + 0.25 * swing, 2.7 - 0.25 * other), 0.0, 0.05 * abs(swing)),
        "grieve": Pose((0.05, -0.05), (0.9 + 0.03 * swing, 0.9), 0.16 + 0.02 * swing, 0.0, 1.0),
        "ride": Pose((0.9, 0.9), (0.9 + 0.2 * swing, 0.9), 0.25 + 0.05 * swing),
    }
    talk = Pose((0.06, -0.06), (0.9 + 0.4 * swing if turn == 0 else 0.1, 0.15 * other), 0.02 * swing)
    return poses.get(action, talk)


def _slip(phase: float) -> Pose:
    """Walking until phase 3, then the feet fly up and the body lands on its back."""
    fall = min(1.0, max(0.0, (phase - 3.0) / 0.8))
    swing = sin(2 * pi * phase) * (1 - fall)
    kick = 0.25 * sin(14 * phase) * fall
    lift = 0.35 * sin(pi * fall) + 0.04 * fall
    return Pose(
        (0.5 * swing + 1.5 * fall + kick, -0.5 * swing + 1.7 * fall - kick),
        (0.5 * swing + 2.3 * fall, -0.5 * swing + 2.8 * fall),
        -1.45 * fall,
        lift,
    )


def draw_person(
    picture: Picture,
    person: Character,
    x: float,
    y: float,
    height: float,
    pose: Pose,
    facing: int,
    weapon: str = "",
) -> None:
    """Draw a person with the feet at (x, y), turned to the right (facing 1) or left (-1)."""
    y -= pose.lift * height
    tilt = pose.lean * facing

    def at(up: float, side: float = 0.0) -> Point:
        return (x + height * (side * cos(tilt) + up * sin(tilt)), y - height * (up * cos(tilt) - side * sin(tilt)))

    def limb(root: Point, length: float, angle: float) -> Point:
        return root[0] + facing * height * length * sin(angle), root[1] + height * length * cos(angle)

    hip, neck, head = at(0.47), at(0.80), at(0.89 - 0.03 * pose.bow, 0.05 * pose.bow * facing)
    width = height * 0.085
    for angle, tone in zip(pose.legs, (0.8, 1.0), strict=True):
        knee = limb(hip, 0.24, angle)
        foot = limb(knee, 0.24, angle - 0.35 * abs(angle))
        line(picture, [hip, knee, foot], shade(person.trousers, tone), width * 1.15)
        line(picture, [foot, (foot[0] + facing * height * 0.05, foot[1])], (24, 24, 28), width * 0.9)
    back = limb(neck, 0.33, pose.arms[1])
    line(picture, [neck, back], shade(person.clothes, 0.7), width)
    polygon(picture, [at(0.81, -0.10), at(0.81, 0.10), at(0.44, 0.085), at(0.44, -0.085)], person.clothes)
    _draw_small_head(picture, person, head, height * 0.085, facing)
    hand = limb(neck, 0.33, pose.arms[0])
    line(picture, [neck, hand], shade(person.clothes, 0.88), width)
    ellipse(picture, hand, (width * 0.55, width * 0.55), person.skin)
    _draw_weapon(picture, weapon, hand, height, pose.arms[0], facing)


def _draw_small_head(picture: Picture, person: Character, head: Point, r: float, facing: int) -> None:
    """A head seen from the side: a face too small and too plain for a face detector."""
    x, y = head
    if person.style in ("long", "bob"):
        ellipse(
            picture,
            (x - facing * r * 0.3, y + r * (0.7 if person.style == "long" else 0.2)),
            (r * 1.05, r * 1.6),
            person.hair,
        )
    if person.style == "curly":
        ellipse(picture, (x - facing * r * 0.2, y - r * 0.3), (r * 1.5, r * 1.4), person.hair)
    ellipse(picture, (x, y), (r * 0.95, r * 1.15), person.skin)
    if person.style == "cap":
        box(picture, x - r * 1.2, y - r * 1.4, 2.4 * r, 0.9 * r, (92, 54, 30))
    elif person.style != "bald":
        ellipse(picture, (x - facing * r * 0.15, y - r * 0.45), (r * 1.05, r * 0.85), person.hair, 0, -1, 170, 370)
    if person.beard:
        ellipse(picture, (x + facing * r * 0.2, y + r * 0.75), (r * 0.6, r * 0.5), person.hair)


def _draw_weapon(picture: Picture, weapon: str, hand: Point, height: float, angle: float, facing: int) -> None:
    if weapon == "sword":
        reach = height * 0.42
        tip = (hand[0] + facing * reach * sin(angle + 0.7), hand[1] + reach * cos(angle + 0.7))
        line(picture, [hand, tip], (236, 236, 230), 3)
    elif weapon == "spear":
        line(picture, [(hand[0], hand[1] + height * 0.35), (hand[0], hand[1] - height * 0.75)], (50, 80, 110), 3)
        top = hand[1] - height * 0.75
        polygon(picture, [(hand[0] - 5, top), (hand[0], top - 18), (hand[0] + 5, top)], (220, 220, 216))


def extra(rng: np.random.Generator) -> Character:
    """Somebody of the crowd: nobody of the cast, dressed dull."""
    tone = int(rng.integers(50, 120))
    cloth = (tone + int(rng.integers(0, 30)), tone + int(rng.integers(0, 20)), tone + int(rng.integers(0, 20)))
    skin = ((110, 140, 180), (150, 175, 205), (80, 105, 140))[int(rng.integers(3))]
    return Character("extra", "good", skin, (40, 44, 52), "short", cloth, shade(cloth, 0.6), 0.0)


def draw_car(
    picture: Picture, x: float, y: float, length: float, body: Colour, facing: int, turn: float, lights: bool
) -> None:
    """A car with the wheels on row y; `turn` rolls them."""
    s = length / 100 * facing
    t = length / 100

    def at(px: float, py: float) -> Point:
        return x + px * s, y - py * t

    polygon(
        picture,
        [at(-50, 8), at(-50, 24), at(-44, 28), at(-26, 30), at(-14, 46), at(16, 46), at(28, 30), at(48, 25), at(50, 8)],
        body,
    )
    polygon(picture, [at(-22, 30), at(-12, 43), at(0, 43), at(0, 30)], (150, 140, 120))
    polygon(picture, [at(3, 30), at(3, 43), at(14, 43), at(23, 30)], (170, 160, 140))
    polygon(picture, [at(-50, 8), at(-50, 14), at(50, 14), at(50, 8)], shade(body, 0.65))
    for px in (-30, 30):
        ellipse(picture, at(px, 9), (11 * t, 11 * t), (22, 22, 24))
        ellipse(picture, at(px, 9), (6 * t, 6 * t), (150, 150, 150))
        hub = at(px, 9)
        line(picture, [hub, (hub[0] + 6 * t * cos(turn), hub[1] + 6 * t * sin(turn))], (40, 40, 40), 2)
    ellipse(picture, at(48, 22), (3 * t, 3 * t), (190, 240, 255))
    ellipse(picture, at(-49, 22), (2.4 * t, 2.4 * t), (40, 40, 240))
    if lights:
        glow(picture, at(70, 18), 46 * t, (90, 170, 200), 0.9)


def draw_bike(picture: Picture, rider: Character, x: float, y: float, height: float, facing: int, turn: float) -> None:
    """A motorcycle with its rider."""
    r = height * 0.17
    for side in (-1, 1):
        hub = (x + side * height * 0.34, y - r)
        ellipse(picture, hub, (r, r), (24, 24, 26), 0, max(2, round(height * 0.04)))
        line(picture, [hub, (hub[0] + r * cos(turn), hub[1] + r * sin(turn))], (120, 120, 120), 2)
    polygon(
        picture,
        [
            (x - height * 0.36, y - r * 1.5),
            (x + facing * height * 0.3, y - r * 2.4),
            (x + height * 0.2, y - r * 1.1),
            (x - height * 0.2, y - r * 0.9),
        ],
        shade(rider.clothes, 0.55),
    )
    draw_person(
        picture, rider, x - facing * height * 0.08, y - r * 0.4, height * 0.95, pose_of("ride", 0.1 * turn, 0), facing
    )


def draw_horse(
    picture: Picture, rider: Character, x: float, y: float, height: float, facing: int, phase: float
) -> None:
    """A galloping horse with its rider."""
    coat = (44, 66, 104)
    bob = height * 0.05 * sin(2 * pi * phase)
    back = y - height * 0.5 - bob
    for px, shift in ((-0.30, 0.0), (-0.24, 0.25), (0.24, 0.5), (0.30, 0.75)):
        swing = 0.7 * sin(2 * pi * (phase + shift))
        root = (x + facing * px * height, back + height * 0.1)
        knee = (root[0] + facing * height * 0.2 * sin(swing), root[1] + height * 0.2)
        line(
            picture,
            [root, knee, (knee[0] - facing * height * 0.06, y - height * 0.02)],
            shade(coat, 0.8),
            height * 0.06,
        )
    ellipse(picture, (x, back), (height * 0.40, height * 0.16), coat)
    line(
        picture,
        [(x + facing * height * 0.32, back), (x + facing * height * 0.52, back - height * 0.3)],
        coat,
        height * 0.14,
    )
    ellipse(
        picture, (x + facing * height * 0.60, back - height * 0.30), (height * 0.15, height * 0.07), coat, 30 * facing
    )
    line(
        picture,
        [(x - facing * height * 0.38, back), (x - facing * height * 0.55, back + height * 0.18 + bob)],
        (24, 30, 44),
        height * 0.05,
    )
    draw_person(picture, rider, x, back + height * 0.28, height * 0.85, pose_of("ride", phase, 0), facing)
