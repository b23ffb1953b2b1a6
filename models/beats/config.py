"""The categories of beat events, what is looked at, and the labels that are learned from."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pydantic import model_validator

from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.task import Field, Params
from models.heads.config import Head
from models.shots.inputs import ShotInput

LABELS = LabelContract(
    doc="Beat events by spans, shots or whole clips. Shots that no row covers, and those marked difficult, are neither "
    "trained on nor scored.",
    shape="spans",
    columns=(
        Column("category", pa.string(), "The kind of beat event."),
        Column("subcategory", pa.string(), "Which kind of that kind, where the category has any.", nullable=True),
        Column("difficult", pa.bool_(), "Whether the shot alone does not show it.", nullable=True),
    ),
    class_column="category",
    about=(),
)


class Category(Params):
    """One category of beat events."""

    subcategories: tuple[str, ...] = ()
    """What it is trained as, and merged from."""
    first: str | None = None
    """The class of the first stage, where several categories share one; none: its own name."""
    people: tuple[str, ...] = ()
    """Whose faces it shows (good, bad …), which tells categories of one first class apart."""


CATEGORIES: dict[str, Category] = {
    "pursuit": Category(subcategories=("car pursuit", "bike pursuit", "horse pursuit", "men pursuit")),
    "battle preparation": Category(),
    "battle": Category(
        subcategories=("physical war", "war destruction", "bomb explosion", "fire attack", "arrows' war")
    ),
    "romance": Category(),
    "despair good": Category(
        subcategories=("despair by expressions", "despair in jail"), first="despair", people=("good",)
    ),
    "joy bad": Category(first="joy", people=("bad",)),
    "good argue good": Category(first="argument", people=("good",)),
    "good argue bad": Category(first="argument", people=("good", "bad")),
    "bad argue bad": Category(first="argument", people=("bad",)),
    "victory good": Category(first="victory", people=("good",)),
    "victory bad": Category(first="victory", people=("bad",)),
}
"""The 11 categories of the Action Movie Franchises data set, with the sub-categories and merges of Ejaz et al."""


class Config(Params):
    """The categories, what is looked at, and how the first stage is fitted."""

    categories: dict[str, Category] = CATEGORIES
    """Category → its sub-categories, its class in the first stage, and whose faces it shows."""
    use: tuple[ShotInput, ...] = ("place", "faces", "motion")
    """What is looked at: picture, place, faces, motion, sound, subtitles (needs a table `subtitles`)."""
    context: int = Field(4, ge=0, le=100)
    """So many shots before and after are looked at too, as far as they look like the shot; 0: none."""
    hidden: int = Field(128, ge=0, le=8192)
    """Units of the hidden layer; 0: a linear classifier."""
    dropout: float = Field(0.5, ge=0, lt=1)
    """Share of inputs, and of hidden units, dropped while training."""
    l2: float = Field(1e-3, ge=0)
    """Weight decay."""
    learning_rate: float = Field(1e-3, gt=0)
    """Of Adam."""
    epochs: int = Field(150, ge=1)
    """At most so many passes over the training part."""
    patience: int | None = Field(30, ge=1)
    """Stop after so many epochs without a better loss on the validation part; null: never."""
    batch_size: int = Field(64, ge=1)
    """Shots per step."""
    refit: bool = True
    """Whether the validation films are learned from too, once they have said how many epochs are best."""
    svm_c: float = Field(0.01, gt=0)
    """C of the linear SVM that stands beside."""

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if len(self.categories) < 2:
            raise ValueError(f"'categories' names two or more. Received: {list(self.categories)}")
        if not self.use or len(set(self.use)) < len(self.use):
            raise ValueError(f"'use' names at least one kind of input, each once. Received: {list(self.use)}")
        clash = [n for n, c in self.categories.items() if c.first in self.categories and c.first != n]
        if clash:
            raise ValueError(f"'first' of {clash[0]!r} is the name of another category: give that one the same 'first'")
        return self

    @property
    def ordered(self) -> dict[str, Category]:
        """The categories by name: a mapping's order does not survive the way through a stored model."""
        return dict(sorted(self.categories.items()))

    @property
    def firsts(self) -> list[str]:
        """Classes of the first stage, in order."""
        return list(dict.fromkeys(c.first or name for name, c in self.ordered.items()))

    @property
    def leaves(self) -> list[tuple[str, str]]:
        """(class of the first stage, sub-category or '') for all that is trained on."""
        pairs = [(c.first or n, sub) for n, c in self.ordered.items() for sub in ("", *c.subcategories)]
        return list(dict.fromkeys(pairs))

    @property
    def sides(self) -> list[str]:
        """All whose faces categories name."""
        return sorted({side for category in self.categories.values() for side in category.people})

    def as_head(self) -> Head:
        """The network of the first stage."""
        return Head(
            "mlp" if self.hidden else "linear", False, self.dropout, self.hidden, self.l2, self.learning_rate,
            self.epochs, self.patience, self.batch_size, balance=True,
        )  # fmt: skip


def vocabularies(config: Config) -> dict[str, Sequence[str]]:
    """Categories and sub-categories are those of the configuration."""
    subcategories = [sub for category in config.categories.values() for sub in category.subcategories]
    return {"category": list(config.categories), **({"subcategory": subcategories} if subcategories else {})}
