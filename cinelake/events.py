"""What a run, a training or a tuning reports while it works: one frozen dataclass for each kind of event.

Whoever works creates them, whoever listens (progress on a terminal, logs, metrics) picks those of its concern by class;
none of them steers anything, except `Deadline`, which is for the process that works on a film and for nobody else.
Values are what JSON can hold, as events of workers reach the driver through `cinelake.engines.observing`; only
`FilmEnded`, which never leaves the driver, carries a report and stands beside it in `cinelake.run.cells`.

| a film's step | a run          | training and tuning |
| ------------- | -------------- | ------------------- |
| StagingMoved  | ServerFound    | DataBegan           |
| Deadline      | MetricsServed  | FilmGathered        |
| LengthProbed  | RunBegan       | DataPrepared        |
| FilmBegan     | QueueMoved     | TrainingBegan       |
| DecodingMoved | RunPaused      | EpochEnded          |
| TaskBegan     | RunResumed     | EvaluationBegan     |
| CellEnded     | FilmEnded      | TuningBegan         |
|               | Note           | TrialMoved          |
|               | RecordBegan    | SearchEnded         |
|               | RunEnded       |                     |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

Outcome = Literal["made", "rekeyed", "failed", "skipped"]
"""How a cell ended; rekeyed: its inputs were made anew and came out the same, so its data stay, under a new key."""


@dataclass(frozen=True)
class Event:
    """Something that happened. `kind`: its name as JSON, one for each class."""

    kind: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """The kind and the fields."""
        return {"kind": self.kind, **asdict(self)}


OnEvent = Callable[[Event], None]


# --- a film's step, on its worker


@dataclass(frozen=True)
class Deadline(Event):
    """From now on the film's step may take `limit_s`; kept by the process that works on it, shown to nobody."""

    kind = "deadline"
    movie_id: str
    limit_s: float


@dataclass(frozen=True)
class StagingMoved(Event):
    """So much of the film's `bytes` is copied to the machine that reads it; 0 while the copy waits for room."""

    kind = "staging"
    movie_id: str
    staged_bytes: int
    bytes: int


@dataclass(frozen=True)
class LengthProbed(Event):
    """How long a film is that still waits for its step; None where its container does not say."""

    kind = "length"
    movie_id: str
    film_s: float | None


@dataclass(frozen=True)
class FilmBegan(Event):
    """A film's decoding begins; its length is known."""

    kind = "film"
    movie_id: str
    film_s: float


@dataclass(frozen=True)
class DecodingMoved(Event):
    """The film is decoded up to `decoded_s`."""

    kind = "decode"
    movie_id: str
    decoded_s: float
    film_s: float


@dataclass(frozen=True)
class TaskBegan(Event):
    """A task that reads tables begins."""

    kind = "task"
    movie_id: str
    table: str


@dataclass(frozen=True)
class CellEnded(Event):
    """A cell was committed, failed or skipped."""

    kind = "cell"
    movie_id: str
    table: str
    outcome: Outcome


@dataclass(frozen=True)
class WorkerDied(Event):
    """A process that makes tables died: killed from outside, or by a crash of a library.

    what: the job that it worked on, empty where it idled. why: names the job too. memory_gb: what it held when it was
    last looked at, with what it had started; None where that is not known.
    """

    kind = "died"
    what: str
    why: str
    memory_gb: float | None


# --- a run, in the driver


@dataclass(frozen=True)
class ServerFound(Event):
    """The Prefect server of the run; `own`: it was started for this run and ends with it."""

    kind = "server"
    url: str
    own: bool


@dataclass(frozen=True)
class MetricsServed(Event):
    """Where Prometheus can read the run's metrics while it lasts."""

    kind = "metrics"
    url: str


@dataclass(frozen=True)
class RunBegan(Event):
    """Work begins on so many cells of so many films."""

    kind = "begin"
    films: int
    cells: int

    def words(self) -> str:
        """The same, for people."""
        cells, films = ("" if count == 1 else "s" for count in (self.cells, self.films))
        return f"{self.cells} cell{cells} of {self.films} film{films} to make"


@dataclass(frozen=True)
class QueueMoved(Event):
    """How many films wait to be handed out, and how many are handed out and not yet ended."""

    kind = "queue"
    waiting: int
    in_flight: int


@dataclass(frozen=True)
class RunPaused(Event):
    """Somebody paused the runs on this lake: films in flight end, no other starts."""

    kind = "paused"


@dataclass(frozen=True)
class RunResumed(Event):
    """Films are handed out again."""

    kind = "resumed"


@dataclass(frozen=True)
class FilmRetried(Event):
    """A film is worked on again, after its worker or machine failed, for so many tables that are not in the lake yet.

    attempt: 2 for the first time.
    """

    kind = "retried"
    movie_id: str
    attempt: int
    tables: int


@dataclass(frozen=True)
class Note(Event):
    """A warning in words that concerns no cell."""

    kind = "say"
    text: str


@dataclass(frozen=True)
class RecordBegan(Event):
    """The run is being recorded in MLflow, which takes seconds; interrupted: after Ctrl-C, say."""

    kind = "record"
    interrupted: bool = False


@dataclass(frozen=True)
class RunEnded(Event):
    """The run is over; `summary`: as `cinelake run --json` prints it."""

    kind = "end"
    summary: Mapping[str, Any]


# --- a training, a tuning


@dataclass(frozen=True)
class DataBegan(Event):
    """The films of a training are about to be read."""

    kind = "preparing"


@dataclass(frozen=True)
class FilmGathered(Event):
    """The labels and tables of a film are read, the `done`th of `films`."""

    kind = "gathered"
    done: int
    films: int
    movie_id: str


@dataclass(frozen=True)
class DataPrepared(Event):
    """The data are split. `films`: how many on each side. `warning`: what is wrong with the split, or empty."""

    kind = "prepared"
    films: Mapping[str, int]
    left_out: int
    warning: str


@dataclass(frozen=True)
class TrainingBegan(Event):
    """Training begins in this run of MLflow, or is resumed there."""

    kind = "training"
    run_id: str
    resumed: bool


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch ended, counted from 0. `of`: how many there are at most, None where the configuration does not say."""

    kind = "epoch"
    number: int
    of: int | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class LearnerCompared(Event):
    """One of a model's learners was compared with simpler ones; `text` says how it did."""

    kind = "learner"
    text: str


@dataclass(frozen=True)
class EvaluationBegan(Event):
    """The trained candidate is scored and compared with baseline and champion."""

    kind = "judging"


@dataclass(frozen=True)
class TuningBegan(Event):
    """A search for so many trials begins in this run of MLflow, or is resumed there."""

    kind = "tuning"
    run_id: str
    trials: int
    resumed: bool


@dataclass(frozen=True)
class TrialMoved(Event):
    """A trial ended a fold, or ended. `drawn`: its settings. `score`: the metric's mean so far, None before the first.

    `status`: as `cinelake.learning.trial.Trial` has it. `error`: the beginning of what went wrong, or empty.
    """

    kind = "trial"
    number: int
    of: int
    status: str
    drawn: Mapping[str, Any]
    error: str
    score: float | None


@dataclass(frozen=True)
class SearchEnded(Event):
    """All trials ended; the best one's settings are trained next."""

    kind = "searched"


# --- in words, the same on a terminal and in a log


def death_words(event: WorkerDied) -> str:
    """A worker's death, as people are told of it."""
    held = "" if event.memory_gb is None else f"; it held {event.memory_gb:.2f} GB"
    return f"{'' if event.what else 'a worker died while it idled: '}{event.why}{held}"


def retry_words(event: FilmRetried) -> str:
    """A retry, as people are told of it."""
    tables = "1 table" if event.tables == 1 else f"{event.tables} tables"
    return f"{event.movie_id} is tried again (attempt {event.attempt}) for {tables} not yet made"
