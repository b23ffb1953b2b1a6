"""Progress on the terminal hears the events that it has a method for: its name and its argument are one kind's."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest

from cinelake.events import Event, RecordBegan
from cinelake.plan.plan import Plan
from cli.progress import RunProgress
from cli.train import TrainingProgress
from cli.tune import TuningProgress


@pytest.mark.parametrize("progress", [RunProgress, TrainingProgress, TuningProgress])
def test_a_method_named_for_a_kind_takes_the_class_of_that_kind(progress: type) -> None:
    methods = {name: method for name, method in inspect.getmembers(progress) if name.startswith("_on_")}
    taken = {name: next(iter(get_type_hints(method).values())) for name, method in methods.items()}
    assert taken and all(issubclass(event, Event) for event in taken.values())
    assert {name: f"_on_{event.kind}" for name, event in taken.items()} == {name: name for name in taken}


def test_after_a_ctrl_c_it_is_said_that_films_have_stopped_and_what_is_still_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RunProgress(Plan((), (), {})) as progress:
        progress.on_event(RecordBegan(interrupted=True))
    assert "films have stopped; recording the run in MLflow" in capsys.readouterr().err
