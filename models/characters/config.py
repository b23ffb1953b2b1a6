"""What can be set of the model, and what its labels must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params

LABELS = LabelContract(
    doc="Who is to be seen at a moment; several rows a moment where several are there.",
    shape="moments",
    columns=(Column("character", pa.string(), "The character's name; `nobody` where none of them is there."),),
    class_column="character",
)


class Config(Params):
    """Which head looks at what, and how it is trained."""

    head: Literal["auto", "regions", "linear", "seed", "both"] = "auto"
    """`regions`: a small convolutional network on the pictures of `frames`. `linear`: logistic regression on roots of
    `embeddings`. `seed`: the tutorial's 1024-512-256 on `embeddings`. `both`: `regions` and `linear`, mixed as the
    validation films say. `auto`: `both` with 5 films and more to learn from; with fewer `linear`. Which is best on your
    labels is found by `learner: auto`, in blocks of them."""
    characters: tuple[str, ...] = ()
    """The characters; none: all that the labels name."""
    nobody: tuple[str, ...] = ("nobody", "neither")
    """What the labels call a moment without any of the characters."""
    exclusive: bool | None = None
    """Whether a frame holds one character at most (softmax with nobody); none: where no labelled moment holds two."""
    class_weights: bool | None = None
    """Whether rare characters weigh as much in training as frequent ones; none: where characters exclude each other."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A character is in a frame from this probability; where characters exclude each other, the likeliest is."""
    calibrate: Literal["none", "seconds"] = "none"
    """`seconds`: probabilities are moved so that as many seconds are found of each character as are labelled, on frames
    that were not learned from (blocks left out in turn for `linear`, else the validation films): sums of screen time
    are less biased, while single frames may be."""
    together: bool = True
    """Whether it counts how many of them the labels show at once: in films of pairs a third person is unlikely. Only
    where characters do not exclude each other."""
    smoothing_s: float = Field(2.0, ge=0)
    """Probabilities are averaged over this many seconds, within the shot."""
    epochs: int = Field(50, ge=1)
    """Passes of the regions head over the labelled frames."""
    seed_epochs: int = Field(100, ge=1)
    """Passes of the reference head."""
    batch_size: int = Field(16, ge=1)
    """Pictures of one step of the regions head."""
    variation: float = Field(0.5, ge=0, le=2)
    """How strongly training pictures are moved, scaled, mirrored and re-lit at random; 0: not at all."""
    regularisation: float = Field(0.01, gt=0)
    """Inverse strength of the linear head's L2 penalty."""
    refit: bool = True
    """Whether the linear head learns from the validation films too, once they have said how heads are mixed."""

    @property
    def sees_pictures(self) -> bool:
        """Whether the tables `frames` are needed."""
        return self.head in ("auto", "both", "regions")

    @property
    def sees_vectors(self) -> bool:
        """Whether the tables `embeddings` are needed."""
        return self.head != "regions"


def vocabularies(config: Config) -> dict[str, Sequence[str]]:
    """The listed characters and nobody; any name without a list."""
    return {"character": [*config.characters, *config.nobody]} if config.characters else {}


def alone(config: Config) -> Sequence[str]:
    """What says that none of the characters is there."""
    return config.nobody


SPACE: Mapping[str, Any] = {
    "regularisation": {"log_uniform": [1e-4, 1.0]},
    "smoothing_s": {"choice": [0.0, 1.0, 2.0, 4.0]},
    "variation": {"choice": [0.5, 1.0, 1.5]},
}
