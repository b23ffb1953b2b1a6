"""The stage: one frame of a shot, from the place, the people, the effects and the light."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from examples import effects
from examples.camera import View, look, view, widen, zoomed
from examples.closeups import draw_bars, draw_heads, is_pie
from examples.longshots import draw_action, draw_slip
from examples.pixels import HEIGHT, WIDTH, Picture
from examples.places import INDOORS, PLATE_WIDTH, paint_place
from examples.script import Film, Scene, Shot

_NEAR_SPEED = 1.6
"""How much faster the near layer passes than the far one."""


@dataclass(frozen=True)
class Style:
    """The look of a whole film."""

    tint: NDArray[np.float64]
    contrast: float
    grain: list[Picture]
    vignette: Picture

    @classmethod
    def of(cls, film: Film) -> "Style":
        rng = np.random.default_rng([film.seed, film.index, 5])
        noise = rng.normal(0, rng.uniform(0.8, 3.2), (HEIGHT + 32, WIDTH + 32, 1)).repeat(3, axis=2)
        y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
        shadow = 1 - rng.uniform(0.08, 0.3) * (x**2 + y**2) ** 1.2 / 2
        return cls(
            rng.uniform(0.93, 1.07, 3),
            float(rng.uniform(0.92, 1.12)),
            [np.clip(sign * noise, 0, 255).astype(np.uint8) for sign in (1, -1)],
            np.repeat((shadow * 255).astype(np.uint8)[:, :, None], 3, axis=2),
        )


class Stage:
    """Draws the frames of one scene; any frame of any shot may be asked for, in any order."""

    def __init__(self, film: Film, scene: Scene, style: Style) -> None:
        self.scene, self.fps, self.style = scene, film.fps, style
        plate = paint_place(scene.place, scene.night, scene.seed)
        self.far, self.near = widen(plate.far), widen(plate.near)
        self.mask, self.blurred = widen(plate.mask), widen(plate.blurred)
        self.blurred_width = plate.blurred.shape[1]

    def frame(self, shot: Shot, k: int, mood: NDArray[np.float64]) -> Picture:
        """Frame k of a shot under a mood (valence, arousal); k may run past the shot's ends under a dissolve."""
        seen = view(shot, k)
        picture = self._ground(shot, seen)
        self._people(picture, shot, k)
        if self.scene.rain and self.scene.place not in INDOORS:
            effects.draw_rain(picture, k, shot.seed)
        if self.scene.kind in ("joy", "victory"):
            effects.draw_confetti(picture, k, shot.seed)
        picture = effects.flash_light(zoomed(picture, seen.zoom), k, shot.flash)
        return self._develop(picture, k + shot.start_frame, mood)

    def _ground(self, shot: Shot, seen: View) -> Picture:
        """The place behind the people: out of focus in close-ups, in two layers in long shots."""
        if shot.framing in ("close", "over", "two") or is_pie(shot):
            top = 90 + shot.seed % 120 if shot.framing != "two" else 150
            return look(self.blurred, self.blurred_width, 1.6 * shot.offset + 0.6 * seen.pan, seen, top).copy()
        top = 20 + shot.seed % 30
        picture = look(self.far, PLATE_WIDTH, shot.offset + seen.pan, seen, top).copy()
        offset = _NEAR_SPEED * seen.pan + shot.offset
        cv2.copyTo(
            look(self.near, PLATE_WIDTH, offset, seen, top), look(self.mask, PLATE_WIDTH, offset, seen, top), picture
        )
        return cv2.blur(picture, (seen.blur, 1)).astype(np.uint8) if seen.blur else picture

    def _people(self, picture: Picture, shot: Shot, k: int) -> None:
        if shot.framing == "long":
            draw_action(picture, self.scene, shot, k)
        elif shot.framing == "gag" and not is_pie(shot):
            draw_slip(picture, shot, k)
        else:
            draw_heads(picture, shot, k, self.fps)
        if self.scene.kind == "prison":
            draw_bars(picture, shot, k, self.fps)

    def _develop(self, picture: Picture, frame: int, mood: NDArray[np.float64]) -> Picture:
        """Light, colour and grain: bright and warm with valence, hard with arousal."""
        valence, arousal = mood
        gain = 1.0 + 0.20 * valence + (-0.08 if self.scene.night else 0.0)
        warmth = np.array([1 - 0.13 * valence, 1.0, 1 + 0.11 * valence])
        contrast = self.style.contrast * (1 + 0.12 * arousal)
        levels = (np.arange(256)[:, None] - 110) * contrast + 110
        table = np.clip(levels * gain * warmth * self.style.tint, 0, 255).astype(np.uint8)[None]
        picture = cv2.multiply(cv2.LUT(picture, table), self.style.vignette, scale=1 / 255).astype(np.uint8)
        y, x = frame * 7 % 32, frame * 13 % 32
        light, dark = (grain[y : y + HEIGHT, x : x + WIDTH] for grain in self.style.grain)
        return cv2.subtract(cv2.add(picture, light), dark).astype(np.uint8)
