"""Events: each kind is one class, and what a worker reports is what the driver hears."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from cinelake.engines.event_pipe import EventPipe, UnknownEvent, event_writer, from_line, to_line
from cinelake.events import (
    CellEnded,
    DataPrepared,
    EpochEnded,
    Event,
    FilmBegan,
    FilmGathered,
    LengthProbed,
    RunBegan,
    StagingMoved,
    TrialMoved,
)
from cinelake.run.cells import FilmEnded, StepReport

REPORTED = [
    StagingMoved("heidi", 10, 20),
    LengthProbed("heidi", None),
    FilmBegan("heidi", 60.5),
    CellEnded("heidi", "shots", "failed"),
    FilmGathered(1, 3, "heidi"),
    DataPrepared({"train": 2, "test": 1}, 0, "a film has no “labels”"),
    EpochEnded(0, None, {"loss": 0.5}),
    TrialMoved(2, 6, "running", {"layers": [8, 8], "optimizer": "adam"}, "", None),
]


def test_every_kind_is_the_name_of_one_class() -> None:
    kinds = [known.kind for known in Event.__subclasses__()]
    assert len(set(kinds)) == len(kinds) > 20


def test_json_has_the_kind_and_the_fields() -> None:
    assert CellEnded("heidi", "shots", "made").as_json() == {
        "kind": "cell",
        "movie_id": "heidi",
        "table": "shots",
        "outcome": "made",
    }
    assert FilmEnded("heidi", 0, StepReport("heidi", film_s=60.0)).as_json()["report"]["film_s"] == 60.0
    assert not [known for known in Event.__subclasses__() if "kind" in {field.name for field in fields(known)}]


@pytest.mark.parametrize("event", REPORTED, ids=lambda event: event.kind)
def test_a_line_of_the_pipe_is_the_event_again(event: Event) -> None:
    assert from_line(to_line(event)) == event


UNKNOWN = [
    '{"kind": "unheard"}\n',
    '{"movie_id": "heidi"}\n',
    '{"kind": "film", "movie_id": "heidi"}\n',
    '{"kind": "film", "movie_id": "heidi", "film_s": 1, "limit_s": 1}\n',
    '["film"]\n',
    '{"kind": "fi\n',
]


@pytest.mark.parametrize("line", UNKNOWN)
def test_a_line_that_is_no_known_event_is_refused_in_words(line: str) -> None:
    with pytest.raises(UnknownEvent, match="no event here"):
        from_line(line)


def test_what_the_driver_does_not_know_is_logged_and_the_rest_arrives(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []
    pipe = EventPipe(heard.append)
    write = event_writer(str(pipe.path))

    @dataclass(frozen=True)
    class Unheard:
        def as_json(self) -> dict[str, str]:
            return {"kind": "unheard"}

    for event in (REPORTED[0], Unheard(), *REPORTED[1:]):
        write(event)
    pipe.close()
    assert heard == REPORTED
    (record,) = caplog.records
    assert record.levelname == "WARNING" and "unheard" in record.getMessage()


@pytest.mark.parametrize(
    ("films", "cells", "words"), [(1, 1, "1 cell of 1 film to make"), (2, 14, "14 cells of 2 films to make")]
)
def test_what_begins_is_said_in_words(films: int, cells: int, words: str) -> None:
    assert RunBegan(films, cells).words() == words


HOLDS = """
import time
from cinelake.engines.event_pipe import EventPipe
print(EventPipe(print).path, flush=True)
time.sleep(60)
"""


def test_the_pipe_of_a_killed_driver_is_removed_by_the_next_and_that_of_a_living_one_stays():
    with subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True) as killed:
        path = Path(killed.stdout.readline().strip())
        EventPipe(lambda _: None).close()
        assert path.exists()
        killed.kill()
        killed.wait()
        EventPipe(lambda _: None).close()
        assert not path.parent.exists()
