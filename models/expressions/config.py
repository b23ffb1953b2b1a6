"""What can be set of the model, and what its labels must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params
from models.expressions.networks import EMOTIONS, ExpressionNetworkName

RATES = {"light": 2e-3, "seed": 1e-3}
DROPOUTS = {"light": 0.3, "seed": 0.0}

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

    network: ExpressionNetworkName = "light"
    """`light`: an epoch of FER2013 takes about 90 s of one processor's time. `seed`: the reference, four times that."""
    epochs: int = Field(24, ge=1)
    """Passes over the faces, while the learning rate falls to almost nothing. The best one is kept."""
    again: int = Field(16, ge=0)
    """Further passes after a warm restart of the learning rate, which falls again (Loshchilov and Hutter, 2017)."""
    batch_size: int = Field(128, ge=1)
    """Faces per step."""
    learning_rate: float | None = Field(None, gt=0)
    """Of AdamW, at its height; none: 0.002 for `light`, 0.001 for `seed`."""
    weight_decay: float = Field(0.02, ge=0)
    """Of AdamW."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of the embedding dropped while training; none: 0.3 for `light`, 0 for `seed`."""
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    """Share of each label that is spread over all expressions: people agree on two faces of three only."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much rare expressions weigh: 0 as often as they are, 1 each expression as much as any other."""
    variation: float = Field(0.6, ge=0, le=2)
    """How strongly training faces are mirrored, turned, moved, lit and partly hidden at random; 0: not at all."""
    reach_s: float = Field(0.5, gt=0)
    """A label counts for the picture nearest to its moment, if that is no farther than this."""

    @property
    def rate(self) -> float:
        """The learning rate at its height."""
        return self.learning_rate if self.learning_rate is not None else RATES[self.network]

    @property
    def dropped(self) -> float:
        """The share of the embedding that is dropped."""
        return self.dropout if self.dropout is not None else DROPOUTS[self.network]


def vocabularies(_config: Config) -> dict[str, Sequence[str]]:
    """The seven emotions."""
    return {"emotion": EMOTIONS}


SPACE: Mapping[str, Any] = {
    "learning_rate": {"log_uniform": [5e-4, 4e-3]},
    "dropout": {"choice": [0.2, 0.4, 0.6]},
    "variation": {"choice": [0.5, 1.0, 1.5]},
    "balance": {"choice": [0.0, 0.5]},
}
