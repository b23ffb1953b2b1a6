"""Table `credits`: who did what, as the credits in the pictures say it.

    credits: {}

Read are the lines that `writing` takes for credits: those that roll upwards, and those that stand five or more on one
picture. Roles may stand beside names, above them, or in one line with them (`Directed by …`). A card of fewer lines, as
films open with, may be a title or a sign: of it only is read what a line that can be nothing but a role stands by
(`Director of Photography`, `Music by`, `Regie`). What fits none of these is left out: a name whose role is not told, or
could not be read, has no row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Film, NoParams, TableReader, task
from tasks.credits.parsing import PlacedLine, credits_of, credits_of_cards, told_once

CREDITS = Contract(
    table="credits",
    doc="Who did what, as the film's credits say: a row for each role and name.",
    columns=[
        Column("credit", pa.int32(), "Number of the credit, in the order in which they are shown.", at_least=0),
        Column("role", pa.string(), "What they did, or whom they played, as it is written."),
        Column("name", pa.string(), "Who, as it is written."),
        Column("start_s", pa.float64(), "When it is first shown, in seconds.", at_least=0),
    ],
    key=["credit"],
)
_PLACES = ["text", "start_s", "end_s", "time_s", "x", "y", "width", "height", "speed"]


@task(writes=CREDITS, reads=["writing"], params=NoParams, version=5)
class ReadCredits:
    """Pairs of role and name out of the lines that are credits."""

    def __init__(self, _params: NoParams, film: Film):
        self._film = film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The credits in the order in which they are shown."""
        rows = tables["writing"].read([*_PLACES, "is_credit"]).to_pylist()
        placed = [PlacedLine(**{**{name: row[name] for name in _PLACES}, "text": row["text"] or ""}) for row in rows]
        is_credit = [row["is_credit"] for row in rows]
        pages = [line for line, is_one in zip(placed, is_credit, strict=True) if is_one]
        cards = [line for line, is_one in zip(placed, is_credit, strict=True) if not is_one]
        found = told_once([*credits_of(pages), *credits_of_cards(cards)])
        if found:
            yield CREDITS.batch(
                self._film.movie_id,
                credit=range(len(found)),
                role=[credit.role for credit in found],
                name=[credit.name for credit in found],
                start_s=[credit.start_s for credit in found],
            )
