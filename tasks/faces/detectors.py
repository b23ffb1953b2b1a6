"""Where the faces of a picture are: one small class per detector, all with the same method."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.lake.onnx import check_provider, require_device, session_options
from cinelake.spec.arrays import Device, Floats, PixelArray
from tasks.shared.pictures import RelativeBox, grey

EMBEDDING_SIZE = 512
"""Size of the embedding column where a detector has no embedding."""


@dataclass(frozen=True)
class Face:
    """A face in a picture: box as fractions of the picture (left, top, width, height), inside it.

    chip: it turned upright, where its embedding is still to be made of that.
    """

    box: RelativeBox
    score: float
    embedding: Floats | None = None
    chip: PixelArray | None = None


class FaceDetector(Protocol):
    """Finds faces in one RGB picture of any size. `provider` is what ran, `embedding_size` what `Face` carries.

    Faces of several pictures are done only once they have been `identified` together.
    """

    provider: str
    embedding_size: int

    def faces(self, pixels: PixelArray) -> list[Face]:
        """The faces whose box has an area inside the picture, in no particular order."""

    def identified(self, faces: Sequence[Face]) -> list[Face]:
        """Faces that were found, in the same order, with the vectors that are made of several together."""
        return list(faces)


def clipped(corners: Sequence[float], width: int, height: int) -> RelativeBox | None:
    """A box (left, top, right, bottom in pixels) as fractions, cut to the picture; None if no pixel is left."""
    left, top, right, bottom = map(float, corners)
    x0, x1 = (min(max(v, 0.0), width) for v in (left, right))
    y0, y1 = (min(max(v, 0.0), height) for v in (top, bottom))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    x, y = x0 / width, y0 / height
    return x, y, min(x1 / width - x, 1 - x), min(y1 / height - y, 1 - y)


def kept(detected: Iterable[tuple[RelativeBox | None, float, Any]]) -> list[Face]:
    """Faces of (box or None, score, embedding or None); those without a box are left out."""
    return [Face(box, float(score), embedding) for box, score, embedding in detected if box is not None]


class DlibFaces(FaceDetector):
    """dlib's frontal face detector (HOG and a linear SVM, Dalal & Triggs 2005): needs no file.

    Finds upright faces seen from the front, from 80 pixels up (40 with `upsample` 1, four times slower). 16 ms for
    640 × 360. Its score is the distance from the SVM's plane: 0 is its own limit, above 1 is rare.
    """

    provider = "dlib"
    embedding_size = EMBEDDING_SIZE

    def __init__(self, upsample: int = 0, min_score: float = 0.0):
        import dlib

        self._detector = dlib.get_frontal_face_detector()
        self._upsample, self._min_score = upsample, min_score

    def faces(self, pixels: PixelArray) -> list[Face]:
        height, width = pixels.shape[:2]
        boxes, scores, _ = self._detector.run(grey(pixels), self._upsample, self._min_score)
        return kept(
            (clipped((b.left(), b.top(), b.right() + 1, b.bottom() + 1), width, height), score, None)
            for b, score in zip(boxes, scores, strict=True)
        )


def pack_folder(pack: Path | str) -> Path:
    """The folder of an insightface pack: itself, or for a name `~/.insightface/models/NAME`.

    Raises `WeightsMissing` when there is no ONNX file in it; nothing is ever downloaded.
    """
    folder = pack if isinstance(pack, Path) else Path.home() / ".insightface" / "models" / pack
    if not any(folder.glob("*.onnx")):
        raise WeightsMissing(
            f"insightface pack {str(pack)!r}: no .onnx file in {folder}. Put the pack's ONNX files there, or give "
            "`pack:` the folder that holds them (published packs are for non-commercial use; nothing is downloaded)"
        )
    return folder


class InsightFaces(FaceDetector):
    """insightface's `FaceAnalysis` over a folder of ONNX files: an SCRFD or RetinaFace detector, an ArcFace embedding.

    The networks are recognised by their shapes. The packs that insightface publishes (buffalo_l, antelopev2, ...)
    are licensed for non-commercial use only: whoever uses one commercially trains or licenses another.
    """

    def __init__(self, pack: Path | str, min_score: float = 0.5, device: Device = "cpu", *, identify: bool = True):
        from insightface.app import FaceAnalysis

        warnings.filterwarnings("ignore", category=FutureWarning, module=r"insightface\.")
        folder, self.provider = pack_folder(pack), require_device(device)
        options = {"providers": [self.provider], "sess_options": session_options()}
        try:
            wanted = ["detection", *(["recognition"] if identify else [])]
            self._analysis = FaceAnalysis(name=str(folder), allowed_modules=wanted, **options)
        except AssertionError as error:
            raise ModelUnusable(f"no file in {folder} is a face detector that insightface knows") from error
        except Exception as error:
            raise ModelUnusable(f"the pack in {folder} cannot be loaded: {error}") from error
        for model in self._analysis.models.values():
            check_provider(model.session, self.provider)
        self._analysis.prepare(ctx_id=0 if device == "cuda" else -1, det_thresh=min_score)
        recogniser = self._analysis.models.get("recognition")
        self.embedding_size = int(recogniser.output_shape[-1]) if recogniser else EMBEDDING_SIZE

    def faces(self, pixels: PixelArray) -> list[Face]:
        height, width = pixels.shape[:2]
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        return kept(
            (clipped(face.bbox, width, height), face.det_score, face.normed_embedding)
            for face in self._analysis.get(bgr)
        )
