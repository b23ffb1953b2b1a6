"""Two versions of a model side by side, on the screen."""

from __future__ import annotations

from typing import Any

from cinelake.learning.comparison import Comparison
from cinelake.search.moments import timecode
from cinelake.spec.markdown import UNDEFINED
from cli.scores import number, print_left_out, print_scores
from cli.screen import out, table

SHOWN_FILMS = 40


def print_comparison(comparison: Comparison) -> None:
    """Scores, the difference, film by film, the moments on which the two differ, and what they were made with."""
    a, b, metric = comparison.a.name, comparison.b.name, comparison.metric
    scores = comparison.scores
    print_scores({a: scores["a"], b: scores["b"], "baseline": scores["baseline"]}, metric)
    over = " (95 % interval over films)" if comparison.difference.is_known else ""
    out.print(f"{b} minus {a}, {metric}: {comparison.difference}{over}", markup=False)
    out.print(comparison.verdict, markup=False)
    table(
        ("film", a, b, "baseline", "difference"),
        [
            (film, *(_score(of[who]) for who in ("a", "b", "baseline")), _difference(of["a"], of["b"]))
            for film, of in list(comparison.films.items())[:SHOWN_FILMS]
        ],
    )
    if len(comparison.films) > SHOWN_FILMS:
        out.print(f"and {len(comparison.films) - SHOWN_FILMS} more films: --json has all")
    if comparison.moments:
        out.print("where they differ most:")
        table(
            ("film", "at", "people", a, b),
            [(m.movie_id, timecode(m.time_s), m.label, *m.said) for m in comparison.moments],
        )
    for told in comparison.differs:
        out.print(f"differs: {told}", markup=False)
    print_left_out(comparison.left_out)
    if comparison.warning:
        out.print(comparison.warning, style="yellow", markup=False)


def _score(value: float | None) -> str:
    return UNDEFINED if value is None else number(value)


def _difference(a: float | None, b: float | None) -> str:
    return UNDEFINED if a is None or b is None else f"{b - a:+.3f}"


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The same for machines, its moments with their time codes."""
    moments = [{**vars(moment), "timecode": timecode(moment.time_s)} for moment in comparison.moments]
    return {**comparison.to_json(), "moments": moments}
