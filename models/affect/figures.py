"""Figures of lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.model import Example
from models.affect.scores import pearson

SHOWN_FILMS = 8


def lines_of_films(examples: Sequence[Example], predictions: Sequence[Arrays], targets: Sequence[str]) -> Any:
    """Predicted against true line of up to eight films, a row each, a column for each target."""
    from matplotlib.figure import Figure

    rows = min(len(examples), SHOWN_FILMS)
    figure = Figure(figsize=(5 * len(targets), 1.8 * rows), layout="constrained")
    axes = figure.subplots(rows, len(targets), squeeze=False)
    for row, (example, prediction) in enumerate(zip(examples[:rows], predictions[:rows], strict=True)):
        for column, target in enumerate(targets):
            _line(axes[row, column], example, prediction["line"][:, column], column)
            axes[row, column].set_title(f"{example.movie_id}: {target}", fontsize=8)
    axes[0, 0].legend(fontsize=8)
    return figure


def _line(axes: Any, example: Example, said: Array, target: int) -> None:
    times_s, there = example.features["time_s"], example.targets["there"][:, target] > 0
    axes.plot(times_s, np.where(there, example.targets["line"][:, target], np.nan), color="grey", label="labelled")
    axes.plot(times_s, said, label="predicted")
    axes.set_xlabel("seconds", fontsize=8)


def memory_in_time(example: Example, prediction: Arrays, targets: Sequence[str]) -> Any:
    """Which slots were written when, and below for each target the slot whose activity goes most with its labels."""
    from matplotlib.figure import Figure

    written, times_s = prediction["written"], example.features["time_s"]
    figure = Figure(figsize=(10, 2.5 * (1 + len(targets))), layout="constrained")
    above, *below = figure.subplots(1 + len(targets), 1)
    above.pcolormesh(written.T, cmap="viridis")
    above.set(title=f"{example.movie_id}: how much each slot is written", xlabel="clip", ylabel="slot")
    for column, (axes, target) in enumerate(zip(below, targets, strict=True)):
        known = example.targets["there"][:, column] > 0
        line = example.targets["line"][known, column]
        slot, r = best_slot(written[known], line)
        axes.plot(times_s[known], line, color="grey", label=target)
        axes.set(title=f"slot {slot} against {target}: r = {r:.2f}", xlabel="seconds", ylabel=target)
        other = axes.twinx()
        other.plot(times_s, written[:, slot], color="tab:orange")
        other.set_ylabel("written", color="tab:orange")
    return figure


def best_slot(written: Array, line: Array) -> tuple[int, float]:
    """The slot whose activity, (T, slots), correlates most with a line (T,), and its correlation; 0 without labels."""
    found = [pearson(activity, line) if len(line) else 0.0 for activity in written.T]
    best = int(np.argmax(np.abs(found)))
    return best, found[best]
