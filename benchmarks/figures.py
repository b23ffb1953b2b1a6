"""What the benchmarks share: options, figures with their targets, and how they are printed."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One figure: a value for each repetition, the median of which counts, and the target it is held against."""

    name: str
    values: Sequence[float]
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def median(self) -> float:
        """The value that counts."""
        return float(statistics.median(self.values))

    @property
    def target(self) -> str:
        """The target in words; empty for a figure that is only reported."""
        if self.at_most is not None and self.at_most == self.at_least:
            return f"exactly {_plain(self.at_most)}"
        if self.at_most is not None:
            return f"at most {_plain(self.at_most)}"
        return f"at least {_plain(self.at_least)}" if self.at_least is not None else ""

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target; None without one."""
        if not self.target:
            return None
        not_above = self.at_most is None or self.median <= self.at_most
        return not_above and (self.at_least is None or self.median >= self.at_least)

    def to_json(self) -> dict[str, Any]:
        """The figure for machines."""
        return {"name": self.name, "median": self.median, "min": min(self.values), "max": max(self.values),
                "repetitions": len(self.values), "unit": self.unit, "target": self.target, "met": self.met}  # fmt: skip

    def to_line(self, width: int) -> str:
        """The figure for people."""
        spread = f"({_plain(min(self.values))} … {_plain(max(self.values))})" if len(self.values) > 1 else ""
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        value = f"{_plain(self.median)} {self.unit}".strip()
        target = f"target {self.target}" if self.target else ""
        return f"  {self.name:<{width}}  {value:>12}  {spread:<22} {target:<22} {verdict}".rstrip()


@dataclass
class Report:
    """What a benchmark found. material: sentences on what was measured."""

    benchmark: str
    figures: list[Figure]
    material: list[str] = field(default_factory=list)
    load_before: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """The report for machines."""
        figures = [figure.to_json() for figure in self.figures]
        machine = {"processors": processors(), "load_before": self.load_before, "load_after": load()}
        return {"benchmark": self.benchmark, "material": self.material, "figures": figures, "machine": machine}

    def to_text(self) -> str:
        """The report for people."""
        width = max(len(figure.name) for figure in self.figures)
        machine = f"{processors()} processors; load average {self.load_before:.1f} before, {load():.1f} after"
        lines = [f"{self.benchmark}: median (least … most)", *(figure.to_line(width) for figure in self.figures)]
        return "\n".join([*lines, *(f"  {sentence}" for sentence in self.material), f"  {machine}"])


def run(
    doc: str, measure: Callable[[argparse.Namespace], Report], *options: tuple[str, dict[str, Any]], repeat: int = 5
) -> int:
    """A benchmark's command: `doc` is its help. Gives 0 whatever the figures are: timings decide nothing."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, settings in options:
        parser.add_argument(name, **settings)
    parser.add_argument("--repeat", "--times", type=int, default=repeat, help="repetitions (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the material is kept for the next time (default: nowhere)")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    given = parser.parse_args()
    before = load()
    with contextlib.ExitStack() as stack:
        if given.folder is None:
            given.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cinelake-benchmark-")))
        given.folder = given.folder.absolute()
        given.folder.mkdir(parents=True, exist_ok=True)
        report = measure(given)
    report.load_before = before
    print(json.dumps(report.to_json(), indent=1) if given.json else report.to_text())
    return 0


def say(text: str) -> None:
    """Tell on standard error what is going on."""
    print(text, file=sys.stderr, flush=True)


def load() -> float:
    """How many processes wanted to run during the last minute: above the number of processors, timings suffer."""
    return round(os.getloadavg()[0], 2)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))


def _plain(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
