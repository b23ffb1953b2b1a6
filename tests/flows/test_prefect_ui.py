"""What Prefect's UI shows of a run and of a film: names, states, lines of logs."""

from __future__ import annotations

import logging

import pytest

from cinelake.run.cells import CellReport, FilmEnded, StepReport
from flows import run
from flows.prefect_ui import LogLine, film_log, film_run_name, film_state

MADE = [CellReport("films", "made", rows=1, wall_s=0.52), CellReport("shots", "made", rows=9, wall_s=2.4)]
DAMAGED = "it ends after 3 s of 60"
GOOD = StepReport("heidi", MADE, film_s=10.0, wall_s=3.1, frames_decoded=250)
BAD = StepReport(
    "heidi",
    [
        MADE[0],
        CellReport("shots", "failed", "damaged_film", DAMAGED),
        CellReport("sound", "failed", "damaged_film", DAMAGED),
        CellReport("faces", "skipped", "blocked", "needs shots, which failed"),
    ],
    wall_s=3.1,
)


@pytest.mark.parametrize(
    ("tables", "name"),
    [(["films"], "heidi: films"), (["a", "b", "c"], "heidi: a, b, c"), (["a", "b", "c", "d"], "heidi: 4 tables")],
)
def test_a_task_run_is_named_for_its_film_and_tables(tables, name):
    assert film_run_name("heidi", tables) == name


def test_a_film_without_failure_is_completed_with_the_seconds_and_rows_of_its_tables():
    kind, message = film_state(GOOD)
    assert (kind, message) == ("COMPLETED", "2 tables made in 3.1 s: films 0.5 s (1 row), shots 2.4 s (9 rows)")


def test_a_film_with_a_failed_table_is_failed_and_says_the_same_thing_once():
    kind, message = film_state(BAD)
    assert kind == "FAILED" and message.startswith(f"shots, sound: damaged_film: {DAMAGED}; 1 table made in 3.1 s")


def test_the_log_of_a_film_has_what_was_made_decoded_left_out_and_wrong():
    assert [line.text for line in film_log(GOOD)][1] == "decoded 250 frames of 10.0 s of film"
    assert film_log(BAD)[1:] == [
        LogLine(logging.WARNING, "left out: faces (needs shots, which failed)"),
        LogLine(logging.ERROR, f"shots, sound: damaged_film: {DAMAGED}"),
    ]


def test_the_log_of_a_run_counts_one_film_as_one(monkeypatch, caplog):
    monkeypatch.setattr(run, "LOG_EVERY_S", -1.0)
    log = run.FlowLog(logging.getLogger("a run"))
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            log.on_event(FilmEnded("heidi", 0, GOOD))
    assert caplog.messages == ["1 film ended", "2 films ended"]
