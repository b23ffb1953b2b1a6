"""What a run says at its end of how to go on."""

from collections import Counter
from pathlib import Path

import pytest

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cli.run import print_resume, print_summary
from flows.run_summary import RunSummary, start_summary


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


def test_what_went_wrong_with_a_film_is_one_row_for_all_its_tables(capsys):
    rows = [{"movie_id": "bad", "task": name, "reason": "not_a_film", "message": "no"} for name in ("shots", "sound")]
    print_summary(RunSummary(failures=rows))
    assert "shots, sound" in (said := capsys.readouterr().out) and said.count("not_a_film") == 1


def test_deaths_of_workers_and_retries_are_counted(capsys):
    print_summary(RunSummary(made=Counter(shots=1), worker_deaths=[{}, {}], retries=[{}]))
    assert "2 workers died · 1 tried again" in capsys.readouterr().out


@pytest.mark.parametrize("made", [0, 1])
def test_what_blocked_tables_wait_for_is_said_with_the_command(tmp_path: Path, capsys, made: int):
    tasks = "{films: {}, shots: {}, frames: {}, faces: {}, persons: {}}"
    (tmp_path / "pipeline.yaml").write_text(f'lake: lake\ncatalogue: {{films: "films/*"}}\ntasks: {tasks}\n')
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "dawn.mp4").write_text("a film")
    summary = start_summary(plan_manifest(load_manifest(tmp_path / "pipeline.yaml")))
    summary.made = Counter(shots=made)
    print_summary(summary)
    assert "blocked: needs a champion of identities: there is none yet: `cinelake train identities` (1)" in (
        capsys.readouterr().out
    )


def test_one_file_that_is_no_film_is_counted_as_one(capsys):
    print_summary(RunSummary(made=Counter(shots=1), files_skipped=Counter(suffix=1), orphans=1))
    assert "1 orphaned film · 1 file that is no film" in capsys.readouterr().out
