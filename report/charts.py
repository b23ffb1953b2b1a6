"""Charts as plain SVG: where their lines, points and words lie; `templates/charts.html` draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 320, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 34
"""Margins, which hold the words of the axes."""
COLOURS = 8
"""How many colours of marks the style has (`--c1` …)."""
LEAST_RADIUS, MOST_RADIUS = 2.5, 9.0


@dataclass(frozen=True)
class Series:
    """Points that belong together. points: x and y; bounds: of each its interval, or None. weights: how much each
    counts, as the area of its dot. is_guide: a dashed line beside the others, without dots."""

    name: str
    points: Sequence[tuple[float, float]]
    bounds: Sequence[tuple[float, float] | None] = ()
    weights: Sequence[float] = ()
    has_dots: bool = False
    is_guide: bool = False


def chart(
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """A chart of some series over shared axes. x, y: what the axes reach from and to; by default what there is."""
    xs = [px for each in series for px, _ in each.points]
    ys = [py for each in series for _, py in each.points]
    ys += [edge for each in series for bound in each.bounds if bound for edge in bound]
    (x_low, x_high), (y_low, y_high) = x or _reach(xs), y or _reach(ys)

    def across(value: float) -> float:
        return round(LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT), 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM), 1)

    drawn = []
    for number, each in enumerate(series):
        heaviest = max(each.weights, default=1.0) or 1.0
        dots = [
            {"x": across(px), "y": up(py), "r": _radius(each.weights[at] / heaviest) if each.weights else LEAST_RADIUS}
            for at, (px, py) in enumerate(each.points)
        ]
        bars = [
            {"x": across(px), "low": up(bound[0]), "high": up(bound[1])}
            for (px, _), bound in zip(each.points, each.bounds, strict=False)
            if bound
        ]
        line = " ".join(f"{across(px)},{up(py)}" for px, py in each.points)
        own = {"name": each.name, "line": line, "dots": dots if each.has_dots else [], "bars": bars}
        drawn.append({**own, "is_guide": each.is_guide, "colour": number % COLOURS + 1})
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": LEFT,
        "right": WIDTH - RIGHT,
        "top": TOP,
        "bottom": HEIGHT - BOTTOM,
        "series": drawn,
        "x_label": x_label,
        "y_label": y_label,
        "x_ticks": [{"at": across(value), "text": text} for value, text in ticks(x_low, x_high, 5)],
        "y_ticks": [{"at": up(value), "text": text} for value, text in ticks(y_low, y_high, 4)],
        "words": "; ".join(f"{each.name}: {_words(each)}" for each in series if not each.is_guide),
    }


def _reach(values: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest value; a little more where they are equal."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _radius(share: float) -> float:
    return round(max(LEAST_RADIUS, MOST_RADIUS * math.sqrt(share)), 1)


def _words(series: Series) -> str:
    """What the chart shows, for those who do not see it."""
    first, last = series.points[0], series.points[-1]
    return f"from {first[1]:.3g} at {first[0]:.3g} to {last[1]:.3g} at {last[0]:.3g}"


def ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """At most so many round numbers from `low` to `high`, with their words."""
    raw = (high - low) / max(1, most - 1)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.75)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [(n * step, f"{n * step:,.{digits}f}") for n in range(first, last + 1)]


def place_between(value: float, low: float, high: float, width: int) -> float:
    """Where a value lies on a track of `width` pixels from `low` to `high`."""
    return round((value - low) / (high - low) * width, 1) if high > low else width / 2
