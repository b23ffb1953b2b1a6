"""What a benchmark of many trainings measured is kept, so that it goes on where it was cut off."""

from __future__ import annotations

from pathlib import Path

from benchmarks._kept import kept_for
from models.funny.config import Config


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    kept_for(tmp_path, "shares", Config(), "v1").value("1 %", lambda: {"auc": 0.5})
    assert kept_for(tmp_path, "shares", Config(), "v1").value("1 %", lambda: {"auc": 0.9}) == {"auc": 0.5}


def test_another_configuration_is_measured_anew(tmp_path: Path) -> None:
    kept_for(tmp_path, "shares", Config(), "v1").value("1 %", lambda: {"auc": 0.5})
    assert kept_for(tmp_path, "shares", Config(gamma=0.1), "v1").value("1 %", lambda: {"auc": 0.9}) == {"auc": 0.9}
