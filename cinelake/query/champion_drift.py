"""Whether a champion is applied to films unlike those that it has learned from, by what is measured of their tables.

The films that a version has learned from stand in its files; what was measured of them stays in the history of
`quality`, though they leave the catalogue. They are compared with the films that nobody has labelled, since how well it
does on labelled ones can be measured. Every measure of a table that the model needs, directly or by another table, is
compared by ranks (Mann and Whitney 1947). A difference is told where it is sure among so many measures (Bonferroni),
and large: a film of the one group is above one of the other in 80 % of all pairs (the A of Vargha and Delaney 2000).
Among many films the least difference would be sure. How many rows a film has is not compared: long films have more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cinelake.errors import ModelUnusable, UnknownName
from cinelake.lake.champions import AppliedModel, learned_films
from cinelake.plan.build import Planning
from cinelake.query.quality import Doubles, by_measure, latest
from cinelake.spec.contract import ROWS

SURE, LARGE = 0.05, 0.8


@dataclass(frozen=True)
class Difference:
    """What is otherwise: both medians, of how many films that nobody has labelled. above: the share of pairs of films
    in which the one that was not learned from has more."""

    table: str
    measure: str
    films: int
    median: float
    learned: float
    above: float


@dataclass(frozen=True)
class ChampionDrift:
    """A version in use, of how many measured films it has learned, and what is otherwise in the films it has not."""

    model: str
    version: int
    learned: int
    differences: list[Difference]


def champion_drifts(planning: Planning) -> list[ChampionDrift]:
    """The versions in use whose films are unlike those learned from, each with the largest differences first.

    Of fewer films than `fewest_films` of the manifest's section `quality` on either side nothing is said.
    """
    fewest, result = planning.manifest.quality.fewest_films, []
    needed = _needed_tables(planning)
    values = [*by_measure(latest(planning.lake), None)] if needed else []
    for (name, number), (applied, tables) in needed.items():
        try:
            learned = {*learned_films(planning.lake, applied)}
        except ModelUnusable:  # the plan blocks its tables and says why
            continue
        others = {*planning.films} - learned - _labelled_films(planning, name)
        measured = {film for (table, _, _), ids, _ in values if table in tables for film in ids}
        of_tables = [each for each in values if each[0][0] in tables and each[0][1] != ROWS.name]
        if differences := unlike(of_tables, learned, others, fewest):
            result.append(ChampionDrift(name, number, len(measured & learned), differences))
    return result


def _labelled_films(planning: Planning, model: str) -> set[str]:
    """The films of the model's labels."""
    from cinelake.labels.store import label_versions

    manifest = planning.manifest
    try:
        label_set = manifest.model(model).labels
    except UnknownName:  # of a kind that is no longer installed
        return set()
    return {film for version in label_versions(Path(manifest.labels), label_set) for film in version.films}


def _needed_tables(planning: Planning) -> dict[tuple[str, int], tuple[AppliedModel, set[str]]]:
    """Version in use → the tables that it reads, and those that these are made of."""
    inputs = {planned.name: [*planned.inputs.values()] for planned in planning.whole.tables}
    result: dict[tuple[str, int], tuple[AppliedModel, set[str]]] = {}
    for planned in planning.whole.tables:
        if planned.applied is None:
            continue
        _, needed = result.setdefault((planned.applied.name, planned.applied.version), (planned.applied, set()))
        _add_needed(planned.name, inputs, needed)
    return result


def _add_needed(table: str, inputs: Mapping[str, Iterable[str]], needed: set[str]) -> None:
    for name in inputs.get(table, ()):
        if name not in needed:
            needed.add(name)
            _add_needed(name, inputs, needed)


def unlike(
    values: Sequence[tuple[tuple[str, str, str], list[str], Doubles]],
    learned: Collection[str],
    others: Collection[str],
    fewest: int,
) -> list[Difference]:
    """The measures by which films are unlike those learned from; values: as `by_measure` has them."""
    known, new = [*learned], [*others]
    sides = [(name, x[np.isin(ids, known)], x[np.isin(ids, new)]) for name, ids, x in values]
    sides = [each for each in sides if min(len(each[1]), len(each[2])) >= fewest]
    if not sides:  # SciPy is slow to import
        return []
    from scipy.stats import mannwhitneyu

    found = []
    for (table, measure, _), before, now in sides:
        tested = mannwhitneyu(now, before)
        above = float(tested.statistic) / (len(now) * len(before))
        if tested.pvalue < SURE / len(sides) and max(above, 1 - above) >= LARGE:
            found.append(Difference(table, measure, len(now), float(np.median(now)), float(np.median(before)), above))
    return sorted(found, key=lambda each: -abs(each.above - 0.5))
