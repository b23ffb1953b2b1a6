"""What a version of a model is wrong about, as pages show it: from the file that its training keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from report.charts import Series, chart, place_between

TRACK_WIDTH = 120
"""Of the track on which a film's score stands beside the baseline's, in pixels."""
WHO = {"model": "model", "baseline": "trivial"}
ECE = (
    "Expected calibration error {ece:.3f}: the mean of |share that holds − probability| over ten bins, weighed by "
    "their answers (Guo et al., ICML 2017), of {what}. On the diagonal probabilities mean what they say."
)
OF_ALL = "every class at every labelled step"
OF_FIRST = "the likeliest class of each labelled step"
PlaceOf = Callable[[str, float], dict[str, Any]]
"""Film and second → title, link and picture of a moment; link and picture may be empty."""


def shown_errors(told: Mapping[str, Any], curve: Sequence[Mapping[str, Any]] | None, place: PlaceOf) -> dict[str, Any]:
    """The errors of a version for the template: words and the places of marks. curve: of its learning, if known."""
    kind, metric = told.get("kind", ""), str(told["metric"]).replace("_", " ")
    return {
        "metric": metric,
        "in_sample": told["in_sample"],
        "steps": told.get("steps", 0),
        "moments": [shown_moment(moment, place, kind) for moment in told.get("moments", ())],
        **_films(told, place),
        "matrix": _matrix(told["matrix"]) if told.get("matrix") else None,
        "classes": [_class(row) for row in told.get("classes", ())],
        "classes_left_out": told.get("classes_left_out", 0),
        "calibration": _calibration(told["calibration"], kind) if told.get("calibration") else None,
        "learning_curve": _learning_curve(curve, told, metric) if curve else None,
    }


def shown_moment(moment: Mapping[str, Any], place: PlaceOf, kind: str = "") -> dict[str, Any]:
    """A moment with its picture, its link, and how far off it is in words."""
    off = f"off by {moment['by']:.2f}" if kind == "line" else ""
    return {**moment, **place(moment["movie_id"], moment["time_s"]), "off": off}


def _films(told: Mapping[str, Any], place: PlaceOf) -> dict[str, Any]:
    """Score by film, a column a predictor, with the place of each mark; and those of all films with their interval."""
    rows, overall = told["by_film"], told["overall"]
    who = list(overall)
    values = [value for row in rows for value in row["scores"].values() if value is not None]
    low, high = min([0.0, *values]), max([1.0, *values]) if min(values, default=0) >= 0 else max(values, default=1.0)
    films = []
    for row in rows:
        own, base = row["scores"]["model"], row["scores"].get("baseline")
        films.append({
            **place(row["movie_id"], 0.0),
            "values": [shown_score(row["scores"][name]) for name in who],
            "place": None if own is None else 4 + place_between(own, low, high, TRACK_WIDTH - 8),
            "base": None if base is None else 4 + place_between(base, low, high, TRACK_WIDTH - 8),
        })  # fmt: skip
    known = any(bounds["low"] is not None for bounds in overall.values())
    few = "in-sample scores have no interval" if told["in_sample"] else "too few films for an interval"
    return {
        "films": films,
        "who": [WHO.get(name, name) for name in who],
        "overall": [_bounds(overall[name]) for name in who],
        "interval_note": "brackets: 95 % interval over films" if known else few,
        "track_width": TRACK_WIDTH,
    }


def _bounds(bounds: Mapping[str, Any]) -> str:
    spread = f" [{bounds['low']:.3f}, {bounds['high']:.3f}]" if bounds.get("low") is not None else ""
    return f"{shown_score(bounds['mean'])}{spread}"


def shown_score(value: float | None) -> str:
    """A score; a dash where the film does not define it."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def _matrix(told: Mapping[str, Any]) -> dict[str, Any]:
    names, rows = told["classes"], []
    for place, (name, counts) in enumerate(zip(names, told["counts"], strict=True)):
        support = sum(counts)
        cells = [
            {"count": n, "said": said, "share": round(n / support, 3) if support else 0, "is_right": at == place}
            for at, (n, said) in enumerate(zip(counts, names, strict=True))
        ]
        rows.append({"name": name, "support": support, "cells": cells})
    return {"classes": names, "rows": rows}


def _class(row: Mapping[str, Any]) -> dict[str, Any]:
    hit, missed, false = row["hit"], row["missed"], row["false"]
    counts = [f"{row[name]:,}" for name in ("support", "hit", "missed", "false", "right_not")]
    precision = f"{hit / (hit + false):.3f}" if hit + false else "–"
    recall = f"{hit / (hit + missed):.3f}" if hit + missed else "–"
    return {"class": row["class"], "values": [*counts, precision, recall]}


def _calibration(told: Mapping[str, Any], kind: str) -> dict[str, Any]:
    bins = told["bins"]
    points = [(each["mean"], each["share"]) for each in bins]
    counts = [each["count"] for each in bins]
    if kind == "line":
        reach = (min(min(p) for p in points), max(max(p) for p in points))
        said = chart(
            [Series("labels", points, weights=counts, has_dots=True), Series("as said", [(v, v) for v in reach],
             is_guide=True)], "the model says", "people said, on average", reach, reach,
        )  # fmt: skip
        about = "Where the line is flatter than the diagonal the model exaggerates, where it is steeper it understates."
        title = "Calibration: what people said where the model said so much"
        levels = [(f"{e['low']:.2f} … {e['high']:.2f}", f"{e['count']:,}", f"{e['share']:.3f}") for e in bins]
        return {"title": title, "chart": said, "about": about, "rows": levels, "head": ("said", "answers", "labels")}
    reliable = chart(
        [Series("share that holds", points, weights=counts, has_dots=True),
         Series("as said", [(0, 0), (1, 1)], is_guide=True)],
        "probability", "share that holds", (0, 1), (0, 1),
    )  # fmt: skip
    about = ECE.format(ece=told["ece"], what=OF_FIRST if kind == "one" else OF_ALL)
    rows = [
        (f"{e['low']:.1f} … {e['high']:.1f}", f"{e['count']:,}", f"{e['mean']:.3f}", f"{e['share']:.3f}") for e in bins
    ]
    head = ("probability", "answers", "mean", "holds")
    return {
        "title": f"Calibration: ECE {told['ece']:.3f}", "chart": reliable, "about": about, "rows": rows, "head": head,
    }  # fmt: skip


def _learning_curve(rows: Sequence[Mapping[str, Any]], told: Mapping[str, Any], metric: str) -> dict[str, Any] | None:
    """The simple learner's score over the number of labels, the version's own and the trivial one's beside it."""
    known = [row for row in rows if row.get("mean") is not None]
    if not known:
        return None
    learner, reach = known[0]["learner"], (0.0, 1.08 * max(row["steps"] for row in known))
    points = [(row["steps"], row["mean"]) for row in known]
    bounds = [(row["low"], row["high"]) if row["low"] is not None else None for row in known]
    series = [Series(learner, points, bounds, has_dots=True)]
    names = {"model": "this version, all labels", "baseline": "trivial baseline"}
    for who, name in names.items():
        level = told["overall"][who]["mean"]
        series.append(Series(name, [(reach[0], level), (reach[1], level)], is_guide=True))
    shown = [(f"{row['steps']:,}", str(row["film_count"]), _bounds(row)) for row in known]
    refused = "".join(f" With {row['steps']:,} labelled steps: {row['said']}." for row in rows if row.get("said"))
    about = f"{learner}, taught by ever larger parts of the labels and scored on the same held-out films.{refused}"
    return {"chart": chart(series, "labelled steps", metric, x=reach), "rows": shown, "about": about}
