"""The faces of a picture, numbered from left to right, with the main one and a small grey patch of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa

from tasks.faces.detectors import Face, FaceDetector
from tasks.shared.pictures import PATCH_SIDE, Jpeg, decode, grey, resize, square_crop

FaceRow = tuple[Jpeg, int, Face, bool, np.ndarray]


def face_rows(pictures: Iterable[Jpeg], detector: FaceDetector, max_width: int) -> list[FaceRow]:
    """The identified faces of some pictures, by picture and from left to right: each with its number, whether it is the
    main one, and its patch."""
    rows = [row for picture in pictures for row in _found(picture, detector, max_width)]
    faces = detector.identified([row[2] for row in rows])
    return [(*row[:2], face, *row[3:]) for row, face in zip(rows, faces, strict=True)]


def _found(picture: Jpeg, detector: FaceDetector, max_width: int) -> list[FaceRow]:
    pixels = decode(picture.jpeg, max_width)
    faces = sorted(detector.faces(pixels), key=lambda face: (*face.box, -face.score))
    if not faces:
        return []
    luma, main = grey(pixels), nearest_to_centre(faces)
    return [
        (picture, number, face, number == main, resize(square_crop(luma, face.box), PATCH_SIDE, PATCH_SIDE))
        for number, face in enumerate(faces)
    ]


def nearest_to_centre(faces: list[Face]) -> int:
    """Index of the face whose centre is nearest to the picture's (in fractions of it); the first of equals."""
    centres = [(f.box[0] + f.box[2] / 2 - 0.5, f.box[1] + f.box[3] / 2 - 0.5) for f in faces]
    return min(range(len(faces)), key=lambda i: centres[i][0] ** 2 + centres[i][1] ** 2)


def embedding_column(faces: Sequence[Face], size: int) -> pa.Array:
    """(n,) vectors; of a face without one nulls, since Parquet cannot hold a null vector of fixed size."""
    vectors = [face.embedding for face in faces]
    flat = [pa.nulls(size, pa.float32()) if v is None else pa.array(v, pa.float32()) for v in vectors]
    return pa.FixedSizeListArray.from_arrays(pa.concat_arrays(flat), size)
