"""The reel: a film's frames in order, with its dissolves and fades."""

from collections.abc import Iterator

import cv2
import numpy as np

from examples.affect import affect_line
from examples.pixels import Picture
from examples.script import Film, Shot
from examples.stage import Stage, Style


class Reel:
    """Draws any frame of a film; keeps the places of the last two scenes."""

    def __init__(self, film: Film) -> None:
        cv2.setNumThreads(1)
        self.film = film
        self.style = Style.of(film)
        self.moods = affect_line(film, np.arange(film.frames) / film.fps)
        self.shots = film.shots
        self.scene_of = {shot.number: scene for scene, shot in film.scenes_with_shots()}
        self.shot_at = np.repeat([shot.number for shot in self.shots], [shot.frames for shot in self.shots])
        self._stages: dict[int, Stage] = {}

    def frames(self) -> Iterator[Picture]:
        """All frames, each (360, 640, 3) in blue, green, red."""
        return (self.frame(number) for number in range(self.film.frames))

    def frame(self, number: int) -> Picture:
        """One frame: of one shot, or of two within a gradual transition."""
        shot = self.shots[self.shot_at[number]]
        picture = self._draw(shot, number)
        for new in self.shots[shot.number : shot.number + 2]:
            start, end = new.transition_range
            if new.transition in ("dissolve", "fade") and start <= number < end:
                return self._mix(picture, new, number)
        return picture

    def _mix(self, picture: Picture, new: Shot, number: int) -> Picture:
        start, end = new.transition_range
        if new.transition == "fade":
            half = new.start_frame - start if number < new.start_frame else end - new.start_frame
            return cv2.convertScaleAbs(picture, alpha=abs(number - new.start_frame) / half).astype(np.uint8)
        weight = (number - start + 1) / (end - start + 1)
        old = self._draw(self.shots[new.number - 1], number)
        return cv2.addWeighted(old, 1 - weight, self._draw(new, number), weight, 0).astype(np.uint8)

    def _draw(self, shot: Shot, number: int) -> Picture:
        return self._stage(shot).frame(shot, number - shot.start_frame, self.moods[number])

    def _stage(self, shot: Shot) -> Stage:
        scene = self.scene_of[shot.number]
        if scene.number not in self._stages:
            self._stages = {number: stage for number, stage in self._stages.items() if number == scene.number - 1}
            self._stages[scene.number] = Stage(self.film, scene, self.style)
        return self._stages[scene.number]
