"""The project and the files that the examples of `--help` name: films, a lake with all tables, labels in every form."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from _annotations import elan
from PIL import Image

from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.spec.task import find_task
from cinelake.storage.content import fingerprint
from examples.kinds import all_tags

TAGS = sorted({*all_tags(), "chase", "explosion"})
MANIFEST = f"""\
lake: lake
catalogue: {{films: "films/*"}}
engine: {{kind: local, workers: 2}}
server: {{keep_s: 0}}
tasks:
  films: {{}}
  shots: {{}}
  frames: {{fps: 1}}
  sound: {{}}
  faces: {{detector: dlib}}
  embeddings: {{backbone: descriptor}}
  shot_features: {{}}
  scenes: {{}}
  tag_shots: {{}}
  tags: {{}}
models:
  scenes: {{config: {{epochs: 3}}}}
  tags: {{config: {{vocabulary: {json.dumps(TAGS)}}}}}
"""
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<meta><job><size>192</size><start_frame>0</start_frame><stop_frame>191</stop_frame></job><source>cartoon.mp4</source>
<original_size><width>640</width><height>360</height></original_size></meta>
<track id="0" label="tom" source="manual">
<box frame="24" keyframe="1" outside="0" occluded="0" xtl="64" ytl="36" xbr="192" ybr="108" z_order="0"></box>
<box frame="48" keyframe="1" outside="1" occluded="0" xtl="64" ytl="36" xbr="192" ybr="108" z_order="0"></box>
</track></annotations>"""
VIA = {
    "project": {"pid": "p"},
    "attribute": {"1": {"aname": "scene_type", "type": 4, "options": {"0": "chase", "1": "action"}}},
    "file": {"1": {"fid": "1", "fname": "cartoon.mp4", "type": 4, "loc": 1, "src": ""}},
    "view": {"1": {"fid_list": ["1"]}},
    "metadata": {"1_abc": {"vid": "1", "flg": 0, "z": [1.5, 4.25], "xy": [], "av": {"1": "1"}}},
}
EDL = """TITLE: markers
FCM: NON-DROP FRAME

001  001      V     C        01:00:00:00 01:00:00:01 01:00:00:00 01:00:00:01
* LOC: 01:00:00:00 RED     scene 0

002  001      V     C        01:00:04:00 01:00:04:01 01:00:04:00 01:00:04:01
* LOC: 01:00:04:00 RED     scene 1
"""
FCPXML = """<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources><format id="r1" frameDuration="100/2500s"/>
<asset id="r2" name="cartoon" src="file:///Volumes/x/cartoon.mp4" start="3600s" duration="8s" format="r1"/></resources>
<library><event><project><sequence><spine>
<asset-clip ref="r2" start="3600s" duration="8s" name="cartoon">
<keyword start="3601s" duration="2s" value="funny"/></asset-clip>
</spine></sequence></project></event></library></fcpxml>"""
STUDIO = {
    "id": 3,
    "data": {"video": "/data/upload/7/0a1b2c3d-cartoon.mp4"},
    "annotations": [
        {
            "id": 5,
            "completed_by": 1,
            "was_cancelled": False,
            "result": [
                {
                    "id": "a",
                    "type": "timelinelabels",
                    "from_name": "videoLabels",
                    "to_name": "video",
                    "value": {"ranges": [{"start": 25, "end": 72}], "timelinelabels": ["chase"]},
                }
            ],
        }
    ],
    "predictions": [],
}
TEXTS = {
    "annotations.xml": CVAT,
    "via_project.json": json.dumps(VIA),
    "interview.eaf": elan("interview.mp4"),
    "markers.edl": EDL,
    "project.fcpxml": FCPXML,
    "project-1-at-2026-11-29.json": json.dumps([STUDIO]),
    "ratings.csv": "movie_id,viewer,tag,rating\ncartoon,maria,action,0.9\nsintel,maria,action,0.1\n",
    "arousal.csv": "movie_id,sample_0ms,sample_1000ms\ncartoon,0.1,0.9\n",
    "valence.csv": "movie_id,sample_0ms,sample_1000ms\ncartoon,0.4,0.6\n",
    "mapping.csv": "Image_ID,Class\n0.jpg,0\n1.jpg,1\n",
    "utterances.csv": "language,start_s,end_s,text,track,line,source\nen,0.5,1.5,Good morning,0,0,.srt\n",
    "smile.arff": "@relation smile\n@attribute frameTime numeric\n@attribute pitch numeric\n@attribute jitter numeric\n"
    "@data\n0.0,110.5,0.1\n1.0,112.0,0.2\n",
}
SHOWN_PERSON = "Ida Lund"


def rename_films(labels: Path, names: Mapping[str, str]) -> None:
    """Have drawn labels name the films as the examples do."""
    for file in labels.glob("*.csv"):
        rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))
        with file.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([names.get(row[0], row[0]), *row[1:]] for row in rows)


def write(folder: Path) -> None:
    """The manifest, and in `stock/` every file that an example reads and that needs no lake."""
    stock = folder / "stock"
    stock.mkdir()
    (folder / "pipeline.yaml").write_text(MANIFEST)
    for name, text in TEXTS.items():
        (stock / name).write_text(text)
    labels = folder / "drawn" / "labels"
    _keep(labels / "scenes.csv", stock / "scenes.csv", ("movie_id", "scene", "start_s", "end_s", "place", "kind"))
    _keep(labels / "tags.csv", stock / "tags.csv", ("movie_id", "start_s", "end_s", "tag"))
    _keep(labels / "characters.csv", stock / "characters.csv", ("movie_id", "time_s", "character"))
    with (stock / "characters.csv").open("a") as rows:
        rows.write(f"cartoon,1.5,{SHOWN_PERSON}\n")
    _write_workbook(stock / "sheet.xlsx", ("movie_id", "start_s", "end_s"), [("cartoon", 0.0, 4 / 86400)])
    line = ("movie_id", "time_s", "valence", "arousal")
    _write_workbook(stock / "line.xlsx", line, [("cartoon", 0.0, 0.1, 0.2), ("cartoon", 1.0, 0.3, 0.4)])
    Image.new("RGB", (320, 180), "teal").save(stock / "still.jpg")
    for number, tag in enumerate(("action", "drama")):
        _write_picture(stock / "pictures" / tag / f"heat{number}-shot1.jpg", number)
    for name in ("holiday.mp4", "night_train.mkv"):
        shutil.copy(folder / "films" / f"{Path(name).stem}.mp4", stock / name)
    (folder / "home" / "films").mkdir(parents=True)
    shutil.copy(folder / "films" / "dusk.mp4", folder / "home" / "films")


def write_from_lake(folder: Path) -> None:
    """The files of `stock/` that are made of what the lake has."""
    cells = sorted((folder / "lake" / "shot_features").glob("*.parquet"))
    table = pa.concat_tables([pq.read_table(cell).replace_schema_metadata(None) for cell in cells])
    pq.write_table(table, folder / "stock" / "clip.parquet")


def _keep(labels: Path, to: Path, columns: tuple[str, ...]) -> None:
    with labels.open(newline="") as rows, to.open("w", newline="") as kept:
        writer = csv.DictWriter(kept, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(csv.DictReader(rows))


def _write_workbook(path: Path, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    book.save(path)


def _write_picture(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (90, 160, 3), np.uint8)).save(path)


def fill(folder: Path, movie_id: str = "my_film") -> None:
    """Commit the tables that the examples look into, as models, readers and hearers would have made them."""
    lake, key = Lake(str(folder / "lake")), fingerprint(folder / "films" / f"{movie_id}.mp4")
    spans = {"start_s": [float(second) for second in range(8)], "end_s": [second + 1.0 for second in range(8)]}
    half = {"start_s": [0.0], "end_s": [4.0]}
    line = {"time_s": [float(second) for second in range(8)]}
    shown = {**half, "shot": [0], "confidence": [0.9]}
    people = {"character": ["Anna", "tom"], **{name: values * 2 for name, values in shown.items()}}
    said = ["a rose for jack", "land of the gatekeepers", "the engine"]
    for table, columns in {
        "scenes": {"scene": range(8), "start_shot": range(8), "end_shot": range(1, 9), **spans, "score": [1.0] * 8},
        "tag_shots": {
            "shot": [0, 0, 0, 0],
            "tag": ["chase", "explosion", "nudity", "violence"],
            "probability": [0.9, 0.8, 0.7, 0.6],
        },
        "beats": {
            **{"beat": [0], "category": ["battle"], "start_shot": [0], "end_shot": [1]},
            **{"start_s": [4.0], "end_s": [5.0], "confidence": [0.9]},
        },
        "affect": {**line, "valence": [-0.5] * 8, "arousal": [0.7] * 4 + [0.9] * 4},
        "appearances": people,
        "actor_appearances": {"character": ["Ada Lovelace"], **shown},
        "importance": {"line": ["importance"] * 8, **line, "value": [n / 8 for n in range(8)]},
        "subtitles": {
            **{"language": ["en"] * 3, "start_s": [0.5, 1.5, 2.5], "end_s": [1.0, 2.0, 3.0], "text": said},
            **{"track": [0] * 3, "line": range(3), "source": [".srt"] * 3},
        },
        "writing": {
            **{"line": [0], **half, "text": ["hotel"], "score": [0.9], "time_s": [1.0], "speed": [0.0]},
            **{name: [0.1] for name in ("x", "y", "width", "height")},
            **{"is_credit": [False], "pictures": [2]},
        },
    }.items():
        _commit(lake, movie_id, key, table, columns)


def _commit(lake: Lake, movie_id: str, key: str, table: str, columns: Mapping[str, Any]) -> None:
    task = "lines" if table == "importance" else table
    contract = replace(find_task(task).contract, table=table)
    with lake.scratch() as scratch:
        writer = CellWriter(contract, movie_id, scratch / "cell.parquet")
        writer.write(contract.batch(movie_id, **columns))
        made_of = {"task": task, "version": 0, "params": {}, "fingerprint": key}
        writer.close(Footer("filled", "filled", made_of, {}))
        lake.commit(writer, table)
