"""What a training's record shows of classes: how often each occurs, and its scores beside the others'."""

from __future__ import annotations

from cinelake.learning.recorded import class_of, class_rows

SUPPORT = {"man": 3.0, "old_man": 5.0}
SCORES = {
    "candidate": {"f1": 0.5, "f1_man": 0.25, "f1_old_man": 0.75},
    "baseline": {"f1": 0.25, "f1_man": 0.0, "f1_old_man": 0.5},
}


def test_a_class_has_a_row_with_its_support_and_everybodys_scores_the_most_frequent_first() -> None:
    assert class_rows(SUPPORT, SCORES) == [
        {"class": "old_man", "support": 5, "f1": 0.75, "f1 (baseline)": 0.5},
        {"class": "man", "support": 3, "f1": 0.25, "f1 (baseline)": 0.0},
    ]


def test_a_score_of_all_is_of_no_class() -> None:
    assert [class_of(score, SUPPORT) for score in ("f1", "f1_old_man", "f1_man")] == [None, "old_man", "man"]
