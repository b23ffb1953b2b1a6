"""A run by hand as Prefect shows it: told to a server by a thread, while and after films are made.

Films do not wait for a server that is still starting, or that is gone: what happened is kept with its time, and sent
once the server answers. A server of the project's own that has died is noticed within seconds; the films go on without
it, and whoever started the run is told.
"""

from __future__ import annotations

import datetime
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from typing import Any, Literal

from cinelake.errors import EngineUnavailable, ServerRefused
from cinelake.events import Note, OnEvent, ServerFound
from cinelake.run.cells import StepReport
from cinelake.storage.interrupts import joined
from flows.prefect_api import PrefectApi
from flows.prefect_ui import film_log, film_run_name, film_state
from flows.server import PrefectServer

LOOK_EVERY_S = 2.0
"""How soon it is seen that a server has died, or that somebody cancelled the run in Prefect's UI."""
MISSED_S = 5.0
"""After so long without an answer it is said that the server does not answer."""
LAST_TRIES_S = 10.0
"""A run that has ended waits so long for a server that does not answer."""
AT_ONCE = 500
RESUMES = "What was made stays; to resume, run the same command again"
Ending = Literal["COMPLETED", "FAILED", "CANCELLED", "CRASHED"]


@dataclass
class _FilmRun:
    """A film's task run. number: Prefect tells apart a run's films by it, and shows one of those that share it.

    began: when a worker began with it, before that when it was handed out.
    """

    name: str
    number: int
    began: datetime.datetime
    is_running: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class RunReport:
    """Tells a Prefect server of one run. `start` returns at once, `close` waits until all is told or given up.

    find: a server, perhaps starting; may wait for others' locks. on_cancel: called once when somebody cancelled the run
    in Prefect's UI. All methods return at once, and raise nothing but `ready` and `check`.
    """

    def __init__(
        self,
        find: Callable[[], PrefectServer],
        run_name: str,
        parameters: Mapping[str, Any],
        on_cancel: Callable[[], None],
    ):
        self._find, self._on_cancel = find, on_cancel
        self._on_event: OnEvent = lambda _: None
        self._run = {"name": run_name, "parameters": dict(parameters), "idempotency_key": str(uuid.uuid4())}
        self._server: PrefectServer | None = None
        self._flow_run = ""
        self._films: dict[str, _FilmRun] = {}
        self._numbers = count()
        self._artifacts: dict[str, str] = {}
        self._waiting: SimpleQueue[Callable[[PrefectApi], None] | None] = SimpleQueue()
        self._events: list[dict[str, Any]] = []
        self._logs: list[dict[str, Any]] = []
        self._ready, self._ended = threading.Event(), threading.Event()
        self._lost: EngineUnavailable | None = None
        self._is_over = False  # by itself, or since somebody cancelled it: what the server says then is no news
        self._in_haste = False
        self._thread = threading.Thread(target=self._tell, name="prefect", daemon=True)

    # --- from the run

    def start(self, on_event: OnEvent) -> None:
        """Begin to look for a server, and to tell it. on_event: hears which it is, and what goes wrong with it."""
        self._on_event = on_event
        self._thread.start()

    def ready(self) -> PrefectServer:
        """The server once it answers. Raises `EngineUnavailable` where none does."""
        self._ready.wait()
        self.check()
        assert self._server is not None
        return self._server

    def check(self) -> None:
        """Raise `EngineUnavailable` where the server was given up."""
        if self._lost:
            raise EngineUnavailable(f"{self._lost}. {RESUMES}") from self._lost

    def film_handed_out(self, movie_id: str, tables: list[str]) -> None:
        """A film waits for a worker, or has one."""
        self._films[movie_id] = _FilmRun(film_run_name(movie_id, tables), next(self._numbers), _now())

    def film_began(self, movie_id: str) -> None:
        """A worker has begun with a film; called more than once, the first time counts."""
        film = self._films.get(movie_id)
        if film and not film.is_running:
            film.began, film.is_running = _now(), True
            self._send_state(film, "RUNNING", "", film.began)

    def film_ended(self, report: StepReport) -> None:
        """A film has ended, made or not."""
        film = self._films.pop(report.movie_id)
        kind, message = film_state(report)
        if not film.is_running:
            self._send_state(film, "RUNNING", "", film.began)
        self._send_state(film, kind, message, _now())
        for line in film_log(report):
            self._send_line(line.level, line.text, task_run_id=film.id, name=report.movie_id)

    def log(self, level: int, message: str, *values: object) -> None:
        """A line of the run's log."""
        self._send_line(level, message % values)

    def create(self, kind: str, key: str, data: Any, words: str) -> str:
        """Show an artifact of the run; returns what `update` takes."""
        made = str(uuid.uuid4())
        body = {"type": kind, "key": key, "data": data, "description": words}

        def send(api: PrefectApi) -> None:
            self._artifacts[made] = api.post("/artifacts/", {**body, "flow_run_id": self._flow_run})["id"]

        self._later(send)
        return made

    def update(self, artifact: str, data: Any) -> None:
        """Show other data of an artifact."""
        self._later(lambda api: api.patch(f"/artifacts/{self._artifacts[artifact]}", {"data": data}))

    def run_ended(self, kind: Ending, message: str, name: str = "") -> None:
        """The run has ended; films that did not end by themselves ended with it."""
        for film in self._films.values():
            if film.is_running:
                self._send_state(film, "CANCELLED" if kind == "CANCELLED" else "CRASHED", "the run ended", _now())
        self._films, self._in_haste, self._is_over = {}, kind == "CANCELLED", True
        state = {"type": kind, "message": message, **({"name": name} if name else {})}
        self._later(lambda api: self._set_state(api, state))

    def close(self) -> None:
        """Wait until all is told, or the server is given up; then leave the server.

        After Ctrl-C a server that is still starting is not waited for.
        """
        self._ended.set()
        self._waiting.put(None)
        try:
            joined(self._thread, None if not self._in_haste else LAST_TRIES_S if self._ready.is_set() else 0)
        finally:
            if self._server:
                self._server.stop()

    # --- in the thread

    def _later(self, send: Callable[[PrefectApi], None]) -> None:
        if not self._lost:
            self._waiting.put(send)

    def _tell(self) -> None:
        try:
            self._server = server = self._find()
            self._on_event(ServerFound(server.url, server.own is not None))
            server.wait()
            with PrefectApi(server.url, server.password) as api:
                self._try(lambda: self._begin(api))
                self._ready.set()
                while self._tell_next(api):
                    pass
        except Exception as error:  # noqa: BLE001 - whatever it is, films go on, and it is said
            self._lost = error if isinstance(error, EngineUnavailable) else EngineUnavailable(f"{error!r}")
            self._on_event(Note(f"Prefect does not show this run, or not to its end; the films go on: {self._lost}"))
        finally:
            self._ready.set()

    def _begin(self, api: PrefectApi) -> None:
        flow = api.post("/flows/", {"name": "catalogue"})["id"]
        run = api.post("/flow_runs/", {**self._run, "flow_id": flow, "state": {"type": "PENDING"}})
        self._flow_run = run["id"]
        self._set_state(api, {"type": "RUNNING"})

    def _set_state(self, api: PrefectApi, state: Mapping[str, Any]) -> None:
        api.post(f"/flow_runs/{self._flow_run}/set_state", {"state": state, "force": True})

    def _tell_next(self, api: PrefectApi) -> bool:
        """Send what waits, after some time look at the server; False when all is told."""
        goes_on, sends = self._taken()
        for send in sends:
            self._try(lambda send=send: send(api))  # type: ignore[misc]
        for path, waiting in (("/events", self._events), ("/logs/", self._logs)):
            while waiting:
                self._try(lambda path=path, waiting=waiting: api.post(path, waiting[:AT_ONCE]))  # type: ignore[misc]
                del waiting[:AT_ONCE]
        if not sends and goes_on:
            self._look(api)
        return goes_on

    def _taken(self) -> tuple[bool, list[Callable[[PrefectApi], None]]]:
        """What waits to be sent, and whether more will come."""
        taken: list[Callable[[PrefectApi], None]] = []
        with suppress(Empty):
            item = self._waiting.get(timeout=LOOK_EVERY_S)
            while item is not None:
                taken.append(item)
                item = self._waiting.get_nowait()
            return False, taken
        return True, taken

    def _look(self, api: PrefectApi) -> None:
        state = self._try(lambda: api.get(f"/flow_runs/{self._flow_run}"))["state_type"]
        if state in ("CANCELLING", "CANCELLED") and not self._is_over:
            self._is_over = True
            self._on_cancel()

    def _try(self, send: Callable[[], Any]) -> Any:
        """What the server answers, tried until it does. Raises `EngineUnavailable` where it has died or refuses."""
        since, said = time.monotonic(), False
        while True:
            try:
                return send()
            except ServerRefused:
                raise
            except EngineUnavailable as error:
                assert self._server is not None
                missed_s = time.monotonic() - since
                if self._server.has_died():
                    raise EngineUnavailable(f"its Prefect server has died: {error}") from error
                if self._ended.is_set() and missed_s > LAST_TRIES_S:
                    raise
                if missed_s > MISSED_S and not said:
                    said = True
                    self._on_event(Note(f"{error}; the films go on, and are shown once it answers again"))
            time.sleep(0.5)

    def _send_line(self, level: int, text: str, **of: str) -> None:
        line = {"name": "cinelake", "level": level, "message": text, "timestamp": _now().isoformat(), **of}
        self._later(lambda _: self._logs.append({**line, "flow_run_id": self._flow_run}))

    def _send_state(self, film: _FilmRun, kind: str, message: str, at: datetime.datetime) -> None:
        self._later(lambda _: self._events.append(self._event(film, kind, message, at)))

    def _event(self, film: _FilmRun, kind: str, message: str, at: datetime.datetime) -> dict[str, Any]:
        """The change of a task run's state as Prefect's own client reports it."""
        name = kind.capitalize()
        state: dict[str, Any] = {"type": kind, "name": name, "message": message, "state_details": {}, "data": None}
        times: dict[str, Any] = {"start_time": film.began.isoformat(), "expected_start_time": film.began.isoformat()}
        if kind != "RUNNING":
            times |= {"end_time": at.isoformat(), "total_run_time": (at - film.began).total_seconds()}
        return {
            "id": str(uuid.uuid4()),
            "occurred": at.isoformat(),
            "event": f"prefect.task-run.{name}",
            "resource": {
                "prefect.resource.id": f"prefect.task-run.{film.id}",
                "prefect.resource.name": film.name,
                "prefect.run-count": "1",
                "prefect.state-message": message,
                "prefect.state-name": name,
                "prefect.state-timestamp": at.isoformat(),
                "prefect.state-type": kind,
                "prefect.orchestration": "client",
            },
            "related": [
                {"prefect.resource.id": f"prefect.flow-run.{self._flow_run}", "prefect.resource.role": "flow-run"}
            ],
            "payload": {
                "intended": {"from": None if kind == "RUNNING" else "RUNNING", "to": kind},
                "initial_state": None,
                "validated_state": state,
                "task_run": {
                    "name": film.name,
                    "task_key": "film",
                    "dynamic_key": str(film.number),
                    "tags": [],
                    "task_inputs": {},
                    "run_count": 1,
                    "flow_run_run_count": 1,
                    **times,
                },
            },
        }


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
