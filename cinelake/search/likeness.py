"""The vector that is searched for: a moment's of the lake, or a picture's by the very task that made the lake's.

A picture is made like those of the lake's films (JPEG of the same width and quality) and goes through the task with the
parameters of the lake's vectors: the same backbone, scaling and version, or a clear error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.index import Index
from cinelake.plan.keys import key_params
from cinelake.search.moments import Hit, hit_at, timecode
from cinelake.search.vectors import film_vectors, read_samples, unit
from cinelake.spec.arrays import Floats
from cinelake.spec.roles import FilmLength, Pictures, Shots, Vectors
from cinelake.spec.task import Film, Params, TaskSpec, find_task, known_tasks, names_path, tasks_with

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES, MAX_PIXELS = 256 << 20, 200_000_000
"""What a picture may have; a still of 16K has 133 million pixels."""
_LIKE = re.compile(r"(?P<film>.+)@(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Making:
    """How vectors were made: task, version, parameters without those of speed."""

    task: str
    version: int
    params: str

    def __str__(self) -> str:
        params = json.loads(self.params)
        return f"{_vectors(self.task).network(params) or self.task} ({self.task} version {self.version})"


def _vectors(task: str) -> Vectors:
    """What the task declares of its vectors; vectors of an unknown task are assumed to be of pictures."""
    declared = find_task(task).role(Vectors) if task in known_tasks() else None
    return declared or Vectors()


def making(index: Index, table: str, films: Iterable[str]) -> Making:
    """How the vectors of films were made. Raises `UsageError` where that differs: they cannot be compared."""
    groups: dict[Making, list[str]] = {}
    for movie_id in films:
        footer = index.footer(table, movie_id)
        made = footer.ingredients if footer else {}
        task = made.get("task", table)
        params = _which(task, made.get("params") or {})
        groups.setdefault(Making(task, made.get("version", 0), params), []).append(movie_id)
    if len(groups) > 1:
        ways = "; ".join(f"{way}: {len(names)} films, as {names[0]}, {way.params}" for way, names in groups.items())
        raise UsageError(
            f"vectors of {table} cannot be compared, they were made in {len(groups)} ways. {ways}. "
            "`cinelake run` makes all films alike; --movie searches some of them"
        )
    return next(iter(groups))


def _which(task: str, params: Mapping[str, Any]) -> str:
    """The parameters that determine the vectors, without those of speed."""
    speed = _vectors(task).speed
    return json.dumps({name: value for name, value in params.items() if name not in speed}, sort_keys=True)


def parse_like(text: str) -> tuple[str, float]:
    """FILM@HH:MM:SS.mmm (or MM:SS, or seconds) as movie_id and seconds. Raises `UsageError`."""
    match = _LIKE.fullmatch(text.strip())
    if not match:
        raise UsageError(f"a moment is FILM@HH:MM:SS, as in big_buck_bunny@00:12:31. Received: {text!r}")
    return match["film"], int(match["h"] or 0) * 3600 + int(match["m"] or 0) * 60 + float(match["s"])


def like_moment(index: Index, table: str, text: str, films: Mapping[str, str]) -> tuple[Floats, Hit]:
    """The vector nearest to a moment, (d,) of length 1, and where it is.

    Raises `UnknownName` for a film without vectors, `UsageError` for a time past its end.
    """
    movie_id, time_s = parse_like(text)
    if movie_id not in films:
        raise UnknownName("film", movie_id, films)
    samples = read_samples(index.lake, table, movie_id)
    if not len(samples):
        raise UsageError(f"{table} of {movie_id} has no row, so that no moment of it can be looked for")
    end_s = _end_s(index, movie_id, samples.times_s)
    if time_s > end_s:
        raise UsageError(f"{movie_id} ends at {timecode(end_s)}. Received: {timecode(time_s)}")
    at = int(np.argmin(np.abs(samples.times_s - time_s)))
    vector: Floats = unit(np.concatenate(list(film_vectors(index.lake, table, movie_id)))[at : at + 1])[0]
    return vector, hit_at(samples, at, 1.0)


def _end_s(index: Index, movie_id: str, times_s: Any) -> float:
    """When a film ends: by its shots, else by its container, else by its last vector."""
    shots, lengths = tasks_with(Shots), tasks_with(FilmLength)
    columns = [(task, role.end_s) for task, role in shots.items()]
    columns += [(task, role.column) for task, role in lengths.items()]
    for table, column in columns:
        if movie_id in index.cells(table):
            ends = [end for end in index.lake.reader(table, movie_id).read([column])[column].to_pylist() if end]
            if ends:
                return float(max(ends))
    return float(times_s.max(initial=0.0))


def like_picture(index: Index, table: str, made: Making, path: Path, film: str, params: Params | None) -> Floats:
    """The vector of a picture in a file, (d,) of length 1, made as those of `film` were.

    params: the manifest's for this table, where they name files. Raises `UsageError` for a picture that cannot be read,
    and where vectors cannot be made here as the lake's were.
    """
    spec = find_task(made.task)
    picture = _read_picture(path)
    settings = _params(spec, table, made, params)
    pictures = {name: role for name, role in tasks_with(Pictures).items() if name in spec.inputs(settings)}
    tables = {name: _OneRow(role.of_still(picture, _params_of(index, name, film))) for name, role in pictures.items()}
    for batch in spec.make(settings, Film("searched")).run(tables):
        vectors = batch["embedding"].flatten().to_numpy(zero_copy_only=False)
        vector: Floats = unit(np.asarray(vectors, np.float32)[None])[0]
        return vector
    raise UsageError(f"{table} gives no vector for a picture: search with --like")


def like_text(index: Index, table: str, made: Making, text: str, film: str, params: Params | None) -> Floats:
    """The vector of a text, (d,) of length 1, beside which the table's vectors can be compared.

    Raises `UsageError` where the manifest names no network of texts for the table, or one of another size.
    """
    of_text = _vectors(made.task).of_text
    if of_text is None or params is None:
        raise UsageError(
            f"{table} cannot be searched by a text: its entry in the manifest must name a network of texts"
        )
    vector: Floats = unit(np.asarray(of_text(params, text), np.float32)[None])[0]
    size = next((part.shape[1] for part in film_vectors(index.lake, table, film)), len(vector))
    if size != len(vector):
        raise UsageError(f"vectors of {table} have {size} numbers, the text's has {len(vector)}: they are no pair")
    return vector


def made_alike(index: Index, table: str, films: Iterable[str], params: Params) -> None:
    """Raise `UsageError` where films' vectors were made in several ways, or otherwise than these parameters make them.

    params: the manifest's for the table.
    """
    made = making(index, table, films)
    spec = find_task(made.task)
    if spec.version != made.version or _which(made.task, key_params(params, spec.preflight(params))) != made.params:
        raise UsageError(
            f"{table} was made with other settings than those here ({made.params}): `cinelake run` renews it"
        )


def _params_of(index: Index, table: str, movie_id: str) -> Mapping[str, Any]:
    """The parameters that a film's table was made with; empty where the lake has no such table of it."""
    footer = index.footer(table, movie_id)
    return (footer.ingredients.get("params") or {}) if footer else {}


def _params(spec: TaskSpec, table: str, made: Making, given: Params | None) -> Params:
    """The parameters that make the same vectors. Raises `UsageError` where they cannot be reconstructed."""
    known = json.loads(made.params)
    subject = _vectors(made.task).subject(known)
    if subject != "pictures":
        raise UsageError(f"{table} holds vectors of {subject}, not of pictures: search with --like")
    if spec.version != made.version:
        raise UsageError(
            f"{table} was made by version {made.version} of its task, this is version {spec.version}: "
            "`cinelake run` renews it"
        )
    params = given or _without_files(spec, table, known)
    if _which(made.task, key_params(params, spec.preflight(params))) != made.params:
        raise UsageError(
            f"{table} was made with other settings than those here ({made.params}): `cinelake run` renews it"
        )
    return params


def _without_files(spec: TaskSpec, table: str, known: Mapping[str, Any]) -> Params:
    """Parameters as the lake's footers have them: without paths of files, so that a network in a file is empty."""
    if {} in known.values():
        raise UsageError(f"{table} was made by a network in a file: say where with the manifest (`manifest=`, or -m)")
    fields = spec.params.model_fields
    stored = {name: value for name, value in known.items() if name in fields and not names_path(fields[name])}
    return spec.params.model_validate(stored)


def _read_picture(path: Path) -> Image.Image:
    """The picture in a file, upright, RGB. Raises `UsageError` where it is huge or cannot be read."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is huge: {path.stat().st_size >> 20} MiB, at most {MAX_BYTES >> 20} are read")
        with Image.open(path, formats=("JPEG", "PNG", "WEBP", "TIFF", "BMP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UsageError(f"{path} is huge: {image.width} × {image.height} pixels")
            return ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        why = getattr(error, "strerror", None) or "it is no JPEG, PNG, WebP, TIFF or BMP, or it is damaged"
        raise UsageError(f"the picture {path} cannot be read: {why}") from error


class _OneRow:
    """A table of one picture; satisfies `cinelake.spec.task.TableReader`."""

    def __init__(self, rows: pa.Table):
        self._rows = rows

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Its row."""
        yield from self.read(columns).to_batches()

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Its row."""
        return self._rows.select(columns) if columns else self._rows
