"""Every model that scores classes says how often each occurs, under the names that its scores have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cinelake.learning.recorded import class_rows
from cinelake.spec.model import find_model, known_models
from models.identities.scores import UNNAMED

COUNTS = {"hits": np.array([2, 0]), "false": np.array([1, 0]), "misses": np.array([1, 0]), "film": np.array([1.0, 1.0])}
CONFUSION = np.array([[2, 1], [0, 0]])
CAST = {
    "cast": np.array(["ann", "old_ann"]), "true": np.array([3, 1]), "predicted": np.array([3, 0]),
    "both": np.array([2, 0]), "right": np.array([2]), "frames": np.array([4]), "seconds": np.array([1.0]),
}  # fmt: skip
LINE = np.array([0.0, 0.5, 1.0])
FILMS: dict[str, dict[str, Any]] = {
    "tags": {**COUNTS, "vocabulary": np.array(["rain", "snow"])},
    "beats": {**dict.fromkeys(("events", "shots", "svm"), CONFUSION), "categories": np.array(["chase", "talk"])},
    "expressions": {"confusion": np.pad(CONFUSION, (0, 5))},
    "characters": CAST,
    "identities": {**CAST, **{name: np.array([0]) for name in UNNAMED}},
    "affect": {"true_valence": LINE, "said_valence": LINE},
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tags", [("rain", 6)]),
        ("beats", [("chase", 6)]),
        ("expressions", [("angry", 6)]),
        ("characters", [("ann", 6), ("old_ann", 2)]),
        ("identities", [("ann", 6), ("old_ann", 2)]),
        ("affect", [("valence", 6)]),
    ],
)
def test_a_class_that_occurs_has_its_support_and_scores(name: str, expected: list[tuple[str, int]]) -> None:
    model, films = find_model(name), [FILMS[name]] * 2
    rows = class_rows(model.support(films), {"candidate": model.summarise(films)})
    assert [(row["class"], row["support"]) for row in rows] == expected
    assert all(len(row) > 2 for row in rows)


@pytest.mark.parametrize("name", known_models())
def test_what_the_score_of_the_gate_says_is_told(name: str) -> None:
    declared = find_model(name)
    assert declared.metric in declared.measures
