"""Table `affect`: the film's line of valence and arousal, once a second, by a trained model of kind `affect`.

In the manifest:

    affect: {}                                    # by affect@champion
    affect: {hz: 2}                               # twice a second

The model says one value a clip, in one pass over the film; between the middles of clips the line is straight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from cinelake.errors import ModelUnusable, UsageError
from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract
from cinelake.spec.roles import SearchCondition, SearchQuestion
from cinelake.spec.task import Field, Film, Params, TableReader, task
from models.affect.config import WIDE
from tasks.shared.line_moments import line_moments

AFFECT = Contract(
    table="affect",
    doc="How the film feels over time, at regular moments from 0 to its end.",
    columns=[
        Column("time_s", pa.float64(), "The moment, in seconds.", at_least=0),
        Column("valence", pa.float32(), "How pleasant; empty where the gate blocked the model's line.", True, -1, 1),
        Column("arousal", pa.float32(), "How exciting; empty where the gate blocked the model's line.", True, -1, 1),
    ],
    key=["time_s"],
)


class AffectParams(Params):
    """How fine the line is."""

    hz: float = Field(1.0, gt=0, le=25)
    """Moments a second."""


_CONDITION = re.compile(r"\s*(valence|arousal)\s*(<=|>=|<|>)\s*([-+]?\d*\.?\d+)\s*")
_MEDIAN_STEP = "median(next_s - time_s) OVER (PARTITION BY movie_id)"


def parse_condition(condition: str) -> tuple[str, str, float]:
    """Which line, how it is compared, and with what: `arousal>0.5` is ('arousal', '>', 0.5). Raises `UsageError`."""
    match = _CONDITION.fullmatch(condition)
    if not match:
        raise UsageError(f"affect is asked for as in 'arousal>0.5' or 'valence<=-0.2'. Received: {condition!r}")
    return match[1], match[2], float(match[3])


def check_conditions(conditions: Sequence[str]) -> None:
    """Raise `UsageError` unless it is one condition that can be asked for."""
    if len(conditions) != 1:
        raise UsageError(f"affect is asked for one condition at a time. Received: {', '.join(conditions)}")
    parse_condition(conditions[0])


def felt(tables: Mapping[str, str], conditions: Sequence[str], _min_probability: float) -> SearchQuestion:
    """When a line is beyond a bound; each value holds until the next (see `export.supercut.felt`).

    Neighbouring values are one span, as relevant as they are on average: a film has hundreds, not thousands.
    """
    (condition,) = conditions
    line, comparison, bound = parse_condition(condition)
    room = max(1e-9, 1 - bound if comparison.startswith(">") else 1 + bound)
    return SearchQuestion(
        f"""WITH later AS (
            SELECT movie_id, time_s, "{line}" AS value,
                   lead(time_s) OVER (PARTITION BY movie_id ORDER BY time_s) AS next_s,
                   row_number() OVER (PARTITION BY movie_id ORDER BY time_s) AS number
            FROM "{tables["affect"]}"),
        spans AS (SELECT *, coalesce(next_s, time_s + coalesce({_MEDIAN_STEP}, 1)) - time_s AS length_s FROM later),
        held AS (
            SELECT *, least(1, abs(value - $bound) / $room) AS relevance,
                   number - row_number() OVER (PARTITION BY movie_id ORDER BY time_s) AS run
            FROM spans WHERE value {comparison} $bound)
        SELECT movie_id, min(time_s), max(time_s + length_s),
               sum(relevance * length_s) / sum(length_s), $condition
        FROM held GROUP BY movie_id, run ORDER BY movie_id, min(time_s)""",
        {"bound": bound, "room": room, "condition": condition.strip()},
        column=line,
    )


@task(
    writes=AFFECT,
    reads=[],
    params=AffectParams,
    version=1,
    revision=2,
    applies="affect",
    roles=[SearchCondition("affect", felt, check=check_conditions)],
)
class DrawAffect:
    """The model's line at regular moments."""

    def __init__(self, params: AffectParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact
        self.facts: dict[str, str] = {}

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row a moment; none for a film of which the model would see and hear nothing. Raises `ModelUnusable` for
        other lines."""
        targets = self._artefact.config.targets
        if not set(WIDE) <= set(targets):
            raise ModelUnusable(
                f"the model predicts {', '.join(targets)}; table affect needs valence and arousal: "
                "table lines takes any (`task: lines`)"
            )
        found = line_moments(self._artefact, tables, self._params.hz)
        self.facts = found.facts
        if len(found.times_s):
            nothing = pa.nulls(len(found.times_s), pa.float32())
            within = {name: np.asarray(np.clip(line, -1, 1), np.float32) for name, line in found.lines.items()}
            lines = {name: within.get(name, nothing) for name in WIDE}
            yield AFFECT.batch(self._film.movie_id, time_s=found.times_s, **lines)
