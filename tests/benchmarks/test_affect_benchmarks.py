"""Benchmarks of hours go on where they were cut off, and average seeds before films are drawn."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks._kept import Kept
from benchmarks.affect import scores_of_draws
from benchmarks.delayed_cue import full_state_bytes


def failing() -> float:
    raise AssertionError("measured again")


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    Kept(tmp_path / "a.json", "v1").value("lstm, seed 0", lambda: 0.5)
    assert Kept(tmp_path / "a.json", "v1").value("lstm, seed 0", failing) == 0.5


def test_a_value_that_other_code_gave_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Kept(tmp_path / "a.json", "v1 aa").value("lstm, seed 0", lambda: 0.5)
    Kept(tmp_path / "a.json", "v1 bb").value("lstm, seed 0", failing)
    assert "lstm, seed 0: measured with other code, v1 aa" in capsys.readouterr().err


def test_the_score_of_all_seeds_is_their_mean_of_all_films_and_of_each_draw() -> None:
    line, falling = np.array([0.0, 1.0, 2.0]), np.array([0.0, -1.0, -2.0])
    film = {f"{side}_{target}": line for side in ("true", "said") for target in ("valence", "arousal")}
    found = scores_of_draws([[film, film], [{**film, "said_valence": falling}] * 2])["pcc_valence"]
    assert len(found) > 1000 and found == pytest.approx(np.zeros(len(found)))


def test_the_state_of_full_backpropagation_grows_with_the_film() -> None:
    assert full_state_bytes(5_000) == 50 * full_state_bytes(100)
