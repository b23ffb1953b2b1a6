"""What is measured of a table: what its contract declares, and its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cinelake.spec.contract import Contract, Measure

ROWS = Measure("rows", "count(*)", "Rows of the film.", "rows", of_nothing=0)


COVERAGE = "coverage"
"""The share of the catalogue's films that have a table: a bound may be set on it as on a measure."""


@dataclass(frozen=True)
class Watched:
    """A table that is watched: its contract, and which entry provides each table that it reads."""

    contract: Contract
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is measured of it; what counts another table's rows only where the entry reads that table."""
        own = (measure for measure in self.contract.measures if not measure.per or measure.per in self.inputs)
        return (*((ROWS,) if self.contract.key else ()), *own)
