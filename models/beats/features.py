"""From a film's tables to the inputs of its shots, and from its labels to their targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Arrays
from cinelake.spec.task import TableReader
from models.beats.config import Config
from models.shots.inputs import shot_inputs, tables_of
from models.shots.labels import covered_shots

UNKNOWN = -1
"""The category and leaf of a shot without a label."""


def reads(config: Config) -> list[str]:
    """The tables of the inputs in use."""
    return tables_of(config.use)


def features(tables: Mapping[str, TableReader], config: Config) -> Arrays:
    """One row per shot: see `models.shots.inputs.shot_inputs`."""
    return shot_inputs(tables, config.use)


def targets(labels: pa.Table, features: Arrays, config: Config) -> Arrays:
    """category and leaf (T,), numbers into `config.ordered` and `config.leaves`; known (T,).

    leaf is the sub-category's, or the category's own where none is named. Of two labels on a shot the later counts.
    """
    names, leaves = list(config.ordered), config.leaves
    count = len(features["time_s"])
    category, leaf, known = np.full(count, UNKNOWN), np.full(count, UNKNOWN), np.zeros(count, bool)
    columns = labels.select(["category", "subcategory", "difficult"]).to_pylist()
    for shots, row in zip(covered_shots(labels, features), columns, strict=True):
        first = config.categories[row["category"]].first or row["category"]
        sub = row["subcategory"] if (first, row["subcategory"]) in leaves else ""
        category[shots], leaf[shots] = names.index(row["category"]), leaves.index((first, sub))
        known[shots] = not row["difficult"]
    return {"category": category, "leaf": leaf, "known": known}
