"""What a training's record shows people: its data, and the scores of each class beside how often it occurs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cinelake.labels.store import LabelSet
from cinelake.learning.candidate import Prepared
from cinelake.learning.dataset import known_steps
from cinelake.spec.model import Scores
from cinelake.storage.content import digest
from cinelake.tracking.runs import DatasetNote


def label_words(labels: LabelSet) -> str:
    """Which labels count, in words: the set, and its last import."""
    if not labels.versions:
        return "all films of the catalogue, without labels"
    return f"the labels `{labels.name}` up to import {labels.versions[-1].number}"


def datasets_of(prepared: Prepared, source: str) -> list[DatasetNote]:
    """The films of each side of the split with their labels. source: where the labels lie."""
    labels, split = prepared.dataset.labels, prepared.split
    sides = {"train": split.train, "validation": split.validation, "test": split.test}
    version = f" v{labels.versions[-1].number}" if labels.versions else ""
    return [
        DatasetNote(
            name=f"{labels.name}{version} {side}",
            digest=digest([prepared.dataset.key, side, split.films()[side]]),
            context=side,
            source=f"{source}/{labels.name}",
            profile={
                "film_count": len(films := split.films()[side]),
                "labelled_steps": known_steps(examples),
                "num_rows": sum(len(example) for example in examples),
                "split": f"by {split.by}",
                "labels_key": labels.key,
                "movie_ids": films,
            },
            columns={name: str(values.dtype) for name, values in examples[0].features.items()} if examples else {},
        )
        for side, examples in sides.items()
    ]


def class_rows(support: Mapping[str, float], scores: Mapping[str, Scores]) -> list[dict[str, Any]]:
    """A row a class: how often it occurs (`support`), then its scores, those of the baseline and the champion beside.

    support: class → labelled steps of it. scores: predictor (`candidate` first) → its scores, a class's as
    `MEASURE_CLASS`. The classes that occur most come first.
    """
    most_first = sorted(support.items(), key=lambda item: -item[1])
    rows: dict[str, dict[str, Any]] = {name: {"class": name, "support": round(count)} for name, count in most_first}
    for who, result in scores.items():
        for score, value in result.items():
            owner = class_of(score, support)
            if owner is not None:
                measure = score.removesuffix(f"_{owner}")
                rows[owner][measure if who == "candidate" else f"{measure} ({who})"] = value
    return list(rows.values())


def class_of(score: str, classes: Iterable[str]) -> str | None:
    """The class that a score called `MEASURE_CLASS` is of; None for a score of all."""
    named = [name for name in classes if score.endswith(f"_{name}")]
    return max(named, key=len, default=None)
