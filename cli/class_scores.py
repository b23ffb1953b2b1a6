"""Scores on the screen: those of the whole, and a table of those of each class (a tag, a category)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cinelake.learning.opinions import Opinions
from cli.screen import out, table

MEASURES = ("precision", "recall", "f1", "f")
Scores = Mapping[str, float]


def split_by_class(scores: Scores) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Scores of the whole, and class → measure → score: `f1_CLASS` where `precision_` and `recall_` are there too."""
    parted = {name: name.partition("_") for name in scores}
    classes = [rest for first, _, rest in parted.values() if first == "recall" and f"precision_{rest}" in scores]
    each: dict[str, dict[str, float]] = {name: {} for name in classes}
    whole = {}
    for name, (first, _, rest) in parted.items():
        if rest in each and first in MEASURES:
            each[rest][first] = scores[name]
        else:
            whole[name] = scores[name]
    return whole, each


def print_classes(each: Mapping[str, Scores], measures: Sequence[str]) -> None:
    """One line a class; what is not a number stays empty."""
    rows = [(name, *(_number(scores.get(measure)) for measure in measures)) for name, scores in each.items()]
    table(("class", *measures), rows)


def print_opinions(found: Opinions) -> None:
    """What people say of a table: all together beside the trivial baseline, then class by class."""
    rows = [(name, _number(value), _number(found.baseline.get(name))) for name, value in found.scores.items()]
    table(("score", f"table {found.table}", "baseline"), rows)
    print_classes(found.by_class, list(dict.fromkeys(m for scores in found.by_class.values() for m in scores)))
    out.print(f"{found.on} of {len(found.films)} films: {', '.join(found.films[:8])}", markup=False)
    for movie_id, why in list(found.left_out.items())[:8]:
        out.print(f"left out: {movie_id}: {why}", markup=False)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
