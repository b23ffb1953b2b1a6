"""Scores on the screen: overall, of each class (a tag, a category), and films left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cinelake.learning.opinions import Opinions
from cinelake.spec.markdown import UNDEFINED
from cinelake.spec.model import Scores
from cli.screen import out, table

MEASURES = ("precision", "recall", "f1", "f")
SHOWN_FILMS = 8


def split_by_class(scores: Scores) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Overall scores, and class → measure → score: `f1_CLASS` where `precision_` and `recall_` exist too."""
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
    """One line a class; a score that is missing stays empty."""
    rows = [(name, *(number(scores.get(measure)) for measure in measures)) for name, scores in each.items()]
    table(("class", *measures), rows)


def print_opinions(opinions: Opinions) -> None:
    """Print people's ratings of a table: overall beside the trivial baseline, then class by class."""
    rows = [(name, number(value), number(opinions.baseline.get(name))) for name, value in opinions.scores.items()]
    table(("score", f"table {opinions.table}", "baseline"), rows)
    print_classes(opinions.by_class, list(dict.fromkeys(m for scores in opinions.by_class.values() for m in scores)))
    out.print(f"{opinions.on} of {len(opinions.films)} films: {', '.join(opinions.films[:SHOWN_FILMS])}", markup=False)
    for movie_id, why in list(opinions.left_out.items())[:SHOWN_FILMS]:
        out.print(f"left out: {movie_id}: {why}", markup=False)


def print_scores(columns: Mapping[str, Scores], metric: str, *, in_sample: bool = False) -> None:
    """Scores side by side, those of the metric first; columns: who → scores. The first one's classes follow.

    in_sample: they are of films that were learned from; none is starred then, and the head says so.
    """
    parts = {who: split_by_class(scores) for who, scores in columns.items()}
    wholes = {who: whole for who, (whole, _) in parts.items()}
    names = sorted({name for scores in wholes.values() for name in scores}, key=lambda name: (name != metric, name))
    starred = "" if in_sample else metric
    rows = [
        [f"{name} *" if name == starred else name, *(number(scores.get(name)) for scores in wholes.values())]
        for name in names
    ]
    table(("score (in-sample: of films it learned from)" if in_sample else "score", *columns), rows)
    for _, each in list(parts.values())[:1]:
        if each:
            print_classes(each, [m for m in MEASURES if any(m in scores for scores in each.values())])


def print_left_out(left_out: Mapping[str, str]) -> None:
    """Films that were left out, with the reason."""
    for movie_id, why in list(left_out.items())[:SHOWN_FILMS]:
        out.print(f"left out: {movie_id}: {why}", markup=False)
    if len(left_out) > SHOWN_FILMS:
        out.print(f"left out: {len(left_out) - SHOWN_FILMS} more films")


def number(value: float | None) -> str:
    """A score with three digits; empty where it is missing, a dash where the films do not define it."""
    if value is None:
        return ""
    return UNDEFINED if math.isnan(value) else f"{value:.3f}"
