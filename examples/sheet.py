"""The contact sheet: the middle frame of every shot with its caption, to look over a catalogue at a glance."""

from pathlib import Path

import cv2
import numpy as np

from examples.pixels import Picture
from examples.reel import Reel
from examples.script import Film

_THUMB = (240, 135)
_COLUMNS = 6


def contact_sheet(films: list[Film]) -> Picture:
    """The middle frames of all shots, one block of rows per film."""
    return np.vstack([_film_rows(film) for film in films])


def write_sheet(films: list[Film], path: Path) -> None:
    """Write the contact sheet as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), contact_sheet(films))


def _film_rows(film: Film) -> Picture:
    reel = Reel(film)
    cells = []
    for scene, shot in film.scenes_with_shots():
        middle = (shot.start_frame + shot.end_frame) // 2
        caption = f"{scene.number}.{shot.number} {scene.kind} {shot.framing} {shot.action} {shot.transition}"
        cells.append(_cell(reel.frame(middle), caption))
    blank = np.zeros_like(cells[0])
    cells += [blank] * (-len(cells) % _COLUMNS)
    rows = [np.hstack(cells[i : i + _COLUMNS]) for i in range(0, len(cells), _COLUMNS)]
    title = np.zeros((22, rows[0].shape[1], 3), np.uint8)
    cv2.putText(
        title,
        f"{film.movie_id}  {film.duration_s:.1f} s  {film.fps} fps",
        (6, 16),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.5,
        (255, 255, 255),
        1,
        cv2.LINE_AA,
    )
    return np.vstack([title, *rows])


def _cell(frame: Picture, caption: str) -> Picture:
    thumb = cv2.resize(frame, _THUMB, interpolation=cv2.INTER_AREA)
    strip = np.full((16, _THUMB[0], 3), 30, np.uint8)
    cv2.putText(strip, caption, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.34, (220, 220, 220), 1, cv2.LINE_AA)
    return np.vstack([thumb, strip]).astype(np.uint8)
