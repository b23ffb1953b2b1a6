"""Contracts of labels of every shape, a model that has them, and a project whose films are in its lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.labels.checks import LINE
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.store import LabelVersion, import_labels
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Model
from cinelake.spec.task import Params, find_task

KIND = Column("kind", pa.string(), "What happens.")
SCENES = LabelContract("Scenes, side by side.", "spans", (KIND,), class_column="kind", overlap=False)
TAGS = LabelContract("Tags, several at once.", "spans", (KIND,), class_column="kind")
FACES = LabelContract("Who is seen.", "moments", (KIND,), class_column="kind")
GENRES = LabelContract("What a film is.", "films", (KIND,), class_column="kind")
RATINGS = LabelContract(
    "What viewers think.",
    "films",
    (
        Column("viewer", pa.string(), "Who says so."),
        Column("kind", pa.string(), "The tag."),
        Column("rating", pa.float64(), "How well it fits, 1 to 5.", at_least=1, at_most=5),
    ),
)
KINDS = ("chase", "dialogue", "sorrow")
FILMS = {"dawn": FilmFacts(60.0, 6), "dusk": FilmFacts(30.0, 3), "night": FilmFacts(in_lake=False)}


class ToyConfig(Params):
    """Nothing to choose."""


def nothing(*_: Any) -> Any:
    """What a model does of which only the labels matter."""
    return {}


MODEL = Model(
    name="toy",
    version=1,
    config=ToyConfig,
    labels=TAGS,
    reads=lambda _: ("shots", "embeddings"),
    features=nothing,
    targets=nothing,
    train=nothing,
    predict=nothing,
    score_film=nothing,
    summarise=nothing,
    baseline=nothing,
    metric="f1",
    more_labels={"scenes": SCENES, "faces": FACES, "genres": GENRES, "ratings": RATINGS},
    vocabularies=lambda _: {"kind": KINDS},
)


def rows_of(*rows: Mapping[str, Any]) -> pa.Table:
    """Rows as a reader gives them, as texts where any is a text; the first stands on line 2."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    return pa.table({**columns, LINE: [number + 2 for number in range(len(rows))]})


def _column(values: list[Any]) -> list[Any]:
    is_text = any(isinstance(value, str) for value in values)
    return [str(value) if is_text and value is not None else value for value in values]


def scene(movie_id: str = "dawn", start: Any = 0.0, end: Any = 10.0, kind: str = "chase") -> dict[str, Any]:
    """A row of `SCENES` or `TAGS`."""
    return {"movie_id": movie_id, "start_s": start, "end_s": end, "kind": kind}


def take(
    root: Path, *rows: Mapping[str, Any], contract: LabelContract = SCENES, name: str = "toy", **options: Any
) -> LabelVersion:
    """Import rows."""
    about = {"annotator": "maria", "source": "scenes.csv", "source_digest": "d1", "vocabularies": {"kind": KINDS}}
    return import_labels(root, name, contract, rows_of(*rows), FILMS, **{**about, **options})


def a_project(folder: Path, films: Sequence[str] = ("dawn", "dusk"), listed: Sequence[str] = ()) -> Path:
    """A manifest whose lake holds films of 60 s in 6 shots; those `listed` are in the catalogue alone."""
    (folder / "films").mkdir(parents=True)
    for movie_id in (*films, *listed):
        (folder / "films" / f"{movie_id}.mp4").write_bytes(movie_id.encode())
    tasks = "tasks: {films: {}, shots: {}, frames: {fps: 1}, embeddings: {}}"
    (folder / "pipeline.yaml").write_text(f'lake: lake\ncatalogue: {{films: "films/*"}}\n{tasks}\n')
    for movie_id in films:
        put_film(Lake(str(folder / "lake")), movie_id)
    return folder


def put_film(
    lake: Lake,
    movie_id: str,
    shots: int = 6,
    shot_s: float = 10.0,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
) -> None:
    """Commit the cells `films` and `shots` of a film."""
    spec = find_task("films").contract
    about: dict[str, Any] = {column.name: [None] for column in spec.columns}
    texts = {"title": [movie_id], "uri": [f"{movie_id}.mp4"], "fingerprint": ["f"]}
    numbers = {"size_bytes": [1], "frame_count": [240], "has_sound": [False], "duration_s": [shots * shot_s]}
    if fps and size:
        numbers |= {"fps": [fps], "width": [size[0]], "height": [size[1]]}
    _commit(lake, "films", spec.batch(movie_id, **{**about, **texts, **numbers}))
    contract = find_task("shots").contract
    motion = next(column.type for column in contract.columns if column.name == "motion")
    batch = contract.batch(
        movie_id,
        shot=list(range(shots)),
        start_frame=[24 * n for n in range(shots)],
        end_frame=[24 * n + 24 for n in range(shots)],
        start_s=[shot_s * n for n in range(shots)],
        end_s=[shot_s * n + shot_s for n in range(shots)],
        transition=["start", *["cut"] * (shots - 1)],
        score=[1.0] * shots,
        motion=[[0.0] * motion.list_size] * shots,
    )
    _commit(lake, "shots", batch)


def _commit(lake: Lake, table: str, batch: pa.RecordBatch) -> None:
    movie_id = batch["movie_id"][0].as_py()
    with lake.scratch() as scratch:
        writer = CellWriter(find_task(table).contract, movie_id, scratch / "cell.parquet")
        writer.write(batch)
        writer.close(Footer("k", "m", {"version": 1}, {}))
        lake.commit(writer, table)
