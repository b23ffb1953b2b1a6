"""Tiny tasks of every kind, and a night that runs them on small films as `cinelake run` would, but in this process.

cards                           stream: a card every five pictures
clock, tones                    streams: the film's pictures and its sound, counted
echoes ► cards, answers ► echoes, others ► cards and clock
                                streams that follow: they count the pictures after each row they are given
sums ► cards, totals ► sums and clock
                                tables
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from cinelake.events import Event
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.media.batches import FrameBatch, SoundBatch
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.cells import StepReport
from cinelake.run.step import Step, run_step
from cinelake.spec.contract import ENUM, Column, Contract
from cinelake.spec.task import Film, NoParams, Params, SoundStream, TableReader, VideoClock, VideoStream, task

PICTURES = VideoStream(width=16, height=12, pixel_format="gray")
HOOKS: dict[str, Callable[[], Any]] = {}
"""What happens at a moment of a task, by names such as `cards.on_batch`."""


def _at(moment: str) -> None:
    HOOKS.get(moment, lambda: None)()


def _table(name: str) -> Contract:
    kind = Column("kind", ENUM, "What the number is.", one_of=("pictures", "samples"))
    columns = [Column("row", pa.int64(), "Number of the row."), Column("number", pa.int64(), "A number.", at_least=0)]
    return Contract(name, f"Numbers of {name}.", [*columns, kind], key=["row"])


def _rows(contract: Contract, film: Film, first: int, numbers: list[int], kind: str = "pictures") -> pa.RecordBatch:
    rows = range(first, first + len(numbers))
    return contract.batch(film.movie_id, row=list(rows), number=numbers, kind=[kind] * len(numbers))


class CardsParams(Params):
    """Parameters of `cards`."""

    every: int = 5
    """Pictures from card to card."""
    sign: int = 1
    """−1 gives cards that break their contract."""
    back: str = "plain"
    """Enters the key, and changes no card."""


@task(writes=_table("cards"), reads=PICTURES, params=CardsParams, version=1)
class Cards:
    """The number of every fifth picture, as it is seen."""

    def __init__(self, params: CardsParams, film: Film) -> None:
        _at("cards.init")
        self.params, self.film, self.count = params, film, 0
        self.facts = {"device": "toy"}

    def on_batch(self, batch: FrameBatch) -> Iterator[pa.RecordBatch]:
        """A card for each fifth picture of the batch."""
        _at("cards.on_batch")
        for frame in batch.frames.tolist():
            if frame % self.params.every == 0:
                yield _rows(CONTRACTS["cards"], self.film, self.count, [frame * self.params.sign])
                self.count += 1

    def finish(self) -> Iterable[pa.RecordBatch] | None:
        """Nothing is left to tell."""
        _at("cards.finish")
        return None


class Follower:
    """Counts, at the film's end, the pictures after each row that it was given."""

    follows: tuple[str, ...] = ()

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film, self.frames = film, 0
        self.rows: dict[str, list[int]] = {table: [] for table in self.follows}
        self.ended: list[str] = []
        self.name = type(self).__name__.lower()

    def on_rows(self, table: str, batch: pa.RecordBatch | None) -> None:
        """Remember the rows."""
        _at(f"{self.name}.on_rows")
        assert table not in self.ended
        if batch is None:
            self.ended.append(table)
        else:
            self.rows[table] += batch["number"].to_pylist()

    def on_batch(self, batch: FrameBatch) -> None:
        """Count."""
        _at(f"{self.name}.on_batch")
        self.frames += len(batch)

    def finish(self) -> Iterator[pa.RecordBatch]:
        """One row for each that came."""
        _at(f"{self.name}.finish")
        assert sorted(self.ended) == sorted(self.follows)
        numbers = [number for table in self.follows for number in self.rows[table]]
        yield _rows(CONTRACTS[self.name], self.film, 0, [max(0, self.frames - number) for number in numbers])


@task(writes=_table("echoes"), reads=PICTURES, follows=("cards",), version=1)
class Echoes(Follower):
    """Follows cards."""

    follows = ("cards",)


@task(writes=_table("answers"), reads=PICTURES, follows=("echoes",), version=1)
class Answers(Follower):
    """Follows who follows cards."""

    follows = ("echoes",)


@task(writes=_table("others"), reads=PICTURES, follows=("cards", "clock"), version=1)
class Others(Follower):
    """Follows two."""

    follows = ("cards", "clock")


class Counter:
    """One row: how many pictures or samples there were."""

    kind = "pictures"

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film, self.count, self.name = film, 0, type(self).__name__.lower()

    def on_batch(self, batch: FrameBatch | SoundBatch) -> None:
        """Count."""
        _at(f"{self.name}.on_batch")
        self.count += len(batch)

    def finish(self) -> list[pa.RecordBatch]:
        """The count."""
        return [_rows(CONTRACTS[self.name], self.film, 0, [self.count], self.kind)]


@task(writes=_table("clock"), reads=VideoClock(), version=1)
class Clock(Counter):
    """Counts pictures."""


@task(writes=_table("tones"), reads=SoundStream(sample_rate=8000), version=1)
class Tones(Counter):
    """Counts samples."""

    kind = "samples"


@task(writes=_table("sums"), reads=["cards"], version=1)
class Sums:
    """The sum of the cards."""

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film = film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row."""
        cards = tables["cards"].read(["number"])
        _at("sums.run")
        yield _rows(CONTRACTS["sums"], self.film, 0, [sum(cards["number"].to_pylist())])


@task(writes=_table("totals"), reads=["sums", "clock"], version=1)
class Totals:
    """All numbers of two tables together."""

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film = film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row."""
        numbers = [number for table in tables.values() for b in table.batches() for number in b["number"].to_pylist()]
        yield _rows(CONTRACTS["totals"], self.film, 0, [sum(numbers)])


TASKS: list[Any] = [Cards, Echoes, Answers, Others, Clock, Tones, Sums, Totals]
CONTRACTS: dict[str, Contract] = {cls.spec.name: cls.spec.contract for cls in TASKS}


class Night:
    """A manifest with toy tasks over a folder of films."""

    def __init__(self, folder: Path):
        self.folder, self.films = folder, folder / "films"
        self.film = self.films / "film.mp4"
        self.lake = Lake(str(folder / "lake"))
        self.events: list[Event] = []
        self.catalogue, self.more = "{films: films}", ""

    def plan(self, *entries: str, **options: Any) -> Planning:
        """Plan these entries, written as in a manifest: `cards` or `cards: {every: 2}`."""
        lines = [f"  {entry}" if ":" in entry else f"  {entry}: {{}}" for entry in entries]
        text = "\n".join(["lake: lake", f"catalogue: {self.catalogue}", self.more, "tasks:", *lines])
        (self.folder / "pipeline.yaml").write_text(text)
        return plan_manifest(load_manifest(self.folder / "pipeline.yaml"), **options)

    def steps(self, *entries: str, **options: Any) -> list[Step]:
        """The steps of a run."""
        planning = self.plan(*entries, **options)
        return [planning.step(*film) for film in planning.plan.by_film().items()]

    def run(self, *entries: str, **options: Any) -> StepReport:
        """Run the one film's step."""
        (step,) = self.steps(*entries, **options)
        return run_step(step, self.events.append)

    def numbers(self, table: str) -> list[int] | None:
        """The numbers of a cell; None where there is no cell."""
        if self.lake.footer(table, "film") is None:
            return None
        numbers: list[int] = self.lake.reader(table, "film").read()["number"].to_pylist()
        return numbers

    def failure(self, table: str) -> dict[str, Any] | None:
        """The recorded failure of a cell."""
        import pyarrow.parquet as pq

        path = self.folder / "lake" / "failures" / table / "film.parquet"
        return pq.read_table(path).to_pylist()[0] if path.exists() else None


def outcomes(report: StepReport) -> dict[str, str]:
    """How each cell ended: `made`, `skipped`, or the reason of its failure."""
    return {cell.table: cell.reason if cell.outcome == "failed" else cell.outcome for cell in report.cells}
