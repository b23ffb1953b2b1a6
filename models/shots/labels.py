"""Labels by time, by shots or of whole films, brought to the shots that were detected."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array, Arrays

MIN_SHARE = 0.5
"""A shot has a label when the label covers this share of it."""


def covered_shots(labels: pa.Table, features: Arrays) -> Array:
    """(labels, T) bool: which shots each row of the labels speaks of.

    By time where it has one: detected shots need not be the labeller's. By shot numbers otherwise; a row with
    neither speaks of the whole film.
    """
    starts, ends, shots = features["time_s"], features["end_s"], features["shot"]
    lengths = np.maximum(ends - starts, 1e-6)
    rows = []
    for row in labels.select(["start_s", "end_s", "start_shot", "end_shot"]).to_pylist():
        if row["start_s"] is not None:
            shared = np.minimum(ends, row["end_s"]) - np.maximum(starts, row["start_s"])
            rows.append(shared >= MIN_SHARE * lengths)
        elif row["start_shot"] is not None:
            rows.append((shots >= row["start_shot"]) & (shots < row["end_shot"]))
        else:
            rows.append(np.ones(len(starts), bool))
    return np.array(rows, bool).reshape(len(rows), len(starts))
