"""Table `affect_arcs`: each line of `affect` in short: where it peaks and dips, and which of six arcs it follows.

The arcs are those of Reagan et al., The emotional arcs of stories are dominated by six basic shapes (EPJ Data Science
2016): the first three modes of a film's line over its length and their opposites. Modes here are half, one and one and
a half waves of a cosine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from cinelake.spec.arrays import Array
from cinelake.spec.contract import ENUM, Column, Contract
from cinelake.spec.task import Field, Film, Params, TableReader, task

ARCS = {
    "rags to riches": (1, 1),
    "tragedy": (1, -1),
    "man in a hole": (2, 1),
    "icarus": (2, -1),
    "cinderella": (3, 1),
    "oedipus": (3, -1),
}
"""Arc → number of half waves, and which way: rise; fall; fall-rise; rise-fall; rise-fall-rise; fall-rise-fall."""
LINES = ("arousal", "valence")
KINDS = ("arc", "peak", "valley")
FLAT = "flat"

AFFECT_ARCS = Contract(
    table="affect_arcs",
    doc="The emotional lines of the film in short: of each its arc, its peaks and its valleys.",
    columns=[
        Column("line", ENUM, "Which line: arousal or valence.", one_of=LINES),
        Column("kind", ENUM, "arc: the line as a whole; peak, valley: one of its turns.", one_of=KINDS),
        Column("time_s", pa.float64(), "When the peak or valley is; 0 for the arc.", at_least=0),
        Column("value", pa.float32(), "The line's value there; its mean for the arc.", False, -1, 1),
        Column("arc", ENUM, "The arc it is nearest to, flat where it hardly moves; null for turns.", True,
               one_of=(*ARCS, FLAT)),
        Column("fit", pa.float32(), "Correlation with that arc, 0 where flat; null for turns.", True, 0, 1),
        Column("deviation", pa.float32(), "The line's standard deviation; null for turns.", True, 0),
    ],
    key=["line", "kind", "time_s"],
)  # fmt: skip


class AffectArcsParams(Params):
    """What counts as a peak, and as movement."""

    smooth_share: float = Field(0.05, ge=0, le=0.5)
    """The line is smoothed by a Gaussian of this share of the film's length before an arc is sought."""
    prominence: float = Field(0.2, ge=0, le=2)
    """How far a peak must stand above the higher of the valleys around it."""
    least_deviation: float = Field(0.03, ge=0, le=1)
    """A line that moves less is flat."""


@task(writes=AFFECT_ARCS, reads=["affect"], params=AffectArcsParams, version=1)
class SummariseAffect:
    """Peaks, valleys and arc of each line."""

    def __init__(self, params: AffectArcsParams, film: Film):
        self._params, self._film = params, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """For each line its arc, then its peaks and valleys; nothing for a film without a line."""
        table = tables["affect"].read(["time_s", *LINES])
        if not len(table):
            return
        times_s = table["time_s"].to_numpy()
        told = [name for name in LINES if not table[name].null_count]  # a line that the gate blocked is empty
        rows = [row for name in told for row in self._rows(name, times_s, table[name].to_numpy().astype(float))]
        if not rows:
            return
        yield AFFECT_ARCS.batch(self._film.movie_id, **{name: [row[name] for row in rows] for name in rows[0]})

    def _rows(self, name: str, times_s: Array, line: Array) -> list[dict[str, Any]]:
        arc, fit = self._arc(line)
        whole = {"line": name, "kind": "arc", "time_s": 0.0, "value": line.mean()}
        rows = [{**whole, "arc": arc, "fit": fit, "deviation": line.std()}]
        turn = {"line": name, "arc": None, "fit": None, "deviation": None}
        for kind, way in (("peak", 1), ("valley", -1)):
            places = peaks(way * line, self._params.prominence)
            rows += [{**turn, "kind": kind, "time_s": times_s[place], "value": line[place]} for place in places]
        return rows

    def _arc(self, line: Array) -> tuple[str, float]:
        from scipy.ndimage import gaussian_filter1d

        if line.std() < self._params.least_deviation or len(line) < 2:
            return FLAT, 0.0
        return nearest_arc(gaussian_filter1d(line, self._params.smooth_share * len(line), mode="nearest"))


def nearest_arc(line: Array) -> tuple[str, float]:
    """The arc whose shape correlates most with the line, and the correlation."""
    middles = (np.arange(len(line)) + 0.5) / len(line)
    found = {}
    for arc, (half_waves, way) in ARCS.items():
        shape = way * (1 if half_waves == 2 else -1) * np.cos(half_waves * np.pi * middles)
        found[arc] = float(np.corrcoef(line, shape)[0, 1]) if line.std() > 0 else 0.0
    best = max(found, key=lambda arc: found[arc])
    return (best, min(1.0, found[best])) if found[best] > 0 else (FLAT, 0.0)


def peaks(line: Array, prominence: float) -> Array:
    """Places of the line's peaks; those at the film's ends count too."""
    from scipy.signal import find_peaks

    low = line.min() - 1.0
    padded = np.concatenate([[low], line, [low]])
    return np.asarray(find_peaks(padded, prominence=max(prominence, 1e-9))[0] - 1)
