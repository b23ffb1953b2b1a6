"""Labels: everything that is known of a film because it was drawn, as rows of tables, and the tables as CSV files."""

import csv
import io
import os
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from examples import effects
from examples.affect import affect_line
from examples.camera import whip_done
from examples.cast import NOBODY
from examples.closeups import face_boxes
from examples.kinds import ACTION_TAGS, KINDS, PLACE_TAGS, beat_category, beat_subcategory
from examples.longshots import STAYING
from examples.pixels import HEIGHT, WIDTH
from examples.script import Film, Scene, Shot, sides

Row = dict[str, Any]
TABLES: dict[str, tuple[str, ...]] = {
    "films": ("movie_id", "uri", "title", "group", "duration_s", "fps", "frame_count"),
    "shots": (
        "movie_id",
        "shot",
        "start_frame",
        "end_frame",
        "start_s",
        "end_s",
        "transition",
        "transition_start_frame",
        "transition_end_frame",
    ),
    "scenes": ("movie_id", "scene", "start_shot", "end_shot", "start_s", "end_s", "place", "kind"),
    "characters": ("movie_id", "time_s", "character"),
    "faces": ("movie_id", "frame", "time_s", "character", "x", "y", "width", "height", "expression"),
    "expressions": ("movie_id", "time_s", "emotion"),
    "tags": ("movie_id", "shot", "start_s", "end_s", "tag"),
    "beats": ("movie_id", "shot", "start_s", "end_s", "category", "subcategory", "difficult"),
    "affect": ("movie_id", "time_s", "valence", "arousal"),
    "funny": ("movie_id", "start_s", "end_s"),
}
"""The columns of each table; a movie_id's rows stand together, in the order of time."""

_FACES_PER_SECOND = 2
_CLEARLY_NEARER = 0.05
"""By so much of the picture's width a face must be nearer to its centre than the next, to count as the main one."""
_EMOTIONS = {"surprised": "surprise"}
"""Drawn expressions that the seven emotions have another word for."""


def film_labels(film: Film) -> dict[str, list[Row]]:
    """All rows of one film, by table."""
    faces = list(_face_rows(film))
    tables = {
        "films": [_film_row(film)],
        "shots": [_shot_row(film, shot) for shot in film.shots],
        "scenes": [_scene_row(film, scene) for scene in film.scenes],
        "characters": list(_character_rows(film)),
        "faces": faces,
        "expressions": list(_expression_rows(faces)),
        "tags": [
            {**_span(film, shot), "tag": tag}
            for scene, shot in film.scenes_with_shots()
            for tag in tags_of(scene, shot)
        ],
        "beats": [row for scene, shot in film.scenes_with_shots() if (row := _beat_row(film, scene, shot))],
        "affect": _affect_rows(film),
        "funny": [{"start_s": start, "end_s": end} for scene in film.scenes for start, _, end in scene.laughs],
    }
    return {name: [{"movie_id": film.movie_id, **row} for row in rows] for name, rows in tables.items()}


def _seconds(film: Film, frame: int) -> float:
    return round(frame / film.fps, 4)


def _span(film: Film, shot: Shot) -> Row:
    return {"shot": shot.number, "start_s": _seconds(film, shot.start_frame), "end_s": _seconds(film, shot.end_frame)}


def _film_row(film: Film) -> Row:
    return {
        "uri": f"films/{film.movie_id}.mp4",
        "title": film.title,
        "group": film.movie_id,
        "duration_s": _seconds(film, film.frames),
        "fps": film.fps,
        "frame_count": film.frames,
    }


def _shot_row(film: Film, shot: Shot) -> Row:
    start, end = shot.transition_range
    return {
        **_span(film, shot),
        "start_frame": shot.start_frame,
        "end_frame": shot.end_frame,
        "transition": shot.transition,
        "transition_start_frame": start,
        "transition_end_frame": end,
    }


def _scene_row(film: Film, scene: Scene) -> Row:
    """`end_shot` is exclusive, as all ends are."""
    first, last = scene.shots[0], scene.shots[-1]
    return {
        "scene": scene.number,
        "start_shot": first.number,
        "end_shot": last.number + 1,
        "start_s": _seconds(film, first.start_frame),
        "end_s": _seconds(film, last.end_frame),
        "place": scene.place,
        "kind": scene.kind,
    }


def visible_people(shot: Shot, k: int) -> tuple[str, ...]:
    """Who can be recognised in frame k: not drivers seen from afar, nobody before a whip pan has found them."""
    if shot.framing == "long" and (
        shot.action == "car" or (shot.move == "whip" and shot.action in STAYING and whip_done(shot, k) < 0.5)
    ):
        return ()
    return shot.people


def _character_rows(film: Film) -> Iterable[Row]:
    ends = [shot.end_frame for shot in film.shots]
    for second in range(int(np.ceil(film.frames / film.fps))):
        shot = film.shots[int(np.searchsorted(ends, second * film.fps, side="right"))]
        for name in sorted(visible_people(shot, second * film.fps - shot.start_frame)) or [NOBODY]:
            yield {"time_s": float(second), "character": name}


def _face_rows(film: Film) -> Iterable[Row]:
    """Frontal faces at two frames a second, away from gradual transitions and flashes of light."""
    for shot, after in zip(film.shots, [*film.shots[1:], None], strict=True):
        start = max(shot.start_frame, shot.transition_range[1])
        end = min(shot.end_frame, after.transition_range[0]) if after else shot.end_frame
        for half in range(2 * start // film.fps, 2 * end // film.fps + 1):
            frame = round(half * film.fps / _FACES_PER_SECOND)
            if start <= frame < end and not effects.is_flash(frame - shot.start_frame, shot.flash):
                for face in face_boxes(shot, frame - shot.start_frame, film.fps):
                    yield {
                        "frame": frame,
                        "time_s": _seconds(film, frame),
                        "character": face.character,
                        "x": round(face.x, 4),
                        "y": round(face.y, 4),
                        "width": round(face.width, 4),
                        "height": round(face.height, 4),
                        "expression": face.expression,
                    }


def _expression_rows(faces: list[Row]) -> Iterable[Row]:
    """What the main face of each picture shows; pictures whose main face is not clear are left out."""
    for time_s, group in groupby(faces, key=lambda row: row["time_s"]):
        ranked = sorted((_from_centre(face), face["expression"]) for face in group)
        if len(ranked) == 1 or ranked[1][0] - ranked[0][0] >= _CLEARLY_NEARER:
            yield {"time_s": time_s, "emotion": _EMOTIONS.get(ranked[0][1], ranked[0][1])}


def _from_centre(face: Row) -> float:
    """How far a face's middle is from the picture's, in widths of the picture."""
    x, y = face["x"] + face["width"] / 2 - 0.5, face["y"] + face["height"] / 2 - 0.5
    return float(np.hypot(x, y * HEIGHT / WIDTH))


def tags_of(scene: Scene, shot: Shot) -> list[str]:
    """What the shot shows: its scene's tags, its place, its weather, and what happens in it."""
    tags = set(KINDS[scene.kind].tags)
    if shot.speaker is not None:
        tags.add("dialogue")
    elif "dialogue" in tags:
        tags.remove("dialogue")
    tags |= {PLACE_TAGS[scene.place]} if scene.place in PLACE_TAGS else set()
    if shot.framing in ("long", "gag") or scene.kind == "chase":
        tags |= set(ACTION_TAGS.get(shot.action, ()))
    if shot.framing != "gag":
        tags.discard("slapstick")
    tags |= {name for name, present in (("night", scene.night), ("rain", scene.rain)) if present}
    return sorted(tags)


def _beat_row(film: Film, scene: Scene, shot: Shot) -> Row | None:
    """The beat event of the shot's scene; difficult where the shot alone does not show it."""
    category = beat_category(scene.kind, sides(scene.people))
    if category is None:
        return None
    action = shot.action if shot.framing == "long" or scene.kind == "chase" else ""
    return {
        **_span(film, shot),
        "category": category,
        "subcategory": beat_subcategory(scene.kind, action),
        "difficult": int(
            shot.framing == "place" or bool(set(shot.expressions) & {"neutral", "surprised"} and shot.framing != "long")
        ),
    }


def _affect_rows(film: Film) -> list[Row]:
    times = np.arange(0.0, film.duration_s, 1.0)
    return [
        {"time_s": float(time), "valence": round(float(valence), 4), "arousal": round(float(arousal), 4)}
        for time, (valence, arousal) in zip(times, affect_line(film, times), strict=True)
    ]


def write_labels(folder: Path, films: Iterable[Film]) -> None:
    """Write all tables for the whole catalogue, each in one replacement."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for film in sorted(films, key=lambda film: film.movie_id):
        for name, rows in film_labels(film).items():
            tables[name] += rows
    for name, rows in tables.items():
        _replace(folder / f"{name}.csv", _as_csv(TABLES[name], rows))


def _as_csv(columns: tuple[str, ...], rows: list[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
