"""One run for `benchmarks.scaling`, in a process of its own: each film's step keeps to one processor that no other has.

python -m benchmarks._pinned_run pipeline.yaml      prints [{"processor", "began", "ended"} of every film], as JSON
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks._pinned_step import Pinned, StepPinned
from cinelake.engines import Engine
from cinelake.engines.job import Job
from cinelake.events import Event
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.cells import StepReport


class PinnedEngine:
    """An engine whose films' steps keep to one processor each."""

    def __init__(self, engine: Engine, claims: str):
        self._engine, self._claims = engine, claims
        self._processors = tuple(sorted(os.sched_getaffinity(0)))

    def place(self, job: Job[StepReport]) -> StepReport:
        """Place it, pinned."""
        return self._engine.place(Pinned(job, self._claims, self._processors))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


def main() -> int:
    """The command."""
    from flows.run import FilmWork, run_plan
    from flows.start_catalogue import CommandRun

    planning = plan_manifest(load_manifest(Path(sys.argv[1])))
    events: list[Event] = []
    run = CommandRun(planning, events.append)
    with tempfile.TemporaryDirectory() as claims:

        def pinned(work: FilmWork) -> None:
            run.make(replace(work, engine=PinnedEngine(work.engine, claims)))

        run_plan(planning, run.hear, run.server, pinned)
    print(json.dumps([event.as_json() for event in events if isinstance(event, StepPinned)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
