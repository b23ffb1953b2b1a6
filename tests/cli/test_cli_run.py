"""What a run says at its end of how to go on."""

import pytest

from cli.run import print_resume
from flows.run_summary import RunSummary


def said(capsys: pytest.CaptureFixture[str], *reasons: str, interrupted: bool = False) -> str:
    print_resume(RunSummary(failures=[{"reason": r} for r in reasons], interrupted=interrupted), ["cinelake", "run"])
    return capsys.readouterr().out


def test_what_may_pass_is_tried_again_by_the_same_command(capsys):
    assert said(capsys, "worker_lost", "store_unavailable") == (
        "failures that may pass are tried again by: cinelake run\n"
    )


def test_what_would_fail_again_is_tried_when_asked_for(capsys):
    assert "to try now: cinelake run --failed" in said(capsys, "damaged_film")


def test_of_each_kind_its_own_command(capsys):
    assert len(said(capsys, "damaged_film", "disk_full").splitlines()) == 2


def test_an_interrupted_run_is_resumed_by_the_same_command(capsys):
    assert said(capsys, "damaged_film", interrupted=True) == "to resume: cinelake run\n"
