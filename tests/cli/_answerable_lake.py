"""The made lake with the tables that models write, their rows taken from what was drawn."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.spec.contract import Contract
from cinelake.spec.task import find_task

EMOTIONS = 7
Rows = list[dict[str, str]]


def fill(lake: Lake, labels: Path) -> None:
    """Commit the tables of every film of the labels."""
    films = {row["movie_id"] for row in _read(labels, "films")}
    drawn = {name: _by_film(_read(labels, name)) for name in LABELS}
    for movie_id in sorted(films):
        of_film = {name: rows[movie_id] for name, rows in drawn.items()}
        for table, columns in rows_of(of_film).items():
            contract = find_task(table).contract
            _commit(lake, contract, contract.batch(movie_id, **columns))


LABELS = ("affect", "beats", "characters", "faces", "funny", "scenes", "tags")


def rows_of(drawn: dict[str, Rows]) -> dict[str, dict[str, Any]]:
    """Table → columns, of one film."""
    scenes, beats, tags = drawn["scenes"], drawn["beats"], sorted({(int(r["shot"]), r["tag"]) for r in drawn["tags"]})
    seen = sorted((r["character"], float(r["time_s"])) for r in drawn["characters"] if r["character"] != "nobody")
    names, faces = sorted({name for name, _ in seen}), _first_faces(drawn["faces"])
    shots_with = {tag: len([1 for _, other in tags if other == tag]) for tag in sorted({tag for _, tag in tags})}
    return {
        "affect": {name: _floats(drawn["affect"], name) for name in ("time_s", "valence", "arousal")},
        "scenes": {
            **{name: _numbers(scenes, name) for name in ("scene", "start_shot", "end_shot")},
            **{name: _floats(scenes, name) for name in ("start_s", "end_s")},
            "score": [1.0] * len(scenes),
        },
        "beats": {
            "beat": range(len(beats)),
            "category": [row["category"] for row in beats],
            "start_shot": _numbers(beats, "shot"),
            "end_shot": [shot + 1 for shot in _numbers(beats, "shot")],
            **{name: _floats(beats, name) for name in ("start_s", "end_s")},
            "confidence": [0.9] * len(beats),
        },
        "tag_shots": {
            "shot": [shot for shot, _ in tags],
            "tag": [tag for _, tag in tags],
            "probability": [0.9] * len(tags),
        },
        "tags": {
            "tag": list(shots_with),
            "weight": [float(count) for count in shots_with.values()],
            "relevance": [count / max(shots_with.values()) for count in shots_with.values()],
            "shots": list(shots_with.values()),
        },
        "appearances": {
            "character": [name for name, _ in seen],
            "start_s": [time_s for _, time_s in seen],
            "end_s": [time_s + 1 for _, time_s in seen],
            "shot": [0] * len(seen),
            "confidence": [0.9] * len(seen),
        },
        "actor_appearances": {
            "character": ["person_1"],
            "start_s": [0.0],
            "end_s": [2.0],
            "shot": [0],
            "confidence": [0.9],
        },
        "screen_time": {
            "character": names,
            "seconds": [float(sum(name == other for other, _ in seen)) for name in names],
            "share": [0.5] * len(names),
            "appearances": [1] * len(names),
        },
        "co_appearances": {
            "scene": [0],
            "character": ["anna"],
            "other": ["tomas"],
            **{name: [2.0] for name in ("together_s", "character_s", "other_s")},
        },
        "funny": {
            "start_s": [0.0, 2.0],
            "end_s": [2.0, 4.0],
            "q_funny": [1.0, 0.0],
            "q_not_funny": [0.0, 1.0],
            "is_funny": [True, False],
        },
        "expressions": {
            "frame": _numbers(faces, "frame"),
            "time_s": _floats(faces, "time_s"),
            "face": [0] * len(faces),
            "is_main": [True] * len(faces),
            "emotion": [row["expression"].replace("surprised", "surprise") for row in faces],
            "probabilities": np.full((len(faces), EMOTIONS), 1 / EMOTIONS, np.float32),
            "embedding": np.zeros((len(faces), 512), np.float32),
        },
        "subtitles": {
            "language": ["en"],
            "start_s": [0.0],
            "end_s": [5.0],
            "text": ["Where's the bridge?"],
            "track": [0],
            "line": [0],
            "source": ["stream 2"],
        },
    }


def _read(labels: Path, name: str) -> Rows:
    with (labels / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _by_film(rows: Rows) -> dict[str, Rows]:
    found: dict[str, Rows] = defaultdict(list)
    for row in rows:
        found[row["movie_id"]].append(row)
    return found


def _first_faces(rows: Rows) -> Rows:
    """One face of each picture."""
    return list({int(row["frame"]): row for row in reversed(rows)}.values())[::-1]


def _floats(rows: Rows, name: str) -> list[float]:
    return [float(row[name]) for row in rows]


def _numbers(rows: Rows, name: str) -> list[int]:
    return [int(row[name]) for row in rows]


def _commit(lake: Lake, contract: Contract, batch: pa.RecordBatch) -> None:
    with lake.scratch() as scratch:
        writer = CellWriter(contract, batch["movie_id"][0].as_py(), scratch / "cell.parquet")
        writer.write(batch)
        writer.close(Footer("drawn", "drawn", {"task": contract.table, "version": 1, "params": {}}, {}))
        lake.commit(writer, contract.table)
