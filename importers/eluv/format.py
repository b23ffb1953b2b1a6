"""Films of the eluv.io scene segmentation challenge: features and scenes in, predictions out.

A film is a file `tt*.pkl`: a pickled dict (imdb_id, place, cast, action, audio: (N, d) tensors;
scene_transition_boundary_ground_truth: (N − 1) bool, whether a scene ends with shot i;
scene_transition_boundary_prediction: (N − 1) numbers; shot_end_frame: (N) each shot's last frame). The films themselves
are not public: their rate is not known, and times are nominal, at 24 frames a second.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cinelake.catalogue.names import is_movie_id
from cinelake.errors import ModelUnusable, Problem
from cinelake.labels.checks import FILE, LINE
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.lake.pickles.reader import read_pickle
from cinelake.spec.arrays import Array
from cinelake.spec.contract import Contract
from cinelake.storage.content import digest, file_digest

NOMINAL_FPS = 24.0
KINDS = ("place", "cast", "action", "audio")
TRUTH, PREDICTION, ENDS = (
    "scene_transition_boundary_ground_truth",
    "scene_transition_boundary_prediction",
    "shot_end_frame",
)


@dataclass(frozen=True)
class EluvFilm:
    """One film of the challenge.

    features: kind → (N, d) float32. end_frames: (N,) int64, each shot's last frame. truth: (N − 1,) bool, whether a
    scene ends with the shot; None where it is withheld. prediction: (N − 1,) float64 or None. digest: of the file.
    """

    movie_id: str
    features: Mapping[str, Array]
    end_frames: npt.NDArray[np.int64]
    truth: npt.NDArray[np.bool_] | None
    prediction: npt.NDArray[np.float64] | None
    file: str = ""
    digest: str = ""

    def __len__(self) -> int:
        return len(self.end_frames)

    def scenes(self) -> list[tuple[int, int]]:
        """First shot and shot after the last of each scene, by the truth."""
        ends = [] if self.truth is None else [int(shot) + 1 for shot in np.flatnonzero(self.truth)]
        return list(zip([0, *ends], [*ends, len(self)], strict=True))


def read_eluv(path: Path) -> tuple[EluvFilm | None, list[Problem]]:
    """The film in a file, or all its problems. Nothing in the file is executed (see `eluv.pickles`)."""
    try:
        content = read_pickle(path)
    except ModelUnusable as error:
        return None, [Problem(path.name, 0, "", str(error))]
    if not isinstance(content, dict):
        return None, [Problem(path.name, 0, "", f"expected a dict, received a {type(content).__name__}")]
    problems = [Problem(path.name, 0, where, why) for where, why in _problems_of(content)]
    return (None, problems) if problems else (_film(content, path), [])


def _film(content: Mapping[str, Any], path: Path) -> EluvFilm:
    truth, prediction = content.get(TRUTH), content.get(PREDICTION)
    return EluvFilm(
        movie_id=content["imdb_id"],
        features={kind: content[kind].astype(np.float32) for kind in KINDS},
        end_frames=content[ENDS].astype(np.int64),
        truth=None if truth is None else truth.astype(bool),
        prediction=None if prediction is None else prediction.astype(np.float64),
        file=path.name,
        digest=file_digest(path),
    )


def _problems_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """All problems of a file's content: where, why."""
    missing = [(name, "is missing") for name in ("imdb_id", *KINDS, ENDS) if name not in content]
    if missing:
        return missing
    ends = content[ENDS]
    if not isinstance(ends, np.ndarray) or ends.ndim != 1 or not len(ends) or ends.dtype.kind not in "iu":
        return [(ENDS, f"expected whole numbers, one a shot, received {_described(ends)}")]
    imdb_id = content["imdb_id"]
    is_id = isinstance(imdb_id, str) and is_movie_id(imdb_id)
    wrong = [] if is_id else [("imdb_id", f"expected an id as in tt0000001, received {_described(imdb_id)}")]
    if int(ends[0]) < 0 or (np.diff(ends.astype(np.int64)) <= 0).any():
        wrong.append((ENDS, "expected each shot to end after the one before"))
    for kind in KINDS:
        values = content[kind]
        if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind != "f" or not values.shape[-1]:
            wrong.append((kind, f"expected a matrix of numbers, one row a shot, received {_described(values)}"))
        elif len(values) != len(ends):
            wrong.append((kind, f"expected {len(ends)} rows, as there are shots, received {len(values)}"))
        elif not np.isfinite(values).all():
            wrong.append((kind, f"{int((~np.isfinite(values)).any(axis=1).sum())} rows hold NaN or infinite numbers"))
    return [
        *wrong,
        *(part for name in (TRUTH, PREDICTION) for part in _problems_of_boundaries(name, content.get(name), len(ends))),
    ]


def _problems_of_boundaries(name: str, values: Any, shots: int) -> list[tuple[str, str]]:
    if values is None:
        return []
    if not isinstance(values, np.ndarray) or values.shape != (shots - 1,):
        return [(name, f"expected {shots - 1} values, one less than shots, received {_described(values)}")]
    if name == TRUTH and not np.isin(values, (0, 1)).all():
        return [(name, "expected true or false")]
    return []


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} of shape {value.shape}"
    return repr(value)[:60] if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def label_rows(film: EluvFilm, columns: list[str]) -> pa.Table:
    """The film's scenes as rows to import, by shots; `scene` numbers them where the labels have such a column."""
    scenes = film.scenes() if film.truth is not None else []
    rows = {
        "movie_id": pa.array([film.movie_id] * len(scenes), pa.string()),
        "start_shot": pa.array([start for start, _ in scenes], pa.int32()),
        "end_shot": pa.array([end for _, end in scenes], pa.int32()),
    }
    if "scene" in columns:
        rows["scene"] = pa.array(range(len(scenes)), pa.int32())
    return pa.table({**rows, LINE: pa.array([0] * len(scenes)), FILE: pa.array([film.file] * len(scenes), pa.string())})


def feature_batch(film: EluvFilm, contract: Contract) -> pa.RecordBatch:
    """The film's rows of a table of features of shots."""
    ends = film.end_frames + 1
    starts = np.concatenate([[0], ends[:-1]])
    columns = {
        "shot": np.arange(len(film), dtype=np.int32),
        "start_frame": starts,
        "end_frame": ends,
        "start_s": starts / NOMINAL_FPS,
        "end_s": ends / NOMINAL_FPS,
        "has_face": film.features["cast"].any(axis=1),
        "has_sound": film.features["audio"].any(axis=1),
        **film.features,
    }
    return contract.batch(film.movie_id, **columns)


def commit_features(lake: Lake, table: str, film: EluvFilm, contract: Contract) -> None:
    """Put the film's features into the lake, with the file's digest in the footer. Raises `ContractViolation`."""
    maker = {"task": "imported", "form": "eluv", "table": contract.table, "fps": NOMINAL_FPS}
    key = digest([maker, film.digest])
    ingredients = {**maker, "source": film.file, "source_digest": film.digest}
    with lake.scratch() as scratch:
        writer = CellWriter(contract, film.movie_id, scratch / "features.parquet")
        try:
            writer.write(feature_batch(film, contract))
            writer.close(Footer(key, key, ingredients, {"rows": writer.rows}))
        finally:
            writer.abandon()
        lake.commit(writer, table)


def prediction_bytes(
    movie_id: str,
    probability: Array,
    end_frames: Array,
    truth: Array | None = None,
    features: Mapping[str, Array] | None = None,
) -> bytes:
    """A film's predictions as the challenge's evaluation reads them: a pickle (protocol 2) of a dict.

    probability: (N,) that a scene begins at the shot. features: kind → (N, d), as in the challenge's own files. The
    dict holds plain NumPy arrays and texts only: imdb_id, the features (float32),
    scene_transition_boundary_prediction (N − 1, float32: entry i is whether a scene ends with shot i, that is whether
    one begins at i + 1), shot_end_frame (N, int64) and, where it is known, scene_transition_boundary_ground_truth.
    """
    content: dict[str, Any] = {
        "imdb_id": movie_id,
        **{kind: np.ascontiguousarray(values, np.float32) for kind, values in (features or {}).items()},
        PREDICTION: np.ascontiguousarray(probability[1:], np.float32),
        ENDS: np.ascontiguousarray(end_frames, np.int64),
    }
    if truth is not None:
        content[TRUTH] = np.ascontiguousarray(truth, bool)
    # NumPy 2 names itself `numpy._core`, which NumPy before 1.26 does not know; both know the older name.
    return pickle.dumps(content, protocol=2).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
