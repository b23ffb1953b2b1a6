"""What people said of a film beside what a model says of it: spans of their labels, and where the two differ."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import CinelakeError
from cinelake.labels.store import LabelVersion, label_sets, label_versions, stored_labels
from cinelake.manifest.document import Manifest, ModelEntry
from cinelake.spec.task import find_task
from cinelake.storage.content import digest
from report.tables import FilmTables

NEAR_S = 0.5
"""Two boundaries no farther apart are one."""
LEAST_S = 0.2
"""Shorter differences are rounding."""
LEAST_GAP = 0.5
"""Two lines that are this far apart differ: a quarter of −1 … 1."""
LONGEST_STEP_S = 5.0
"""A labelled moment stands for the time until the next one, but not for more."""
Spans = list[tuple[float, float, str]]
"""Seconds from and to, and a name."""


@dataclass(frozen=True)
class Differences:
    """Where people and model differ: seconds from and to with words; and the share of what people labelled that agrees.

    agrees: None where nothing says how much was labelled.
    """

    spans: Spans
    agrees: float | None


class PeopleSaid:
    """The labels of a manifest's models, read once for all pages."""

    def __init__(self, manifest: Manifest):
        self._manifest, self._root = manifest, Path(manifest.labels)
        self._tables: dict[str, pa.Table | None] = {}
        self._versions: dict[str, tuple[LabelVersion, ...]] | None = None

    def key(self, movie_id: str) -> str:
        """Changes when anything changes that people said of a film, or which labels a model reads and how."""
        if self._versions is None:
            self._versions = {}
            if "://" not in str(self._manifest.labels):
                try:
                    self._versions = {name: label_versions(self._root, name) for name in label_sets(self._root)}
                except CinelakeError:
                    self._versions = {}
        said = {n: [v.films[movie_id] for v in found if movie_id in v.films] for n, found in self._versions.items()}
        read = {name: [entry.labels, _nobody(entry)] for name, entry in self._manifest.models.items()}
        return digest([read, {name: versions[-1:] for name, versions in said.items() if versions}])

    def of(self, tables: FilmTables, task: str) -> pa.Table | None:
        """The rows that people gave for the model that makes a task's table; None without any."""
        try:
            entry = self._entry(tables, task)
            rows = self._labels_of(entry.labels) if entry else None
        except CinelakeError:
            return None
        mine = rows.filter(pc.equal(rows["movie_id"], tables.movie_id)) if rows is not None else None
        if mine is not None and "begins" in mine.column_names:  # single shots that were asked about are no spans
            mine = mine.filter(pc.is_null(mine["begins"]))
        return mine if mine is not None and mine.num_rows else None

    def nobody(self, tables: FilmTables, task: str) -> tuple[str, ...]:
        """What people call it where none of the names that the model of a task's table knows holds."""
        entry = self._entry(tables, task)
        return _nobody(entry) if entry else ()

    def _entry(self, tables: FilmTables, task: str) -> ModelEntry | None:
        """The model of a task's table. Raises `UnknownName` for one that the manifest does not know any more."""
        footer = tables.of_task(task).footer
        made_by = (footer.ingredients.get("model") or {}) if footer else {}
        model = made_by.get("name") or find_task(task).applies
        return self._manifest.model(model) if model else None

    def _labels_of(self, name: str) -> pa.Table | None:
        if name not in self._tables:
            self._tables[name] = stored_labels(self._root, name) if label_versions(self._root, name) else None
        return self._tables[name]


def _nobody(entry: ModelEntry) -> tuple[str, ...]:
    return tuple(getattr(entry.config, "nobody", ()))


def spans_said(labels: pa.Table, tables: FilmTables, column: str | None) -> Spans:
    """Rows of labels as spans with the values of a column, in film order; of shots their times, of moments a step."""
    if column:  # a row without a value says that nothing holds
        labels = labels.filter(pc.is_valid(labels[column]))
    names = [str(value) for value in labels[column].to_pylist()] if column else [""] * len(labels)
    if "time_s" in labels.column_names:
        return _moments(labels["time_s"].to_pylist(), names)
    shots = tables.read("shots", ["start_s", "end_s"])
    starts, ends = ([], []) if shots is None else (shots["start_s"].to_pylist(), shots["end_s"].to_pylist())
    found: Spans = []
    for row, name in zip(labels.to_pylist(), names, strict=True):
        if row.get("start_s") is not None:
            found.append((row["start_s"], row["end_s"], name))
        elif row.get("start_shot") is not None and row["end_shot"] <= len(ends):
            found.append((starts[row["start_shot"]], ends[row["end_shot"] - 1], name))
        elif row.get("start_shot") is None and ends:
            found.append((0.0, ends[-1], name))
    return sorted(found)


def _moments(times: Sequence[float], names: Sequence[str]) -> Spans:
    grid = sorted(set(times))
    step = min(LONGEST_STEP_S, float(np.median(np.diff(grid)))) if len(grid) > 1 else 1.0
    until = {at: min(later, at + step) for at, later in zip(grid, [*grid[1:], np.inf], strict=True)}
    return joined((at, float(until[at]), name) for at, name in zip(times, names, strict=True))


def joined(spans: Iterable[tuple[float, float, str]]) -> Spans:
    """Spans in order of time; those of one name that touch are one."""
    last: dict[str, tuple[float, float, str]] = {}
    done: Spans = []
    for start, end, name in sorted(spans):
        before = last.get(name)
        if before and start <= before[1] + 1e-6:
            last[name] = (before[0], max(before[1], end), name)
        else:
            done += [before] if before else []
            last[name] = (start, end, name)
    return sorted([*done, *last.values()])


def columns_of(spans: Spans) -> tuple[list[float], list[float], list[str]]:
    """Where spans begin, where they end, their names."""
    return [start for start, _, _ in spans], [end for _, end, _ in spans], [name for _, _, name in spans]


def named_differences(
    model: Spans, people: Spans, extent: Spans | None = None, nobody: Collection[str] = ()
) -> Differences:
    """Where the names that hold differ. extent: what people labelled; by default where they named anything.

    nobody: names that say that none of the others holds.
    """
    within = people if extent is None else extent
    edges = sorted({edge for start, end, _ in (*model, *people, *within) for edge in (start, end)})
    sides = [_active(spans, edges) for spans in (model, people, within)]
    differing: Spans = []
    labelled = differs = 0.0
    for at, (start, end) in enumerate(pairwise(edges)):
        by_model, by_people = (side[at].difference(nobody) for side in sides[:2])
        if not sides[2][at]:
            continue
        labelled += end - start
        if by_model != by_people:
            differs += end - start
            differing.append((start, end, f"people: {_words(by_people)}; model: {_words(by_model)}"))
    long_ones = [span for span in joined(differing) if span[1] - span[0] >= LEAST_S]
    return Differences(long_ones, 1 - differs / labelled if labelled else None)


def _active(spans: Spans, edges: Sequence[float]) -> list[set[str]]:
    """For each gap between neighbouring edges the names that hold in it."""
    starts = sorted(spans)
    found, open_now, at = [], [], 0
    for begin in edges[:-1]:
        while at < len(starts) and starts[at][0] <= begin:
            open_now.append(starts[at])
            at += 1
        open_now = [span for span in open_now if span[1] > begin]
        found.append({name for _, _, name in open_now})
    return found


def _words(names: set[str]) -> str:
    return ", ".join(sorted(name or "yes" for name in names)) or "nothing"


def boundary_differences(model: Sequence[float], people: Sequence[float], labelled: Spans) -> Differences:
    """Boundaries that only one side has; model, people: where spans begin, but for the film's beginning.

    labelled: what people's scenes cover. What the model finds elsewhere nobody has judged.
    """
    inside = [at for at in model if any(start <= at < end - NEAR_S for start, end, _ in labelled)]
    only = [(at, at, "only the model begins one here") for at in inside if not _near(at, people)]
    lacking = [(at, at, "only people begin one here") for at in people if not _near(at, model)]
    count = len(people) + len(only)
    return Differences(sorted(only + lacking), 1 - (len(only) + len(lacking)) / count if count else None)


def _near(at: float, others: Sequence[float]) -> bool:
    return any(abs(at - other) <= NEAR_S for other in others)


def line_differences(model: Mapping[str, Any], people: Mapping[str, Any]) -> Differences:
    """Where lines of the same name are far apart. Each: x (seconds), series of name and y (null: unknown)."""
    said = {series["name"]: series["y"] for series in people["series"]}
    found: Spans = []
    labelled = far = 0
    for series in model["series"]:
        known = [(x, y) for x, y in zip(model["x"], series["y"], strict=True) if y is not None]
        for start, end, value in _steps(people["x"], said.get(series["name"], ())):
            if not known:
                continue
            here = float(np.interp(start, [x for x, _ in known], [y for _, y in known]))
            labelled += 1
            if abs(here - value) >= LEAST_GAP:
                far += 1
                found.append((start, end, f"{series['name']} far apart"))
    return Differences(joined(found), 1 - far / labelled if labelled else None)


def _steps(times: Sequence[float], values: Sequence[float | None]) -> Iterable[tuple[float, float, float]]:
    for at, (time_s, value) in enumerate(zip(times, values, strict=False)):
        later = times[at + 1] if at + 1 < len(times) else time_s + 1.0
        if value is not None:
            yield time_s, min(later, time_s + LONGEST_STEP_S), value
