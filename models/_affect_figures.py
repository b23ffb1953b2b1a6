"""Figures of lines over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.model import Array, Arrays, Example
from models._affect_scores import pearson

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
    """Which slots were written when, and below the slot whose activity goes most with a target, beside its label."""
    from matplotlib.figure import Figure

    written, there = prediction["written"], example.targets["there"] > 0
    slot, target, r = best_slot(written, example.targets["line"], there)
    times_s = example.features["time_s"]
    figure = Figure(figsize=(10, 5), layout="constrained")
    above, below = figure.subplots(2, 1)
    above.pcolormesh(written.T, cmap="viridis")
    above.set(title=f"{example.movie_id}: how much each slot is written", xlabel="clip", ylabel="slot")
    known = there[:, target]
    below.plot(times_s[known], example.targets["line"][known, target], color="grey", label=targets[target])
    other = below.twinx()
    other.plot(times_s, written[:, slot], color="tab:orange", label=f"slot {slot}")
    below.set(title=f"slot {slot} against {targets[target]}: r = {r:.2f}", xlabel="seconds", ylabel=targets[target])
    other.set_ylabel("written")
    return figure


def best_slot(written: Array, line: Array, there: Array) -> tuple[int, int, float]:
    """The slot and target whose activity and labels correlate most, and their correlation."""
    pairs = [(n, k) for n in range(written.shape[1]) for k in range(line.shape[1])]
    found = [pearson(written[there[:, k], n], line[there[:, k], k]) if there[:, k].any() else 0.0 for n, k in pairs]
    best = int(np.argmax(np.abs(found)))
    return (*pairs[best], found[best])
