"""Which network looks at which kinds of features, how it is fitted, and what labels of scenes look like."""

from __future__ import annotations

from typing import Any, Literal

import pyarrow as pa
from pydantic import field_validator

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params

SceneNetworkName = Literal["similarity", "bilstm", "wavenet"]
OptimizerName = Literal["rmsprop", "adam", "adamw"]
DEFAULTS: dict[str, tuple[OptimizerName, float, int]] = {
    "similarity": ("adamw", 1e-2, 60),
    "bilstm": ("adam", 1e-3, 60),
    "wavenet": ("adam", 1e-3, 60),
}
"""Optimiser, learning rate and epochs of each network, where the configuration names none."""

LABELS = LabelContract(
    doc="Scenes, one after another. Shots that no scene covers are neither learned from nor scored.",
    shape="spans",
    columns=(
        Column("scene", pa.int32(), "Number of the scene in its film.", True, 0),
        Column("place", pa.string(), "Where it plays.", True),
        Column("kind", pa.string(), "What kind of scene it is.", True),
    ),
    overlap=False,
)


class Config(Params):
    """Which network looks at which kinds of features, and how it is fitted."""

    network: SceneNetworkName = "similarity"
    """similarity, bilstm or wavenet."""
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
    linear_share: float = Field(0.5, ge=0, le=1)
    """similarity: how much of the logit comes from a logistic regression; the rest from the members."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """similarity: share of hidden units dropped while training."""
    input_dropout: float = Field(0.2, ge=0, lt=1)
    """similarity: share of inputs dropped while training."""
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
    refit: bool = True
    """Whether the validation films are learned from too, once they have given the epochs and the threshold."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A scene begins from this probability on. Probabilities are such that 0.5 is best on the validation part."""

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
