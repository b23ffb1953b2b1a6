"""Films whose every table is made up, for what reads a lake and never the films: the material of `report`.

The films are files of a few bytes; each table has its task's own contract and the key of the project's own plan.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.cells import CellWriter, Footer
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import Planning, plan_manifest
from cinelake.plan.plan import Cell
from cinelake.spec.task import find_task

RATE = 24
KINDS, TAGS, PEOPLE = (
    ("romance", "pursuit", "despair good"),
    ("night", "war", "dance", "desert"),
    ("mara", "oskar", "tomas"),
)
Columns = dict[str, Any]
MODELS = ("scenes", "beats", "tags", "characters", "affect", "funny", "expressions")
FED = ("films", "shots", "frames", "sound", "faces", "embeddings", "shot_features", "expressions", "persons")
"""What the manifest must name besides what is made up here, for the tables that stand on it."""


def make_films(
    folder: Path,
    titles: Mapping[str, str],
    seconds: float,
    shots: int,
    tables: Sequence[str] | None = None,
    others: Mapping[str, Columns] | None = None,
) -> Path:
    """Films (movie_id → title) of one length in a project of their own; returns the manifest.

    tables: those that are in the lake; by default all that can be made up. The manifest names all of them.
    others: tables that take the place of those made up here.
    """
    (folder / "films").mkdir(parents=True, exist_ok=True)
    for movie_id in titles:
        (folder / "films" / f"{movie_id}.mp4").write_text(f"film {movie_id}\n")
    rows = [f'{movie_id},films/{movie_id}.mp4,"{title}"\n' for movie_id, title in titles.items()]
    (folder / "films.csv").write_text("".join(["movie_id,uri,title\n", *rows]), encoding="utf-8")
    manifest = folder / "pipeline.yaml"
    head = "lake: lake\ncatalogue: {list: films.csv}\ntracking: {enabled: false}\n"
    models, tasks = (
        "".join(f"  {name}: {{}}\n" for name in names) for names in (MODELS, dict.fromkeys([*FED, *_MAKE]))
    )
    manifest.write_text(f"{head}models:\n{models}tasks:\n{tasks}", encoding="utf-8")
    made = {table: _MAKE[table](seconds, shots) for table in tables or _MAKE} | dict(others or {})
    planning = plan_manifest(load_manifest(manifest))
    content_hashes: dict[str, str] = {}
    for cell in planning.whole.cells:  # film by film, tables in dependency order
        content_hashes[cell.table] = cell.content_hash
        if cell.table in made:
            _commit(planning, cell, content_hashes, made[cell.table])
    return manifest


def _commit(planning: Planning, cell: Cell, content_hashes: Mapping[str, str], columns: Columns) -> None:
    """One cell, with the key and the ingredients that the plan asks for."""
    table, movie_id = cell.table, cell.movie_id
    went_in, contract = planning.whole.ingredients(cell, content_hashes), find_task(table).contract
    with planning.lake.scratch() as scratch:
        writer = CellWriter(contract, movie_id, scratch / "cell.parquet")
        writer.write(contract.batch(movie_id, **columns))
        writer.close(Footer(cell.key, cell.content_hash, went_in, {"at": "2026-11-21T12:00:00+00:00", "wall_s": 0.1}))
        planning.lake.commit(writer, table)


def _films(seconds: float, _: int) -> Columns:
    known = {"duration_s": seconds, "width": 160, "height": 90, "fps": float(RATE), "frame_count": int(seconds * RATE)}
    known |= {"title": "", "uri": "", "size_bytes": 1_000_000, "fingerprint": "made", "has_sound": True}
    known |= {"video_codec": "h264", "audio_codec": "aac"}
    return {column.name: [known.get(column.name)] for column in find_task("films").contract.columns}


def _edges(seconds: float, count: int) -> tuple[list[float], list[float]]:
    edges = np.linspace(0, seconds, count + 1)
    return edges[:-1].tolist(), edges[1:].tolist()


def _shots(seconds: float, shots: int) -> Columns:
    start, end = _edges(seconds, shots)
    frames = {"start_frame": [round(s * RATE) for s in start], "end_frame": [round(s * RATE) for s in end]}
    how = ["start", *["cut"] * (shots - 1)]
    motion = np.zeros((shots, 26), np.float32)
    return {"shot": range(shots), "start_s": start, "end_s": end, **frames, "transition": how, "score": [1.0] * shots,
            "motion": motion}  # fmt: skip


def _frames(seconds: float, shots: int) -> Columns:
    """The middle of each shot, as a small picture."""
    start, end = _edges(seconds, shots)
    middles = [((s + e) / 2, shot, True) for shot, (s, e) in enumerate(zip(start, end, strict=True))]
    return _pictured(middles, (160, 90))


def every_second(seconds: float, shots: int) -> Columns:
    """Frames as `frames: {fps: 1}` keeps them of a real film: the middle of each shot and every second, 640 × 360."""
    small = _frames(seconds, shots)
    middles = dict(zip(small["frame"], zip(small["time_s"], small["shot"], strict=True), strict=True))
    regular = {n * RATE: (float(n), int(n * shots / seconds)) for n in range(int(seconds))}
    rows = [(*about, frame in middles) for frame, about in sorted({**regular, **middles}.items())]
    return _pictured(rows, (640, 360))


def _pictured(rows: Sequence[tuple[float, int, bool]], size: tuple[int, int]) -> Columns:
    """The table of frames from (seconds, shot, is it the shot's middle)."""
    times, shot, middle = (list(column) for column in zip(*rows, strict=True))
    fixed = {"width": size[0], "height": size[1], "entropy": 5.0, "brightness": 0.5, "sharpness": 9.0}
    columns = {"frame": [round(t * RATE) for t in times], "time_s": times, "shot": shot, "is_middle": middle}
    jpegs = [_jpeg(n, size) for n in range(12)]
    pictures = [jpegs[n % len(jpegs)] for n in shot]
    return {**columns, **{name: [value] * len(rows) for name, value in fixed.items()}, "jpeg": pictures}


def _jpeg(number: int, size: tuple[int, int]) -> bytes:
    """A picture with its number on soft noise, which takes as many bytes as a real one."""
    from PIL import Image, ImageDraw

    noise = np.random.default_rng(number).integers(0, 60, (size[1] // 3, size[0] // 3, 3), np.uint8)
    picture = Image.fromarray(noise + np.array([15 * number, 70, 190 - 15 * number], np.uint8)).resize(size)
    ImageDraw.Draw(picture).text((size[0] * 0.4, size[1] * 0.3), str(number), fill="white", font_size=size[1] // 3)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def _embeddings(seconds: float, shots: int) -> Columns:
    frames = _frames(seconds, shots)
    vectors = np.random.default_rng(0).normal(size=(shots, 16)).astype(np.float32)
    kept = {name: list(frames[name]) for name in ("frame", "time_s", "shot")}
    columns = {**kept, "backbone": ["made"] * shots, "embedding": vectors, "face": [None] * shots}
    features = pa.FixedSizeListArray.from_arrays(pa.nulls(shots, pa.float32()), 1)
    wanted = {column.name for column in find_task("embeddings").contract.columns}
    return {name: value for name, value in {**columns, "features": features}.items() if name in wanted}


def _parts(seconds: float, shots: int, each: int) -> Columns:
    """Spans of `each` shots."""
    count = max(1, shots // each)
    start, end = _edges(seconds, count)
    first = [n * shots // count for n in range(count)]
    return {"start_shot": first, "end_shot": [*first[1:], shots], "start_s": start, "end_s": end}


def _scenes(seconds: float, shots: int) -> Columns:
    parts = _parts(seconds, shots, 10)
    return {"scene": range(len(parts["start_s"])), **parts, "score": [0.9] * len(parts["start_s"])}


def _beats(seconds: float, shots: int) -> Columns:
    parts = _parts(seconds, shots, 25)
    count = len(parts["start_s"])
    return {
        "beat": range(count),
        "category": [KINDS[n % 3] for n in range(count)],
        **parts,
        "confidence": [0.8] * count,
    }


def _tag_shots(_: float, shots: int) -> Columns:
    rows = [(shot, tag) for shot in range(shots) for tag in sorted(TAGS) if (shot // 5 + len(tag)) % 3 == 0]
    return {
        "shot": [r[0] for r in rows],
        "tag": [r[1] for r in rows],
        "probability": [0.5 + r[0] % 50 / 100 for r in rows],
    }


def _tags(_: float, shots: int) -> Columns:
    return {"tag": sorted(TAGS), "weight": [0.4, 0.3, 0.2, 0.1], "relevance": [0.5] * 4, "shots": [shots] * 4}


def _appearances(seconds: float, shots: int) -> Columns:
    start, end = _edges(seconds, shots)
    rows = sorted((PEOPLE[shot // 3 % 3], start[shot], end[shot], shot) for shot in range(shots))
    names = ("character", "start_s", "end_s", "shot")
    return {**{name: [r[n] for r in rows] for n, name in enumerate(names)}, "confidence": [0.9] * shots}


def _screen_time(seconds: float, shots: int) -> Columns:
    return {"character": list(PEOPLE), "seconds": [seconds / 3] * 3, "share": [1 / 3] * 3, "appearances": [shots] * 3}


def _affect(seconds: float, _: int) -> Columns:
    times = np.arange(0, seconds)
    return {
        "time_s": times,
        "valence": np.sin(times / 9).astype(np.float32),
        "arousal": np.cos(times / 30).astype(np.float32),
    }


def _sound(seconds: float, _: int) -> Columns:
    start = np.arange(0, seconds, 0.96)
    loudness = (-30 + 8 * np.sin(start / 7)).astype(np.float32)
    logmel = np.zeros((len(start), 6144), np.float16)
    return {"window": range(len(start)), "start_s": start, "end_s": start + 0.96, "loudness_lufs": loudness,
            "is_silent": [False] * len(start), "logmel": logmel}  # fmt: skip


def _funny(seconds: float, shots: int) -> Columns:
    start, end = _edges(seconds, max(2, shots // 15))
    count = len(start)
    funny = [n % 4 == 1 for n in range(count)]
    return {"start_s": start, "end_s": end, "q_funny": [0.5] * count, "q_not_funny": [0.4] * count, "is_funny": funny}


_MAKE: dict[str, Callable[[float, int], Columns]] = {
    "films": _films,
    "shots": _shots,
    "frames": _frames,
    "sound": _sound,
    "embeddings": _embeddings,
    "scenes": _scenes,
    "beats": _beats,
    "tag_shots": _tag_shots,
    "tags": _tags,
    "appearances": _appearances,
    "screen_time": _screen_time,
    "affect": _affect,
    "funny": _funny,
}
