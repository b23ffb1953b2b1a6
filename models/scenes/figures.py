"""Figures of scene segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cinelake.spec.arrays import Array
from cinelake.spec.model import Example, Judgement


def precision_recall(judgements: Sequence[Judgement]) -> Any:
    """The precision-recall curve over all films' shots, with the point of the threshold 0.5."""
    from matplotlib.figure import Figure
    from sklearn.metrics import precision_recall_curve

    truth = np.concatenate([judgement["truth"] for judgement in judgements])
    said = np.concatenate([judgement["probability"] for judgement in judgements])
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    if truth.any():
        precision, recall, _ = precision_recall_curve(truth, said)
        axes.plot(recall, precision)
        axes.axhline(truth.mean(), linestyle=":", color="grey", label="chance")
        axes.legend()
    return figure


def probability_line(example: Example, probability: Array, threshold: float) -> Any:
    """A film's probabilities over time, with lines where scenes begin."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.add_subplot(title=example.movie_id, xlabel="seconds", ylabel="a scene begins", ylim=(0, 1.02))
    times_s, known = example.features["time_s"], example.targets["known"]
    axes.vlines(times_s[example.targets["boundary"] & known], 0, 1, color="tab:orange", alpha=0.6, label="labelled")
    axes.plot(times_s, probability, drawstyle="steps-post", label="predicted")
    axes.axhline(threshold, linestyle=":", color="grey")
    axes.legend(loc="upper right")
    return figure
