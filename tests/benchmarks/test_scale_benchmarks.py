"""The benchmarks of many films and many workers, at a size that proves nothing but that they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _benchmark_command import figures


@pytest.mark.slow
def test_a_forecast_from_one_real_run_names_hours_and_node_hours(tmp_path: Path, draw_film: Any) -> None:
    draw_film(tmp_path / "1080p_3s.mp4", seconds=3, sound=True)
    words = ("--seconds", "3", "--films", "500", "--engines", "local")
    found = figures("million_films", "--folder", str(tmp_path), *words)
    hours, node_hours = (found[f"64 nodes, GPU × 20: {what}"]["median"] for what in ("hours", "node-hours of nodes"))
    assert node_hours == pytest.approx(64 * hours)
    assert found["simulated / real, local, 2 workers"]["median"] > 0


@pytest.mark.slow
def test_one_worker_and_two_make_the_same_films_on_processors_of_their_own(tmp_path: Path) -> None:
    words = ("--films", "2", "--seconds", "3", "--engines", "local")
    found = figures("scaling", "--folder", str(tmp_path), *words)
    assert found["local: one worker / two, the work"]["median"] > 0
