"""A small project that can be taught: films of noise that grows loud, a manifest, labels of the loud passages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pyarrow as pa
from core._mlflow_store import store_in
from core._toy_model import MODEL, predict

from cinelake.events import Event
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.store import LabelVersion, import_labels
from cinelake.learning.request import TrainingRequest, TrainingSummary, prepare_request
from cinelake.learning.session import train_model
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.media.ffmpeg import binary
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.step import run_step
from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, NoParams, TableReader, task

LENGTH_S = 6
LOUD = Contract(
    table="loud_windows",
    doc="Which windows of sound are loud.",
    columns=[Column("window", pa.int32(), "Its number."), Column("is_loud", pa.bool_(), "Whether it is loud.")],
    key=("window",),
)
COUNTED = Contract(
    table="loud_counts",
    doc="How many windows are loud.",
    columns=[Column("loud", pa.int32(), "How many.")],
    key=(),
)


@task(writes=LOUD, reads=[], applies="loud", version=1)
class FindLoud:
    """Apply the toy model."""

    def __init__(self, params: NoParams, film: Film, artefact: Artefact):
        self.film, self.artefact = film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a window."""
        found = predict(self.artefact, MODEL.features(tables, self.artefact.config))["loud"]
        yield LOUD.batch(self.film.movie_id, window=np.arange(len(found), dtype=np.int32), is_loud=found)


@task(writes=COUNTED, reads=["loud_windows"], version=1)
class CountLoud:
    """Count what the model found."""

    def __init__(self, params: NoParams, film: Film):
        self.film = film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row."""
        count = sum(tables["loud_windows"].read()["is_loud"].to_pylist())
        yield COUNTED.batch(self.film.movie_id, loud=np.array([count], np.int32))


@cache
def _film(loud_from_s: int) -> bytes:
    target = Path(mkdtemp()) / "film.mkv"
    sound = f"aevalsrc='if(lt(t,{loud_from_s}),0.005,0.5)*sin(440*2*PI*t)':d={LENGTH_S}:s=16000"
    picture = f"color=size=32x32:rate=2:duration={LENGTH_S}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    subprocess.run([binary(), "-loglevel", "error", *inputs, "-c:a", "pcm_s16le", str(target)], check=True)
    return target.read_bytes()


@dataclass(frozen=True)
class Project:
    """A folder with films, a manifest and a lake."""

    folder: Path

    def load(self) -> Manifest:
        """Its manifest as it stands."""
        return load_manifest(self.folder / "pipeline.yaml")

    def write(self, models: str = "{loud: {}}") -> None:
        """Write the manifest with another section `models`."""
        store = store_in(self.folder).uri if not (self.folder / "mlflow.db").exists() else "mlflow.db"
        (self.folder / "pipeline.yaml").write_text(
            "lake: lake\ncatalogue: {films: films}\n"
            f"tracking: {{uri: {store}}}\nmodels: {models}\n"
            "tasks: {films: , sound: , loud_windows: , loud_counts: }\n"
        )

    def add_films(self, count: int, start: int = 0) -> list[str]:
        """Put films into the catalogue; the n-th grows loud after n % 4 + 1 seconds. Gives their ids."""
        (self.folder / "films").mkdir(exist_ok=True)
        names = [f"film_{n:02d}" for n in range(start, start + count)]
        for n, name in enumerate(names, start):
            # MKV ignores bytes after its end; so that no two films are the same.
            (self.folder / "films" / f"{name}.mkv").write_bytes(_film(n % 4 + 1) + bytes([236, 129, n]))
        return names

    def label(self, films: list[str], *, wrong: bool = False, into: str = "loud") -> LabelVersion:
        """Label the loud passages of films, or the others."""
        starts = [int(film[-2:]) % 4 + 1.0 for film in films]
        spans = [(0.0, start) if wrong else (start, float(LENGTH_S)) for start in starts]
        rows = {
            "movie_id": films,
            "start_s": [span[0] for span in spans],
            "end_s": [span[1] for span in spans],
            "start_shot": pa.nulls(len(films), pa.int32()),
            "end_shot": pa.nulls(len(films), pa.int32()),
            "word": pa.nulls(len(films), pa.string()),
        }
        table = pa.table(rows, schema=MODEL.labels.schema)
        root = Path(self.load().labels)
        facts = {film: FilmFacts(float(LENGTH_S)) for film in films}
        about = {"annotator": "test", "source": "made", "source_digest": str(rows)}
        return import_labels(root, into, MODEL.labels, table, facts, **about, vocabularies={})

    def plan(self) -> Planning:
        """Today's plan."""
        return plan_manifest(self.load())

    def run(self) -> list[tuple[str, str]]:
        """Make what is stale; gives the cells made."""
        planning = self.plan()
        made = []
        for movie_id, cells in planning.plan.by_film().items():
            report = run_step(planning.step(movie_id, cells))
            assert not report.failed(), report
            made += [(movie_id, cell.table) for cell in report.cells]
        return made

    def states(self, table: str) -> set[tuple[str, str]]:
        """(state, reason) of a table's cells."""
        return {(cell.state, cell.reason) for cell in self.plan().whole.cells if cell.table == table}

    def train(self, events: list[Event] | None = None, **wishes: Any) -> TrainingSummary:
        """Train without an orchestrator."""
        request = TrainingRequest(self.load(), "loud", **wishes)
        prepared = prepare_request(request, lambda _: None)
        told = events if events is not None else []
        return train_model(request, prepared, self.folder / ".cinelake" / "training", told.append)
