"""Which network looks at which kinds of features, how it is fitted, and what labels of scenes look like."""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
from pydantic import field_validator

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params

SceneNetworkName = Literal["similarity", "bilstm", "wavenet", "logistic"]
OptimizerName = Literal["rmsprop", "adam", "adamw"]
DEFAULTS: dict[str, tuple[OptimizerName, float, int]] = {
    "similarity": ("adamw", 1e-2, 60),
    "bilstm": ("adam", 1e-3, 60),
    "wavenet": ("adam", 1e-3, 60),
    "logistic": ("adam", 1e-3, 1),
}
"""Optimiser, learning rate and epochs of each network, where the configuration names none."""
LINEAR_SHARES = {"similarity": 0.8, "bilstm": 0.9, "wavenet": 0.9, "logistic": 1.0}
"""Of wavenet by leaving out films of a kind (mAP .24 alone, .48 from 0.8 on); of the others by likeness to it."""
IN_ROWS = ("similarity", "logistic")
"""Networks that read one shot's comparisons at a time; the others read a film's in order."""

LABELS = LabelContract(
    doc="Scenes, one after another. Shots that no scene covers are neither learned from nor scored.",
    shape="spans",
    columns=(
        Column("scene", pa.int32(), "Number of the scene in its film.", True, 0),
        Column("place", pa.string(), "Where it plays.", True),
        Column("kind", pa.string(), "What kind of scene it is.", True),
        Column("begins", pa.bool_(), "Of a shot alone: whether a scene begins with it; empty: a whole scene.", True),
    ),
    overlap=False,
)


class Config(Params):
    """Which network looks at which kinds of features, and how it is fitted."""

    network: SceneNetworkName = "similarity"
    """similarity, bilstm, wavenet; or logistic: the regression on the same comparisons that stands beside each."""
    use: tuple[str, ...] = ("place", "cast", "action", "audio")
    """Kinds of features: columns of vectors in `shot_features`."""
    n_layers: int = Field(2, ge=1, le=10)
    """bilstm: layers."""
    n_neurons: int = Field(32, ge=1, le=512)
    """bilstm: units of each layer, in each direction."""
    num_blocks: int = Field(2, ge=1, le=8)
    """wavenet: how often the row of dilations is gone through."""
    num_layers: int = Field(4, ge=1, le=12)
    """wavenet: layers of a block, with dilations 1, 2, 4 …"""
    filters1: int = Field(10, ge=1, le=512)
    """wavenet: filters of the dilated layers."""
    filters2: int = Field(5, ge=1, le=512)
    """wavenet: filters of the layer before the last."""
    hidden: int = Field(64, ge=1, le=1024)
    """similarity: hidden units of each member."""
    members: int = Field(4, ge=1, le=32)
    """similarity: members whose answers are averaged."""
    linear_share: float | None = Field(None, ge=0, le=1)
    """How much of the logit comes from a logistic regression on the same inputs, the rest from the network: 0: none.
    Null: 0.8 for similarity, 0.9 for the others, whose answers hold less on films of another kind."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """similarity: share of hidden units dropped while training."""
    input_dropout: float = Field(0.2, ge=0, lt=1)
    """Share of inputs dropped while training."""
    weight_decay: float = Field(1e-2, ge=0)
    """Of AdamW."""
    optimizer: OptimizerName | None = None
    """rmsprop, adam or adamw; none: adamw for similarity, adam for the others."""
    learning_rate: float | None = Field(None, gt=0)
    """None: 1e-2 for similarity (falling to 0), 1e-3 for the others."""
    epochs: int | None = Field(None, ge=1)
    """At most so many passes; none: 60."""
    patience: int | None = Field(10, ge=1)
    """bilstm, wavenet: stop after so many epochs without a better loss on the validation part; null: never."""
    batch_films: int = Field(4, ge=1, le=256)
    """bilstm, wavenet: films of like length per step."""
    batch_shots: int = Field(256, ge=1)
    """similarity: shots per step."""
    balance: float = Field(0.0, ge=0, le=1)
    """How much heavier rare boundaries weigh: 0 not, 1 as much together as all other shots."""
    near_weight: float = Field(1.0, ge=0, le=1)
    """What a shot beside a scene's first weighs while learning: less than 1 forgives an answer that is one shot off.
    On real films of another kind it did not help: 0.3 and 0 lost .005 and .031 of F1."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have given the epochs; if not, they alone say how
    many scenes there are."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A scene begins from this probability on. Probabilities are such that 0.5 cuts a film into as many scenes as its
    calibrated probabilities add up to."""

    @field_validator("use")
    @classmethod
    def _some_and_each_once(cls, use: tuple[str, ...]) -> tuple[str, ...]:
        if not use or len(set(use)) < len(use):
            raise ValueError(f"'use' names at least one kind of features, each once. Received: {list(use)}")
        return use

    @property
    def optimizer_name(self) -> OptimizerName:
        """The optimiser that is meant."""
        return self.optimizer or DEFAULTS[self.network][0]

    @property
    def linear_part(self) -> float:
        """The share of the logistic regression that is meant."""
        return self.linear_share if self.linear_share is not None else LINEAR_SHARES[self.network]

    @property
    def rate(self) -> float:
        """The learning rate that is meant."""
        return self.learning_rate or DEFAULTS[self.network][1]

    @property
    def max_epochs(self) -> int:
        """The number of epochs that is meant."""
        return self.epochs or DEFAULTS[self.network][2]


SPACE: dict[str, Any] = {
    "network": {"choice": ["wavenet"]},
    "num_blocks": {"int": [2, 3]},
    "num_layers": {"int": [4, 10]},
    "filters1": {"int": [10, 20]},
    "filters2": {"int": [2, 10]},
}
"""What the first publication of the WaveNet-like network searched."""
