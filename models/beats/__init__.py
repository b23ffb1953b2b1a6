"""Beat events: what kind of moment each shot belongs to, after Ejaz et al. (ICMV 2017) and Potapov et al. (2015).

The categories are data: each may have sub-categories, which are trained and then merged, and may share a class of the
first stage with others that look alike (three kinds of argument, two of victory); these are told apart in a second
stage by the faces of the whole event. A linear SVM on the same features stands beside (`svm_mean_f`).

    models:
      beats: {labels: beats}
      beats: {labels: beats, config: {categories: {fight: {subcategories: [fists, swords]}, calm: {}}}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from cinelake.errors import CannotTrain
from cinelake.lake.spill import joined
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import Artefact, Example, Judgement, Model, Scores, Trained
from cinelake.spec.task import Field, Params, TableReader
from cinelake.spec.training import Training
from models.beats.events import windowed
from models.beats.scores import confusion, confusion_figure, summary
from models.beats.sides import belonging, composition, face_evidence, learn_sides, side_probabilities, softmax
from models.heads.networks import Head, Rows, fit_head
from models.shots.inputs import Kind, shot_inputs, tables_of
from models.shots.labels import covered_shots
from models.shots.scaling import learn_scaling, shot_vectors

FEWEST_ROWS = 10
UNKNOWN = -1

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
    use: tuple[Kind, ...] = ("place", "faces", "motion")
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
    def _what_fits(self) -> Config:
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
        name = "mlp" if self.hidden else "linear"
        return Head(
            "mlp" if name == "mlp" else "linear", False, self.dropout, self.hidden, self.l2, self.learning_rate,
            self.epochs, self.patience, self.batch_size, balance=True,
        )  # fmt: skip


def reads(config: Config) -> list[str]:
    """The tables of the inputs in use."""
    return tables_of(config.use)


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row per shot: see `models.shots.inputs.shot_inputs`."""
    return shot_inputs(tables, config.use)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """category and leaf (T,), numbers into `config.ordered` and `config.leaves`; known (T,).

    leaf is the sub-category's, or the category's own where none is named. Of two labels on a shot the later counts.
    """
    names, leaves = list(config.ordered), config.leaves
    count = len(features["time_s"])
    category, leaf, known = np.full(count, UNKNOWN), np.full(count, UNKNOWN), np.zeros(count, bool)
    columns = labels.select(["category", "subcategory", "difficult"]).to_pylist()
    for shots, row in zip(covered_shots(labels, features), columns, strict=True):
        first = config.categories[row["category"]].first or row["category"]
        sub = row["subcategory"] if (first, row["subcategory"]) in leaves else ""
        category[shots], leaf[shots] = names.index(row["category"]), leaves.index((first, sub))
        known[shots] = not row["difficult"]
    return {"category": category, "leaf": leaf, "known": known}


def train(
    train_examples: Sequence[Example], validation_examples: Sequence[Example], config: Config, training: Training
) -> Trained:
    """Fit the first stage on sub-categories, the second on faces, and the linear SVM beside them."""
    everything = [*train_examples, *validation_examples]
    learned_from = everything if config.refit else list(train_examples)
    leaves = _check_rows(train_examples)
    scaling = learn_scaling(train_examples, config.use)
    head = config.as_head()
    rows, validation = (_rows(part, scaling, config, leaves) for part in (train_examples, validation_examples))
    network, epochs = fit_head(head, rows, validation if len(validation) else None, training)
    if config.refit and len(validation):
        leaves = np.unique(joined(everything, "leaf", of="targets"))
        again, exactly = Training(training.folder / "refit", training.seed), replace(head, epochs=epochs, patience=None)
        network, _ = fit_head(exactly, _rows(everything, scaling, config, leaves), None, again)
    arrays = {**scaling, "leaves": leaves, **_second_stage(learned_from, config), **_svm(learned_from, scaling, config)}
    facts = {"categories": list(config.ordered), "trained_as": [" / ".join(config.leaves[i]) for i in leaves]}
    return Trained(network, arrays, {**facts, "epochs": epochs})


def _check_rows(examples: Sequence[Example]) -> Array:
    """The leaves that occur. Raises `CannotTrain` when there is nothing to tell apart."""
    leaves = joined(examples, "leaf", of="targets") if examples else np.zeros(0, int)
    if len(leaves) < FEWEST_ROWS:
        raise CannotTrain(f"beats: {len(leaves)} labelled shots to learn from, at least {FEWEST_ROWS} are needed")
    found = np.unique(leaves)
    if len(found) < 2:
        raise CannotTrain("beats: the films to learn from show one kind of beat only: label others too")
    return np.asarray(found)


def _vectors(examples: Sequence[Example], scaling: Arrays, config: Config) -> Array:
    parts = [shot_vectors(e.features, scaling, config.use, config.context)[e.targets["known"]] for e in examples]
    return np.concatenate(parts)


def _rows(examples: Sequence[Example], scaling: Arrays, config: Config, leaves: Array) -> Rows:
    """Known shots of the leaves that are trained."""
    if not examples:
        return Rows(np.zeros((0, 1), np.float32), np.zeros((0, len(leaves)), np.float32))
    y = (joined(examples, "leaf", of="targets")[:, None] == leaves).astype(np.float32)
    there = y.any(axis=1)
    return Rows(_vectors(examples, scaling, config)[there], y[there])


def _second_stage(examples: Sequence[Example], config: Config) -> Arrays:
    """Priors of the categories, and the classifier of faces where there are faces and categories name people."""
    categories = list(config.ordered.values())
    shown = joined(examples, "category", of="targets")
    arrays: Arrays = {"category_counts": np.bincount(shown, minlength=len(categories)).astype(np.float32)}
    if "faces" not in config.use or len(config.sides) < 2:
        return arrays
    seen = joined(examples, "face_seen")
    single = np.array([config.sides.index(c.people[0]) if len(c.people) == 1 else UNKNOWN for c in categories])
    sides = np.where(seen, single[shown][:, None], UNKNOWN)
    chosen = sides != UNKNOWN
    return {**arrays, **learn_sides(joined(examples, "face_vectors")[chosen], sides[chosen], config.sides)}


def _svm(examples: Sequence[Example], scaling: Arrays, config: Config) -> Arrays:
    """The linear SVM on the same features, straight to the categories."""
    from sklearn.svm import LinearSVC

    shown = joined(examples, "category", of="targets")
    if len(np.unique(shown)) < 2:
        return {}
    fitted = LinearSVC(C=config.svm_c, class_weight="balanced", random_state=0)
    fitted.fit(_vectors(examples, scaling, config), shown)
    names = ("svm_coefficients", "svm_intercepts", "svm_classes")
    return dict(zip(names, (fitted.coef_, fitted.intercept_, fitted.classes_), strict=True))


def predict(artefact: Artefact, features: Arrays) -> Arrays:
    """probability (T, categories), category (T,) after the sliding window, svm (T,) the linear SVM's category."""
    config, arrays = artefact.config, artefact.arrays
    x = shot_vectors(features, arrays, config.use, config.context)
    if not len(x):
        return {
            "probability": np.zeros((0, len(config.categories))),
            "category": np.zeros(0, int),
            "svm": np.zeros(0, int),
        }
    firsts = _merged(artefact.run_rows(x), arrays["leaves"], config)
    probability = _split(firsts, features, arrays, config)
    return {
        "probability": probability.astype(np.float32),
        "category": windowed(probability.argmax(axis=1)),
        "svm": _svm_says(x, arrays),
    }


def _svm_says(x: Array, arrays: Arrays) -> Array:
    if "svm_classes" not in arrays:
        return np.zeros(len(x), np.int64)
    margins = x @ arrays["svm_coefficients"].T + arrays["svm_intercepts"]
    chosen = margins.argmax(axis=1) if margins.shape[1] > 1 else (margins[:, 0] > 0).astype(int)
    return np.asarray(arrays["svm_classes"][chosen])


def _merged(probabilities: Array, leaves: Array, config: Config) -> Array:
    """(T, firsts): probabilities of sub-categories added up."""
    firsts = config.firsts
    merged = np.zeros((len(probabilities), len(firsts)))
    for column, leaf in enumerate(leaves):
        merged[:, firsts.index(config.leaves[leaf][0])] += probabilities[:, column]
    return merged


def _split(firsts: Array, features: Arrays, arrays: Arrays, config: Config) -> Array:
    """(T, categories): each first class shared out among its categories, by priors and the faces of the event."""
    categories = list(config.ordered.values())
    evidence = np.tile(np.log(arrays["category_counts"] + 0.5), (len(firsts), 1))
    per_shot = np.zeros_like(evidence)
    if "side_classes" in arrays:
        sides = side_probabilities(features["face_vectors"], arrays, len(config.sides))
        compositions = np.stack([composition(category.people or config.sides, config.sides) for category in categories])
        per_shot = face_evidence(sides, features["face_seen"], compositions)
    of = [category.first or name for name, category in config.ordered.items()]
    result = np.zeros_like(evidence)
    for number, first in enumerate(config.firsts):
        members = [i for i, name in enumerate(of) if name == first]
        event = belonging(firsts[:, number])
        says = evidence[:, members] + (event / np.maximum(np.diag(event), 1e-6)[:, None]) @ per_shot[:, members]
        result[:, members] = firsts[:, [number]] * softmax(says)
    return result


def judge(features: Arrays, targets: Arrays, prediction: Arrays, config: Config) -> Judgement:
    """Confusion matrices over the known shots: after the window, of the shots alone, and of the linear SVM."""
    known = targets["known"]
    truth, count = targets["category"][known], len(config.categories)
    said = {
        "events": prediction["category"],
        "shots": prediction["probability"].argmax(axis=1),
        "svm": prediction["svm"],
    }
    counts = {name: confusion(truth, values[known], count) for name, values in said.items()}
    return {**counts, "categories": np.array(list(config.ordered))}


def summarise(judgements: Sequence[Judgement]) -> Scores:
    """See `models.beats.scores.summary`; shots_mean_f without the sliding window, svm_mean_f of the linear SVM."""
    names = [str(name) for name in judgements[0]["categories"]]
    events, shots, svm = (np.sum([j[name] for j in judgements], axis=0) for name in ("events", "shots", "svm"))
    beside = {f"{name}_mean_f": summary(c, names)["mean_f"] for name, c in (("shots", shots), ("svm", svm))}
    return summary(events, names) | beside


def baseline(examples: Sequence[Example], config: Config) -> Callable[[Arrays], Arrays]:
    """Every shot is of the category that most shots of the training part have."""
    counts = np.bincount(joined(examples, "category", of="targets"), minlength=len(config.categories))
    most = int(counts.argmax())

    def guess(features: Arrays) -> Arrays:
        said = np.full(len(features["time_s"]), most)
        return {"probability": np.tile(counts / counts.sum(), (len(said), 1)), "category": said, "svm": said}

    return guess


def figures(examples: Sequence[Example], predictions: Sequence[Arrays], config: Config) -> dict[str, Any]:
    """The confusion matrix of the held-out films, and the linear SVM's beside it."""
    judged = [judge(e.features, e.targets, p, config) for e, p in zip(examples, predictions, strict=True)]
    names = list(config.ordered)
    titles = {"events": "Beats, held-out films", "svm": "Linear SVM on the same features"}
    return {
        f"confusion_{name}": confusion_figure(np.sum([j[name] for j in judged], axis=0), names, title)
        for name, title in titles.items()
    }


def vocabularies(config: Config) -> dict[str, Sequence[str]]:
    """Categories and sub-categories are those of the configuration."""
    subcategories = [sub for category in config.categories.values() for sub in category.subcategories]
    return {"category": list(config.categories), **({"subcategory": subcategories} if subcategories else {})}


MODEL = Model(
    name="beats",
    version=1,
    config=Config,
    labels=LABELS,
    vocabularies=vocabularies,
    reads=reads,
    features=features,
    targets=targets,
    train=train,
    predict=predict,
    judge=judge,
    summarise=summarise,
    baseline=baseline,
    metric="mean_f",
    figures=figures,
    space={"l2": [1e-4, 1e-3, 1e-2], "hidden": [0, 64, 128, 256], "context": [0, 2, 4, 8]},
    about="Beat events of shots in two stages, after Ejaz et al., Deep Learning based Beat Event Detection in Action "
    "Movie Franchises (ICMV 2017). It gives every shot a category, also where a film has no beat: read the confidence. "
    "Who is good or bad is learned from faces in the training films; with another cast the second stage guesses.",
)
