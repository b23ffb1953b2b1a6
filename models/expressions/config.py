"""What can be set of the model, and what its labels must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import pyarrow as pa

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params
from models.expressions.networks import EMOTIONS, ExpressionNetworkName


@dataclass(frozen=True)
class Recipe:
    """How a network is fitted, where nothing else is set: see the fields of `Config` of the same names."""

    epochs: int
    again: int
    learning_rate: float
    dropout: float
    variation: float


RECIPES: Mapping[str, Recipe] = {
    "recogniser": Recipe(epochs=20, again=0, learning_rate=5e-4, dropout=0.4, variation=1.0),
    "light": Recipe(epochs=24, again=16, learning_rate=2e-3, dropout=0.3, variation=0.6),
    "seed": Recipe(epochs=20, again=0, learning_rate=1e-3, dropout=0.0, variation=0.6),
}

LABELS = LabelContract(
    doc="Which emotion a face shows at a moment of a film; of several faces the main one, unless `face` says which. "
    "A Parquet of patches (columns patch, emotion, and split or source) is imported as it is.",
    shape="moments",
    columns=(
        Column("emotion", pa.string(), f"One of {', '.join(EMOTIONS)}.", one_of=EMOTIONS),
        Column("face", pa.int32(), "Number of the face within the picture; null: the main one.", True, 0),
    ),
    class_column="emotion",
    overlap=False,
    about=("face",),
)


class Config(Params):
    """The network and how it is fitted."""

    network: ExpressionNetworkName = "recogniser"
    """`recogniser`: begins from dlib's face recogniser, which `faces` has too, and learns from few faces; an epoch of
    FER2013 takes about 110 s of one processor's time. `light`: begins from nothing, in less than half the time for a
    face and more epochs. `seed`: the reference, from nothing too."""
    epochs: int | None = Field(None, ge=1)
    """Passes over the faces, while the learning rate falls to almost nothing. The best one is kept. None: 20 for
    `recogniser`, 24 for `light`, 20 for `seed`."""
    again: int | None = Field(None, ge=0)
    """Further passes after a warm restart of the learning rate, which falls again (Loshchilov and Hutter, 2017). None:
    16 for `light`, 0 for the others."""
    batch_size: int = Field(128, ge=1)
    """Faces per step; of fewer than 2,048 faces a sixteenth of them, at least 16."""
    learning_rate: float | None = Field(None, gt=0)
    """Of AdamW, at its height; none: 0.0005 for `recogniser`, 0.002 for `light`, 0.001 for `seed`."""
    weight_decay: float = Field(0.02, ge=0)
    """Of AdamW."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of the embedding dropped while training; none: 0.4 for `recogniser`, 0.3 for `light`, 0 for `seed`."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of each label that is spread over all expressions: people agree on two faces of three only."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much rare expressions weigh: 0 as often as they are, 1 each expression as much as any other."""
    variation: float | None = Field(None, ge=0, le=2)
    """How strongly training faces are mirrored, turned, moved, lit and partly hidden at random; 0: not at all; none: 1
    for `recogniser`, 0.6 for the others."""
    views: Literal[1, 3] = 3
    """In how many views a face is judged, each of them mirrored too. 1: as it is. 3: turned by 6° to either side as
    well, which costs three times as much: 9 ms of processor time a face in place of 3 by `recogniser`."""
    reach_s: float = Field(0.5, gt=0)
    """A label counts for the picture nearest to its moment, if that is no farther than this."""

    @property
    def recipe(self) -> Recipe:
        """The network's own, but for what is set here."""
        own = RECIPES[self.network]
        given = {each.name: getattr(self, each.name) for each in fields(own)}
        return replace(own, **{name: value for name, value in given.items() if value is not None})


def vocabularies(_config: Config) -> dict[str, Sequence[str]]:
    """The seven emotions."""
    return {"emotion": EMOTIONS}


SPACE: Mapping[str, Any] = {
    "learning_rate": {"log_uniform": [5e-4, 4e-3]},
    "dropout": {"choice": [0.2, 0.4, 0.6]},
    "variation": {"choice": [0.5, 1.0, 1.5]},
    "balance": {"choice": [0.0, 0.5]},
}
