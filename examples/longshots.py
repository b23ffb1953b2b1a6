"""Long shots: what whole figures, vehicles and weapons do in each frame of a shot."""

from collections.abc import Callable
from functools import lru_cache
from math import sin

import numpy as np

from examples import effects
from examples.camera import view
from examples.cast import CAST, Character
from examples.figures import draw_bike, draw_car, draw_horse, draw_person, extra, pose_of
from examples.pixels import WIDTH, Picture, polygon
from examples.script import Scene, Shot, sides

Action = Callable[[Picture, Scene, Shot, int], None]
GROUND_Y = 316.0
STAYING = frozenset(("talk", "slip", "grieve", "dance", "cheer"))
"""Actions whose people stay where they are when the camera turns; in the others it goes with them."""


@lru_cache(maxsize=16)
def _crowd(seed: int, count: int) -> tuple[Character, ...]:
    rng = np.random.default_rng([seed, 11])
    return tuple(extra(rng) for _ in range(count))


def draw_action(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    """Draw what happens in frame k of a long shot."""
    _ACTIONS.get(shot.action, _talk)(picture, scene, shot, k)


def draw_slip(picture: Picture, shot: Shot, k: int) -> None:
    """Somebody walks, slips on a banana skin, and lands on the back."""
    person, d = CAST[shot.people[0]], shot.direction
    start, fall = -170.0, shot.frames * 0.45
    part = min(1.0, max(0.0, k / fall))
    x = WIDTH / 2 + d * (start + 190 * part)
    for i in range(3):
        polygon(
            picture,
            [(WIDTH / 2 + 34 * d, 340), (WIDTH / 2 + (14 + 18 * i) * d, 352), (WIDTH / 2 + (22 + 18 * i) * d, 348)],
            (60, 220, 250),
        )
    phase = 3 * part + max(0.0, k - fall) * 0.08
    draw_person(picture, person, x, 350.0, 250.0, pose_of("slip", phase, 0), d)


def _leads(shot: Shot) -> list[Character]:
    return [CAST[name] for name in shot.people]


def _drift(shot: Shot, k: int) -> float:
    """How far people of the place move against a panning camera."""
    seen = view(shot, k)
    return -seen.pan - seen.dx


def _talk(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    rng = np.random.default_rng([shot.seed, 13])
    middle, height = WIDTH / 2 + float(rng.uniform(-90, 90)) + _drift(shot, k), float(rng.uniform(140, 185))
    for i, person in enumerate(_leads(shot)):
        side = -1 if i == 0 else 1
        pose = pose_of("talk", k / 26 + i * 0.4, (k // 50 + i) % 2)
        draw_person(picture, person, middle + side * 62, GROUND_Y + 14, height, pose, -side)


def _grieve(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    rng = np.random.default_rng([shot.seed, 13])
    x = WIDTH / 2 + float(rng.uniform(-110, 110)) + _drift(shot, k)
    for i, person in enumerate(_leads(shot)):
        draw_person(
            picture, person, x + 80 * i, GROUND_Y + 12, 150, pose_of("grieve", k / 70 + i / 3, i), shot.direction
        )


def _run(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    for i, person in enumerate(_leads(shot)):
        x = WIDTH / 2 + shot.direction * (110 - 190 * i + 22 * sin(0.07 * k + i))
        effects.draw_dust(picture, k, x, GROUND_Y + 16, shot.direction, (120, 140, 150))
        draw_person(picture, person, x, GROUND_Y + 16, 160, pose_of("run", k / 11 + 0.3 * i, i), shot.direction)


def _drive(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    for i, person in enumerate(_leads(shot)):
        x = WIDTH / 2 + shot.direction * (130 - 270 * i + 34 * sin(0.06 * k + i + shot.seed % 6))
        y = GROUND_Y + 10 + 6 * i + 1.5 * sin(0.9 * k)
        effects.draw_dust(picture, k, x - 60 * shot.direction, y, shot.direction, (130, 140, 150))
        draw_car(picture, x, y, 190 + 16 * i, person.clothes, shot.direction, 0.7 * k, scene.night)


def _ride(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    for i, person in enumerate(_leads(shot)):
        x = WIDTH / 2 + shot.direction * (120 - 240 * i + 30 * sin(0.06 * k + i + shot.seed % 6))
        effects.draw_dust(picture, k, x - 40 * shot.direction, GROUND_Y + 14, shot.direction, (110, 136, 156))
        if shot.action == "bike":
            draw_bike(picture, person, x, GROUND_Y + 14, 145, shot.direction, 0.8 * k)
        else:
            draw_horse(picture, person, x, GROUND_Y + 16, 165, shot.direction, k / 11 + 0.4 * i)


def _march(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    for i, person in enumerate(_crowd(scene.seed, 7)):
        x = (i * 105 + shot.direction * 1.6 * k) % (WIDTH + 80) - 40
        draw_person(
            picture, person, x, GROUND_Y - 22, 105, pose_of("march", k / 22 + 0.5 * (i % 2), i), shot.direction, "spear"
        )
    for i, person in enumerate(_leads(shot)):
        x = WIDTH / 2 + shot.direction * (60 - 130 * i + 0.8 * (k - shot.frames / 2))
        draw_person(
            picture, person, x, GROUND_Y + 20, 155, pose_of("march", k / 22 + i * 0.5, i), shot.direction, "spear"
        )


def _melee(picture: Picture, scene: Scene, shot: Shot, k: int, pose: str, weapon: str) -> None:
    """Two lines of soldiers and, before them, the leads."""
    for i, person in enumerate(_crowd(scene.seed, 8)):
        x = 40 + i * 80 + 10 * sin(0.13 * k + i * 2)
        draw_person(
            picture, person, x, GROUND_Y - 20, 100, pose_of(pose, k / 15 + i * 0.37, i), 1 if i % 2 else -1, weapon
        )
    for i, person in enumerate(_leads(shot)):
        side = -1 if i == 0 else 1
        x = WIDTH / 2 + side * (50 + 14 * sin(0.2 * k)) + (shot.direction * 2.4 * k if pose == "run" else 0)
        facing = shot.direction if pose == "run" else -side
        draw_person(picture, person, x, GROUND_Y + 20, 158, pose_of(pose, k / 13 + i * 0.5, i), facing, weapon)


def _fight(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    _melee(picture, scene, shot, k, "fight", "sword")


def _explosion(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    _melee(picture, scene, shot, k, "run", "")
    x = WIDTH / 2 - shot.direction * (90 + shot.seed % 100)
    effects.draw_explosion(picture, k, shot.flash or 4, x, 270.0, shot.seed)


def _destruction(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    effects.draw_falling_tower(picture, k, shot.frames, 180.0 + shot.seed % 200, shot.seed)
    _melee(picture, scene, shot, k, "run", "")


def _burn(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    _melee(picture, scene, shot, k, "run", "")
    effects.draw_fire(picture, k, shot.seed)


def _volley(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    _melee(picture, scene, shot, k, "fight", "spear")
    effects.draw_arrows(picture, k, shot.seed, shot.direction)


def _dance(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    for i, person in enumerate(_crowd(scene.seed, 6)):
        draw_person(
            picture,
            person,
            60 + i * 104 + _drift(shot, k),
            GROUND_Y - 14,
            112,
            pose_of("dance", k / 17 + i * 0.3, i),
            1,
        )
    for i, person in enumerate(_leads(shot)):
        x = WIDTH / 2 - 80 + 160 * i + 20 * sin(0.1 * k + i) + _drift(shot, k)
        draw_person(picture, person, x, GROUND_Y + 24, 170, pose_of("dance", k / 15 + i * 0.4, i), 1 - 2 * i)


def _cheer(picture: Picture, scene: Scene, shot: Shot, k: int) -> None:
    colour = (60, 60, 210) if sides(scene.people)[0] == "good" else (60, 30, 50)
    effects.draw_flag(picture, k, WIDTH / 2 + shot.direction * 190 + _drift(shot, k), colour)
    for i, person in enumerate(_crowd(scene.seed, 7)):
        draw_person(
            picture,
            person,
            50 + i * 92 + _drift(shot, k),
            GROUND_Y - 16,
            106,
            pose_of("cheer", k / 16 + i * 0.31, i),
            1,
        )
    for i, person in enumerate(_leads(shot)):
        x = WIDTH / 2 - 60 + 120 * i + _drift(shot, k)
        draw_person(
            picture,
            person,
            x,
            GROUND_Y + 22,
            160,
            pose_of("cheer", k / 16 + i * 0.4, i),
            1 - 2 * i,
            "sword" if i == 0 else "",
        )


_ACTIONS: dict[str, Action] = {
    "grieve": _grieve,
    "run": _run,
    "car": _drive,
    "bike": _ride,
    "horse": _ride,
    "march": _march,
    "fight": _fight,
    "explosion": _explosion,
    "destruction": _destruction,
    "fire": _burn,
    "arrows": _volley,
    "dance": _dance,
    "cheer": _cheer,
}
