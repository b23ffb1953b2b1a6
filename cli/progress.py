"""The progress of a run: films, cells, × real time, time left. One bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from cinelake.events import (
    CellEnded,
    DecodingMoved,
    Event,
    FilmBegan,
    FilmRetried,
    LengthProbed,
    MetricsServed,
    Note,
    RecordBegan,
    RunBegan,
    RunPaused,
    RunResumed,
    ServerFound,
    StagingMoved,
    TaskBegan,
    WorkerDied,
    death_words,
    retry_words,
)
from cinelake.plan.plan import Plan
from cinelake.run.cells import FilmEnded
from cli.screen import duration, err, warn

LINE_EVERY_S = 10.0
WIDE = 100
"""Columns of a terminal from which on a bar is drawn beside the facts; a line that wraps cannot be redrawn."""

DECODE_SHARE = 0.5
"""The share of a film's work that its decoding counts as, until its cells report more."""


class RunProgress:
    """Listens to a run's events. Use as a context; `on_event` may be called from any thread."""

    def __init__(self, plan: Plan, *, quiet: bool = False):
        self._cells = {movie_id: len(cells) for movie_id, cells in plan.by_film().items()}
        self._done_cells: dict[str, int] = dict.fromkeys(self._cells, 0)
        self._length_s: dict[str, float] = {}
        self._decoded_s: dict[str, float] = {}
        self._ended: set[str] = set()
        self._doing = "planning"
        self._began = 0.0
        self._last_line = time.monotonic()
        self._lock = threading.Lock()
        self._bar = Progress(
            *([BarColumn(bar_width=16)] if err.width >= WIDE else []),
            _Facts(self, table_column=Column(no_wrap=True, overflow="ellipsis")),
            TimeElapsedColumn(),
            TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            expand=True,
            console=err,
            disable=quiet or not err.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0)
        self._plain = not quiet and not err.is_terminal

    def __enter__(self) -> RunProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bar.stop()

    def on_event(self, event: Event) -> None:
        """Handle one event of the run."""
        with self._lock:
            handler = getattr(self, f"_on_{event.kind}", None)
            if handler:
                handler(event)
            self._show()

    def _on_server(self, event: ServerFound) -> None:
        what = "starting a Prefect server beside the run at" if event.own else "using the Prefect server at"
        self._say(f"{what} {event.url}" + (" (`cinelake down` ends it)" if event.own else ""))

    def _on_begin(self, _: RunBegan) -> None:
        self._doing, self._began = "working", time.monotonic()

    def _on_paused(self, _: RunPaused) -> None:
        self._doing = "paused (`cinelake resume`)"
        self._say("paused: films that are worked on end, nothing new starts (`cinelake resume`)")

    def _on_resumed(self, _: RunResumed) -> None:
        self._doing = "working"
        self._say("resumed")

    def _on_say(self, event: Note) -> None:
        warn(event.text)

    def _on_died(self, event: WorkerDied) -> None:
        warn(death_words(event))

    def _on_retried(self, event: FilmRetried) -> None:
        self._say(retry_words(event))

    def _on_metrics(self, event: MetricsServed) -> None:
        self._say(f"metrics at {event.url} while the run lasts")

    def _on_record(self, event: RecordBegan) -> None:
        self._doing = "recording the run in MLflow"
        if event.interrupted:
            self._say("films have stopped; recording the run in MLflow")

    def _on_film(self, event: FilmBegan) -> None:
        self._length_s[event.movie_id] = event.film_s

    def _on_length(self, event: LengthProbed) -> None:
        self._length_s[event.movie_id] = event.film_s or 0.0

    def _on_staging(self, event: StagingMoved) -> None:
        share = event.staged_bytes / event.bytes if event.bytes else 1.0
        self._doing = f"copying {share:.0%} {event.movie_id}" if share else f"no room yet: {event.movie_id}"

    def _on_decode(self, event: DecodingMoved) -> None:
        self._decoded_s[event.movie_id] = event.decoded_s

    def _on_task(self, event: TaskBegan) -> None:
        self._doing = f"{event.table} of {event.movie_id}"

    def _on_cell(self, event: CellEnded) -> None:
        movie_id = event.movie_id
        self._done_cells[movie_id] = min(self._done_cells.get(movie_id, 0) + 1, self._cells.get(movie_id, 0))

    def _on_done(self, event: FilmEnded) -> None:
        self._ended.add(event.movie_id)
        self._done_cells[event.movie_id] = self._cells.get(event.movie_id, 0)
        if event.failed:
            self._say(f"{event.movie_id}: {event.failed} failed (see `cinelake status`)")

    def _show(self) -> None:
        self._bar.update(self._task, completed=self._share(), description=self._doing)
        if self._plain and self._began and time.monotonic() - self._last_line > LINE_EVERY_S:
            self._last_line = time.monotonic()
            err.print(f"  {self._share():4.0%}  {self.facts()}")

    def _share(self) -> float:
        """The share of the work that is done; films count by their steps."""
        total = sum(self._cells.values())
        done = sum(self._film_share(movie_id) * cells for movie_id, cells in self._cells.items())
        return done / total if total else 1.0

    def _film_share(self, movie_id: str) -> float:
        length_s = self._length_s.get(movie_id, 0.0)
        decoded = min(self._decoded_s.get(movie_id, 0.0) / length_s, 1.0) if length_s else 0.0
        return max(self._done_cells[movie_id] / self._cells[movie_id], DECODE_SHARE * decoded)

    def facts(self) -> str:
        """Films, cells, × real time, time left."""
        cells = f"{sum(self._done_cells.values())}/{sum(self._cells.values())} cells"
        films = f"{len(self._ended)}/{len(self._cells)} films"
        if not self._began:
            return f"{films} · {cells}"
        elapsed_s = time.monotonic() - self._began
        share = self._share()
        speed = sum(self._length_s.get(m, 0.0) * self._film_share(m) for m in self._cells) / max(elapsed_s, 0.1)
        real_time = f" · {speed:.1f} × real time" if speed else ""  # tables made of tables decode nothing
        left = f" · {duration(elapsed_s * (1 - share) / share)} left" if 0.02 < share < 1 else ""
        return f"{films} · {cells}{real_time}{left}"

    def _say(self, text: str) -> None:
        if self._plain or not self._bar.disable:
            err.print(f"  {text}", markup=False)


class _Facts(ProgressColumn):
    """The facts as they are at each redraw, so that the time left is updated between events."""

    max_refresh = 0.5

    def __init__(self, progress: RunProgress, table_column: Column):
        super().__init__(table_column)
        self._progress = progress

    def render(self, task: Task) -> Text:
        """Called by Rich."""
        return Text(self._progress.facts())
