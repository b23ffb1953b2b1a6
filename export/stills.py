"""Pictures of films as files, with a CSV that says when each is shown: what other people's programs begin with.

FOLDER/frames.csv                    movie_id, file, frame, time_s, shot (and face); written when all pictures are there
FOLDER/MOVIE_ID/0000123.jpg          picture 123 of that film
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import CinelakeError, UnknownName, UsageError
from cinelake.manifest.document import Manifest
from cinelake.storage.files import write_whole
from export.film import FilmReader, find_film, write_file

FORMS = {"jpg": "JPEG", "png": "PNG"}
LIST = "frames.csv"
JPEG_QUALITY = 92
PATCH_SIDE = 48
ExportedStill = tuple[dict[str, Any], bytes | Any]
"""What the list says of a picture (frame, time_s, shot, face), and the picture: as JPEG, or as grey bytes (48, 48)."""


@dataclass(frozen=True)
class StillForm:
    """How pictures are written. width: in pixels, the shape is kept; None: as they are."""

    form: str = "jpg"
    grey: bool = False
    width: int | None = None

    def file(self, picture: bytes | Any) -> bytes:
        """A picture as the bytes of a file; a JPEG of which nothing changes stays as it is."""
        if isinstance(picture, bytes) and self == StillForm():
            return picture
        from PIL import Image

        image = Image.open(io.BytesIO(picture)) if isinstance(picture, bytes) else Image.fromarray(picture)
        image = image.convert("L" if self.grey else image.mode)
        if self.width is not None:
            height = max(1, round(image.height * self.width / image.width))
            image = image.resize((self.width, height), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        image.save(file, FORMS[self.form], **({"quality": JPEG_QUALITY} if self.form == "jpg" else {}))
        return file.getvalue()


def export_stills(
    manifest: Manifest, movie_ids: Sequence[str], kind: str, folder: Path, form: StillForm, *, force: bool
) -> dict[str, Any]:
    """Write the pictures of films; returns what was written, and why films have none (`left_out`).

    kind: one of `KINDS`. Raises `UnknownName`, `UsageError` (a folder that holds something, no film with pictures).
    """
    if kind not in KINDS:
        raise UnknownName("kind of frames", kind, KINDS)
    if form.form not in FORMS:
        raise UnknownName("format", form.form, FORMS)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not force:
        raise UsageError(f"{folder} is there already: name another with --output, or write into it with --force")
    rows: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for movie_id in movie_ids:
        try:
            reader = FilmReader(manifest, find_film(manifest, movie_id))
            rows += [_written(folder, movie_id, about, form, picture) for about, picture in KINDS[kind](reader)]
        except OSError as error:
            raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
        except CinelakeError as error:
            if len(movie_ids) == 1:
                raise
            left_out[movie_id] = str(error)
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / LIST, _list(rows))
    return {"output": str(folder), "of": kind, "pictures": len(rows), "left_out": left_out}


def _written(folder: Path, movie_id: str, about: Mapping[str, Any], form: StillForm, picture: Any) -> dict[str, Any]:
    """Write one picture; returns its row of the list."""
    face = f"_{about['face']}" if "face" in about else ""
    name = f"{movie_id}/{about['frame']:07d}{face}.{form.form}"
    (folder / movie_id).mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, form.file(picture))
    return {"movie_id": movie_id, "file": name, **about}


def _list(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    columns = ["movie_id", "file", "frame", "time_s", "shot", *(["face"] if any("face" in row for row in rows) else [])]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _sampled(reader: FilmReader) -> Iterator[ExportedStill]:
    """All pictures that the lake keeps: so many a second, and the middle of each shot."""
    return _stills(reader.read("frames"))


def _middles(reader: FilmReader) -> Iterator[ExportedStill]:
    """The picture that stands for each shot."""
    frames = reader.read("frames")
    return _stills(frames.filter(frames["is_middle"]))


def _stills(frames: pa.Table) -> Iterator[ExportedStill]:
    for batch in frames.select(["frame", "time_s", "shot", "jpeg"]).to_batches():
        for row in batch.to_pylist():
            yield {name: row[name] for name in ("frame", "time_s", "shot")}, row["jpeg"]


def _main_faces(reader: FilmReader) -> Iterator[ExportedStill]:
    """Of each picture the face nearest to its centre, as the 48 × 48 grey bytes that the lake keeps of it."""
    faces = reader.read("faces")
    main = faces.filter(pc.fill_null(faces["is_main"], fill_value=False))
    for batch in main.select(["frame", "time_s", "shot", "face", "patch"]).to_batches():
        for row in batch.to_pylist():
            patch = np.asarray(row.pop("patch"), np.uint8).reshape(PATCH_SIDE, PATCH_SIDE)
            yield row, patch


KINDS: Mapping[str, Callable[[FilmReader], Iterator[ExportedStill]]] = {
    "sampled": _sampled,
    "middles": _middles,
    "main-faces": _main_faces,
}
"""What pictures are chosen → how."""
