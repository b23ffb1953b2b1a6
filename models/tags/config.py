"""The vocabulary of tags, what is looked at, the head, and what labels and ratings look like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import BeforeValidator, WithJsonSchema, field_validator, model_validator

from cinelake.spec.arrays import Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, ManifestPath, Params
from models.heads.config import Head, HeadName
from models.shots.inputs import ShotInput, arrays_of
from models.tags.kernel import Kernel

VOCABULARY = (
    "action", "bomb explosion", "car chase", "destruction", "sword fight", "vehicle crash", "violence", "abduction",
    "heist", "adventure", "animal", "beach/sea", "climbing", "desert", "hiking", "forest", "valleys/hills", "children",
    "family", "club/bar", "dance", "music", "wedding", "college/univ.", "hospital", "drinking", "food", "smoking",
    "exercise", "sports", "swimming", "glamor/fashion", "nudity", "romance", "sex", "horror", "monster", "murder",
    "lab experiment", "sci-fi", "super hero", "technology", "robot", "military", "police", "prison", "war", "weapon",
    "animation", "drama",
)  # fmt: skip
"""The 50 tags of Khan et al., "Movies Tags Extraction Using Deep Learning" (AVSS 2017)."""
KHAN = "khan2017"


def _in_full(value: object) -> object:
    """The tags that a short name stands for; a list as the tuple that a strict reader of manifests wants."""
    if value == KHAN:
        return VOCABULARY
    return tuple(value) if isinstance(value, list) else value


Vocabulary = Annotated[
    tuple[str, ...],
    BeforeValidator(_in_full),
    WithJsonSchema({"anyOf": [{"const": KHAN}, {"type": "array", "items": {"type": "string"}}]}),
]
"""Tags in order; `khan2017` is short for `VOCABULARY`."""

LABELS = LabelContract(
    doc="Tags of spans, shots or whole films; several may overlap. A film that has labels at all is labelled whole: "
    "what no row says of it is not there (`absence: unknown` for films that were labelled in part).",
    shape="spans",
    columns=(Column("tag", pa.string(), "The tag; empty: the span was looked at, and none fits.", nullable=True),),
    class_column="tag",
)


RATINGS = LabelContract(
    doc="What viewers say of the tags that were found in a film.",
    shape="films",
    columns=(
        Column("viewer", pa.string(), "Who says it."),
        Column("tag", pa.string(), "The tag that is rated."),
        Column("rating", pa.float64(), "How well it fits the film, 0 to 1 (or to another best rating)."),
    ),
    about=("viewer", "tag"),
)


class FineTune(Params):
    """Which backbone, how much of it learns, and what pictures it is given."""

    backbone: ManifestPath
    """A .keras file with its weights: (rows, side, side, 3) → a map or a vector."""
    layers: int = Field(10, ge=0)
    """So many of its last layers that have weights learn; 0: the head alone."""
    side: int = Field(96, ge=8, le=1024)
    """Height and width of the pictures; as the backbone takes them."""
    scaling: Literal["raw", "0-1", "-1-1"] = "-1-1"
    """How it takes bytes: as they are, from 0 to 1, or from -1 to 1."""
    learning_rate: float = Field(1e-4, gt=0)
    """Of Adam: small, so that what the backbone knows is not lost."""
    epochs: int = Field(20, ge=1)
    """At most so many passes over the training part."""
    patience: int = Field(5, ge=1)
    """Stop after so many epochs without a better loss on the validation part."""
    batch_size: int = Field(32, ge=1)
    """Pictures per step."""

    @field_validator("backbone")
    @classmethod
    def _a_keras_file(cls, file: Path) -> Path:
        if file.suffix.lower() != ".keras":
            raise ValueError(f"a backbone that learns is a .keras file. Received: {file.name!r}")
        return file


class Config(Params):
    """The vocabulary, what is looked at, the head and how it is fitted."""

    vocabulary: Vocabulary = ()
    """The tags, in order, to which labels are held; or `khan2017`, the 50 of its publication. None: all that the labels
    name."""
    multi_label: bool = True
    """Whether a shot may have several tags. If not, tags share one probability (softmax)."""
    absence: str = Field("negative", pattern="^(negative|unknown)$")
    """What a labelled film's shot without any label says: that no tag fits (negative), or nothing (unknown)."""
    use: tuple[ShotInput, ...] | None = None
    """What is looked at: picture, place, motion, sound, faces, subtitles; see `models/shots/inputs.py`. Left out: place
    and motion, sound and faces where the manifest makes shot_features, sound and faces; picture where it makes no
    shot_features. The training says what it chose."""
    context: int = Field(4, ge=0, le=100)
    """So many shots before and after are looked at too, as far as they look like the shot; 0: none."""
    min_entropy: float = Field(2.0, ge=0, le=8)
    """Shots whose middle picture has fewer bits (black, titles) are left out; 0 keeps all."""
    head: Literal["kernel"] | HeadName = "kernel"
    """kernel: by likeness to labelled shots, in seconds; see `models/tags/kernel.py`. seed: dropout, ReLU(Wx + b),
    softmax. linear: one layer. mlp: one hidden layer."""
    gamma: float = Field(0.5, gt=0)
    """Of `kernel`: how fast likeness falls with distance, exp(-gamma d²), d² in units of the input's spread."""
    ridge: float = Field(0.03, gt=0)
    """Of `kernel`: how much the weights are held back; more is smoother."""
    fine_tune: FineTune | None = None
    """A backbone whose top learns with the head, on the shots' middle pictures, in place of `use` and `head`."""
    hidden: int = Field(128, ge=1, le=8192)
    """Units of the hidden layer of `mlp`."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """Share of inputs dropped while training; none: 0.5 for `seed` and `mlp`, 0 for `linear`."""
    l2: float = Field(3e-5, ge=0)
    """Weight decay of `linear` and `mlp`."""
    balance: bool = True
    """Of `linear` and `mlp`: whether rare tags weigh as much as frequent ones."""
    learning_rate: float = Field(5e-3, gt=0)
    """Of Adam."""
    epochs: int = Field(200, ge=1)
    """At most so many passes over the training part."""
    patience: int | None = Field(30, ge=1)
    """Stop after so many epochs without a better loss on the validation part; null: never."""
    batch_size: int = Field(128, ge=1)
    """Shots per step."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have said how many epochs are best."""
    threshold: float = Field(0.5, gt=0, lt=1)
    """A shot carries a tag from this probability on."""
    calibration_folds: int = Field(6, ge=0, le=20)
    """Each tag's probability is shifted so that 0.5 is its best threshold on training films left out in turn; 0: no."""

    best_rating: float = Field(1.0, gt=0)
    """The best rating that viewers could give: `cinelake evaluate tags --on ratings`."""

    @field_validator("vocabulary")
    @classmethod
    def _several_and_each_once(cls, vocabulary: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({tag for tag in vocabulary if vocabulary.count(tag) > 1})
        if len(vocabulary) == 1 or twice:
            raise ValueError(f"a vocabulary has two or more tags, each once. Received: {twice or list(vocabulary)}")
        return vocabulary

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if self.use is not None and (not self.use or len(set(self.use)) < len(self.use)):
            raise ValueError(f"'use' names at least one kind of input, each once. Received: {list(self.use)}")
        if self.fine_tune is not None and self.use is not None:
            raise ValueError("'fine_tune' looks at the middle pictures alone: leave out 'use'")
        if self.head == "seed" and self.multi_label:
            raise ValueError("head 'seed' ends in a softmax: it needs multi_label: false (or take head: linear or mlp)")
        return self

    @property
    def kinds(self) -> tuple[ShotInput, ...]:
        """What is looked at; where nothing chose, the picture alone."""
        return ("picture",) if self.use is None else self.use

    def as_kernel(self, scaling: Arrays) -> Kernel | None:
        """The kernel that this asks for, if it does, over inputs that are scaled so."""
        sizes = tuple(len(scaling[f"{name}_centre"]) for name in arrays_of(self.kinds))
        blocks = sizes * (2 if self.context else 1)
        return Kernel(blocks, self.gamma, self.ridge, not self.multi_label) if self.head == "kernel" else None

    def as_head(self) -> Head:
        """The network that this asks for."""
        name: HeadName = "linear" if self.head == "kernel" else self.head
        plain = self.head == "linear" and self.fine_tune is None
        dropout = self.dropout if self.dropout is not None else (0.0 if plain else 0.5)
        return Head(
            name, self.multi_label, dropout, self.hidden, self.l2, self.learning_rate, self.epochs, self.patience,
            self.batch_size, self.balance and self.head != "seed",
        )  # fmt: skip


def vocabularies(config: Config) -> dict[str, Sequence[str]]:
    """Labels' tags are those of the vocabulary, where one is given."""
    return {"tag": config.vocabulary} if config.vocabulary else {}


def settle_by_labels(config: Config, labels: pa.Table) -> Config:
    """The configuration with the labels' own tags, in alphabetical order, where it gives no vocabulary."""
    if config.vocabulary:
        return config
    return config.model_copy(update={"vocabulary": tuple(sorted(set(labels["tag"].drop_null().to_pylist())))})
