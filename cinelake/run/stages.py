"""The stages of a film's step: its cells on processors, then those on GPUs, each placed where its resources are.

A film that is decoded needs no GPU, and one whose pictures wait for a network no decoder. Placed apart, a GPU works on
one film while processors decode the next; as one step, it would be idle during every decoding. So a step is cut
wherever its cells change sides, and nowhere else: a film without GPU tasks has one stage, and one decode in any case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from cinelake.run.cells import StepCell, StepReport
from cinelake.run.step import Step
from cinelake.spec.task import Resources, find_task

Side = Literal["processors", "gpus"]


def stages(step: Step) -> list[Step]:
    """The step's stages in order; together they have its cells, each after all that it needs."""
    sides = _sides(step)
    first: Side = "processors"
    levels: dict[str, int] = {}
    for cell in step.cells:
        level = int(sides[cell.table] != first)
        for entry in cell.inputs.values():
            if entry in levels:
                level = max(level, levels[entry] + (sides[entry] != sides[cell.table]))
        levels[cell.table] = level
    by_level: defaultdict[int, list[StepCell]] = defaultdict(list)
    for cell in step.cells:
        by_level[levels[cell.table]].append(cell)
    parts = [by_level[level] for level in sorted(by_level)]
    return [
        replace(step, cells=tuple(cells), resources=Resources.most(cell.resources for cell in cells)) for cells in parts
    ]


def _sides(step: Step) -> Mapping[str, Side]:
    """Where each cell runs; those that share the film's one decode stay together."""
    asking = {cell.table for cell in step.cells if cell.resources.gpus}
    streams = {cell.table for cell in step.cells if find_task(cell.task).stream(cell.params) is not None}
    if asking & streams:
        asking |= streams
    return {cell.table: "gpus" if cell.table in asking else "processors" for cell in step.cells}


def run_stages(step: Step, place: Callable[[Step], StepReport]) -> StepReport:
    """Place a step stage by stage; tables that one could not make are lost to the next. Returns the report of all."""
    report, lost = StepReport(step.film.movie_id), frozenset(step.lost)
    for stage in stages(step):
        report.add(place(replace(stage, lost=tuple(sorted(lost)))))
        lost |= set(report.lost())
    return report
