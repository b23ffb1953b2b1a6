"""Files beside films: annotators' forms, workbooks, Parquet, arrays of models; and what reads them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cinelake.labels.film_facts import FilmFacts
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import FilmLabels
from importers.annotators.forms import FORMS, Form, forms_of, read_forms

TAGS = LabelContract("Tags.", "spans", (Column("tag", pa.string(), "What it shows."),), class_column="tag")
FACTS = FilmFacts(60.0, None, True, 25.0, 0.0, 640, 360)
ROWS = [
    {"movie_id": "film_a", "start_s": start, "end_s": start + 2.0, "tag": tag}
    for start, tag in ((0.0, "night"), (1.0, 'a "chase"'), (40.0, "=1+1"))
]
FCPXML = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.10"><resources><format id="r1" frameDuration="1/25s" width="640" height="360"/>
<asset id="r2" name="film_a" start="0s" duration="60s" format="r1"><media-rep kind="original-media"
src="file:///films/film_a.mp4"/></asset></resources><library><event name="e"><project name="p"><sequence format="r1">
<spine><asset-clip ref="r2" offset="0s" name="film_a" start="0s" duration="60s">
<marker start="1s" duration="2s" value="night"/><keyword start="3s" duration="4s" value="chase"/></asset-clip></spine>
</sequence></project></event></library></fcpxml>
"""
MODELS = ("npz", "checkpoint")
"""What a trained model keeps as arrays, and a training that may be resumed."""
PACKED = ("xlsx", "parquet", "list-parquet", "list-xlsx", *MODELS)
ANNOTATED = (*FORMS, *PACKED)
"""Kinds of files: the forms of annotators, and what is no text: tables, arrays."""


def annotated(kind: str) -> bytes:
    """A good file of a kind, with three labels of one film."""
    if kind in FORMS:
        write = FORMS[kind].write
        labels = FilmLabels("film_a", "film_a.mp4", "films/film_a.mp4", FACTS, ROWS, TAGS, "tags", "anna")
        return write([labels])[0] if write else FCPXML
    sink = io.BytesIO()
    listed = [{"movie_id": f"film_{n}", "uri": f"films/{n}.mp4", "title": "A film", "group": "x"} for n in range(3)]
    rows = listed if kind.startswith("list-") else ROWS
    if kind in MODELS:
        names = ("mean", "std") if kind == "npz" else ("now_0", "now_1", "best_0")
        progress = {} if kind == "npz" else {"progress": np.array('{"epoch": 3, "best": 0.5}')}
        np.savez(sink, allow_pickle=False, **{name: np.arange(8.0) for name in names}, **progress)
    elif kind.endswith("xlsx"):
        from cinelake.storage.sheets import write_sheet

        write_sheet(list(rows[0]), [row.values() for row in rows], sink)
    else:
        pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def annotated_readers() -> Mapping[str, Callable[[Path], object]]:
    """Kind → what `cinelake labels import` and the catalogue read it with."""
    from cinelake.catalogue.list import read_list
    from cinelake.labels.readers import read_files

    def named(suffix: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
        return lambda file: read(file.replace(file.with_suffix(suffix)))

    return {
        **{kind: named(form.suffix, _reader(kind, form)) for kind, form in FORMS.items()},
        "xlsx": named(".xlsx", lambda file: read_files([file])),
        "parquet": named(".parquet", lambda file: read_files([file])),
        "list-parquet": named(".parquet", read_list),
        "list-xlsx": named(".xlsx", read_list),
        "npz": _read_arrays,
        "checkpoint": _read_checkpoint,
    }


def _read_arrays(file: Path) -> None:
    """As the arrays of a trained model."""
    from cinelake.lake.artefact import read_artefact

    folder = file.parent / "artefact"
    folder.mkdir(exist_ok=True)
    about = {"kind": "tags", "code": {}, "config": {}, "facts": {}, "inputs": {}, "trained_on": []}
    (folder / "model.json").write_text(json.dumps(about))
    read_artefact(file.replace(folder / "arrays.npz").parent)


class _Variable:
    """What a checkpoint needs of a variable of Keras."""

    shape = (8,)

    def numpy(self) -> Any:
        return np.zeros(self.shape)

    def assign(self, _: Any) -> None: ...


def _read_checkpoint(file: Path) -> None:
    """As the state of a training that goes on."""
    from cinelake.learning.fitting import Checkpoint

    Checkpoint(file, SimpleNamespace(variables=[_Variable()]), SimpleNamespace(variables=[_Variable()])).load()


def _reader(kind: str, form: Form) -> Callable[[Path], Any]:
    """Reads a file by what it looks like, and by what it is said to be: rows, or problems; nothing is raised."""
    from cinelake.catalogue.films import CatalogueFilm
    from cinelake.labels.film_names import FilmNames
    from importers.annotators.fitting import Fitting

    names = FilmNames([CatalogueFilm("film_a", "/films/film_a.mp4", "films/film_a.mp4", "A film")], {"film_a": FACTS})

    def read(file: Path) -> None:
        forms_of([file])
        read_forms({file: kind}, TAGS, names, {"film_a": FACTS}, Fitting())

    return read
