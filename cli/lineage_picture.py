"""What is made from what, as boxes and lines from left to right; networkx lays the graph out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BOX_HEIGHT, GAP_X, GAP_Y, LETTER, MARGIN = 30.0, 60.0, 12.0, 7.5, 10.0
"""Sizes in pixels; LETTER: a letter's mean width."""


@dataclass(frozen=True)
class TableBox:
    """A table's box: its upper left corner and size."""

    name: str
    x: float
    y: float
    width: float
    height: float = BOX_HEIGHT


@dataclass(frozen=True)
class EdgeLine:
    """From the right edge of one box to the left edge of another; `middle` is between."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def middle(self) -> float:
        """Where the line is halfway across."""
        return (self.x1 + self.x2) / 2


@dataclass(frozen=True)
class LineagePicture:
    """The whole picture and its size."""

    boxes: Sequence[TableBox]
    lines: Sequence[EdgeLine]
    width: float
    height: float


def picture_of(reads: Mapping[str, Sequence[str]]) -> LineagePicture:
    """Tables by layers: each to the right of all that it reads. reads: table → tables that it is made from."""
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(reads)
    graph.add_edges_from((start, end) for end, starts in reads.items() for start in starts if start in reads)
    layers = dict(enumerate(networkx.topological_generations(graph)))
    places = networkx.multipartite_layout(graph, subset_key=layers)
    rows = {name: float(y) for name, (_, y) in places.items()}
    max_rows = max((len(names) for names in layers.values()), default=1)
    span = max(rows.values(), default=0) - min(rows.values(), default=0)
    step = (max_rows - 1) * (BOX_HEIGHT + GAP_Y) / span if span else 0
    boxes: dict[str, TableBox] = {}
    left = MARGIN
    for names in layers.values():
        width = LETTER * max(map(len, names)) + 2 * MARGIN
        tops = {name: MARGIN + step * (rows[name] - min(rows.values())) for name in names}
        boxes |= {name: TableBox(name, left, round(tops[name], 1), width) for name in names}
        left += width + GAP_X
    lines = [
        EdgeLine(start.x + start.width, start.y + BOX_HEIGHT / 2, end.x, end.y + BOX_HEIGHT / 2)
        for start, end in ((boxes[start], boxes[end]) for start, end in graph.edges)
    ]
    height = max_rows * (BOX_HEIGHT + GAP_Y) + 2 * MARGIN
    return LineagePicture(list(boxes.values()), lines, left - GAP_X + MARGIN, height)
