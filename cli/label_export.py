"""`cinelake labels export`: labels as tables, or as files of annotators' tools that can be imported again."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import CannotHold, UnknownName, UsageError
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.labels.films import KnownFilms
from cinelake.labels.images import image_facts
from cinelake.labels.store import label_sets, label_versions, stored_labels
from cinelake.manifest.document import Manifest, load_manifest
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import find_model
from cinelake.storage.objects import is_remote
from cinelake.storage.sheets import write_sheet
from cli.answers import open_sink, write_answer
from cli.notes import together
from cli.screen import err, plain
from importers.annotators.annotation import FilmLabels
from importers.annotators.forms import FORMS

TABLES = ("csv", "parquet", "xlsx")
WRITTEN = (*TABLES, *(name for name, form in FORMS.items() if form.write))


@dataclass(frozen=True)
class ExportRequest:
    """The options of `cinelake labels export`; see their help."""

    name: str
    kind: str = ""
    version: int | None = None
    format: str = "csv"
    output: Path | None = None
    movies: tuple[str, ...] = ()


def export_labels(manifest: Path, request: ExportRequest) -> None:
    """Write labels. Raises `UnknownName`, `UsageError`, `CannotHold`; then nothing is written."""
    if request.format not in WRITTEN:
        raise UnknownName("format", request.format, WRITTEN)
    loaded = load_manifest(manifest)
    rows = _chosen(stored_labels(Path(loaded.labels), request.name, request.kind, request.version), request.movies)
    if request.format == "xlsx":
        _write_workbook(rows, request.output)
    elif request.format in TABLES:
        write_answer(rows, request.format, request.output)
    else:
        _write_form(loaded, request, rows)
    if request.output is not None:
        count, films = rows.num_rows, pc.count_distinct(rows["movie_id"]).as_py()
        what = f"{count} label{'s' if count != 1 else ''} of {films} film{'s' if films != 1 else ''}"
        err.print(plain(f"{what} written to {request.output}"))


def _chosen(rows: pa.Table, movies: Sequence[str]) -> pa.Table:
    """The rows of these films, or all. Raises `UnknownName` for a film without labels."""
    known = set(pc.unique(rows["movie_id"]).to_pylist())
    for movie_id in movies:
        if movie_id not in known:
            raise UnknownName("film with labels", movie_id, known)
    return rows.filter(pc.is_in(rows["movie_id"], pa.array(movies, pa.string()))) if movies else rows


def _write_workbook(rows: pa.Table, output: Path | None) -> None:
    if output is None and sys.stdout.isatty():
        raise UsageError("a workbook is binary, nothing for a terminal: name a file (`-o labels.xlsx`)")
    values = ([row[name] for name in rows.column_names] for row in rows.to_pylist())
    try:
        with open_sink(output, binary=True) as sink:
            write_sheet(rows.column_names, values, sink)
    except ValueError as error:
        raise CannotHold("xlsx", [str(error)]) from error
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error


def _write_form(manifest: Manifest, request: ExportRequest, rows: pa.Table) -> None:
    """All films in one file where the form has room for several, else a file for each; all are made, then written."""
    form = FORMS[request.format]
    assert form.write is not None
    films = _film_labels(manifest, request, rows)
    is_folder = request.output is not None and (request.output.is_dir() or not request.output.suffix)
    if len(films) > 1 and not form.many and not is_folder:
        raise UsageError(
            f"{request.format} holds one film a file, and these labels are of {len(films)}: name a folder "
            "(`-o folder`), or one film (`--movie ID`)"
        )
    parts = [films] if form.many else [[film] for film in films]
    made = [(part, *form.write(part)) for part in parts]
    for note in together([note for _, _, told in made for note in told]):
        err.print(plain(note))
    for part, data, _ in made:
        name = request.name if form.many else part[0].movie_id
        output = request.output / f"{name}{form.suffix}" if request.output and is_folder else request.output
        try:
            if output is not None:
                output.parent.mkdir(parents=True, exist_ok=True)
            with open_sink(output, binary=True) as sink:
                sink.write(data)
        except OSError as error:
            raise UsageError(f"{output or 'standard output'} cannot be written: {error.strerror or error}") from error


def _film_labels(manifest: Manifest, request: ExportRequest, rows: pa.Table) -> list[FilmLabels]:
    """The labels of each film, under the name by which an import finds the film again: its file's, else its id."""
    model, contract = contract_of(Path(manifest.labels), request.name, request.kind)
    known = KnownFilms(manifest, image_facts(Path(manifest.labels), request.name))
    names, listed = FilmNames(known.catalogue, known), {film.movie_id: film for film in known.catalogue}
    columns = [name for name in contract.schema.names if name in rows.column_names]
    films: dict[str, list[dict[str, object]]] = {}
    for row in rows.select(columns).to_pylist():
        films.setdefault(row["movie_id"], []).append({key: value for key, value in row.items() if value is not None})
    labels = []
    for movie_id, of_film in films.items():
        facts = known[movie_id] if movie_id in known else FilmFacts()  # a film that is gone has labels still
        place = listed[movie_id].place if movie_id in listed else ""
        file = place.rpartition("/")[2]
        is_text = file.isprintable()  # a file's name may hold what no form does
        name = file if is_text and names.find(file)[0] == [movie_id] else movie_id
        uri = place if is_remote(place) or not place else Path(place).absolute().as_uri()
        labels.append(FilmLabels(movie_id, name, uri if name == file else "", facts, of_film, contract, model))
    return labels


def contract_of(root: Path, name: str, kind: str) -> tuple[str, LabelContract]:
    """The model that labels were checked for, and their contract. Raises `UnknownName`, `UsageError`."""
    versions = label_versions(root, name, kind)
    if not versions:
        raise UnknownName("set of labels", f"{name}/{kind}" if kind else name, label_sets(root))
    model = next((version.model for version in reversed(versions) if version.model), "")
    if not model:
        raise UsageError(
            f"for which model the labels {name!r} are is not recorded: importing them again, as CSV, records it"
        )
    spec = find_model(model)
    return model, spec.more_labels[kind] if kind else spec.labels
