"""Every benchmark says what it measures, and runs at a size that proves nothing but that it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from _benchmark_command import call, figures

from benchmarks.economical import Agreement
from benchmarks.figures import Figure
from benchmarks.whole_film import whole_film_manifest

BENCHMARKS = (
    *("one_decode", "shots_speed", "memory", "plan_scale", "cli_start", "search", "million_films", "scaling"),
    *("written_rows", "look", "start_up", "first_minutes", "masters", "whole_film", "count_shots"),
)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory, draw_film: Any) -> Path:
    """A folder with the films that the benchmarks look for, drawn small."""
    folder = tmp_path_factory.mktemp("material")
    draw_film(folder / "1080p_3s.mp4", seconds=3, sound=True)
    draw_film(folder / "360p_0.1min.mp4", seconds=6, sound=True)
    draw_film(folder / "360p_0.05min.mp4", seconds=3, sound=True)
    return folder


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_help_tells_what_is_measured_and_the_target(name: str) -> None:
    text = call(name, "--help")
    assert "Measured:" in text and "Target:" in text and "--json" in text


def test_one_decode_counts_each_picture_once(material: Path) -> None:
    found = figures("one_decode", "--folder", str(material), "--film", str(material / "1080p_3s.mp4"))
    assert found["1080p_3s: pictures decoded / in the film"]["met"]
    least = found["1080p_3s:   ffmpeg alone, making what they want for nobody"]["median"]
    assert found["1080p_3s: four tables / bare decode"]["median"] > least > 0


def test_shots_speed_runs_both_sides(material: Path) -> None:
    found = figures("shots_speed", "--folder", str(material), "--seconds", "3")
    assert found["PySceneDetect / shots alone"]["median"] > 0


def test_memory_sees_ffmpeg_and_the_step(material: Path) -> None:
    found = figures("memory", "--folder", str(material), "--minutes", "0.1", "--short-minutes", "0.05")
    assert found["0.1 minutes: peak"]["median"] > found["0.1 minutes: of that ffmpeg"]["median"] >= 0


def test_a_plan_over_a_fresh_lake_selects_nothing_and_one_change_selects_one_film(tmp_path: Path) -> None:
    found = figures("plan_scale", "--folder", str(tmp_path), "--films", "20")
    decided = [figure for name, figure in found.items() if "selected" in name]
    assert len(decided) == 3 and all(figure["met"] for figure in decided)


def test_written_rows_are_measured_in_every_number(tmp_path: Path) -> None:
    found = figures("written_rows", "--folder", str(tmp_path), "--rows", "5", "10")
    assert found["10 rows"]["median"] > 0 and "a row among 10 / among 5" in found


def test_the_command_starts_without_tensorflow(tmp_path: Path) -> None:
    found = figures("cli_start", "--folder", str(tmp_path))
    assert found["commands that import TensorFlow"]["met"]


def test_a_whole_film_goes_through_every_table_of_a_new_project_where_that_is_said() -> None:
    made = {name: whole_film_manifest(with_models=False, with_all=name == "all") for name in ("target", "all")}
    assert "  faces: {}" in made["target"] and "writing" not in made["target"]
    assert {"  writing: {}", "  speech: {}"} < set(made["all"].splitlines())


@pytest.mark.slow
def test_shots_are_counted_over_small_files_and_over_the_published_copy(tmp_path: Path) -> None:
    found = figures("count_shots", "--folder", str(tmp_path), "--films", "20")
    assert found["20 films, small files: processor time"]["median"] > 0 and "20 films, published: wall time" in found


@pytest.mark.slow
def test_the_index_finds_what_the_exact_search_finds(tmp_path: Path) -> None:
    found = figures("search", "--folder", str(tmp_path), "--vectors", "8000")
    assert found["by the index: recall@10 of vectors"]["met"] and found["by the index: recall@10 of moments"]["met"]


def test_the_median_is_held_against_the_target() -> None:
    assert Figure("ratio", [1.0, 1.2, 9.0], at_most=1.3).met
    assert not Figure("ratio", [1.0, 1.4, 1.5], at_most=1.3).met
    assert Figure("told only", [1.0]).met is None


@pytest.mark.slow
def test_a_master_in_pq_gives_the_descriptors_of_the_one_in_sdr(tmp_path: Path) -> None:
    size = ("--films", "1", "--seconds", "4", "--only", "pq", "--no-tags")
    found = figures("masters", "--folder", str(tmp_path), *size)
    assert found["pq: same picture, cosine"]["min"] > 0.98


def test_a_film_whose_dissolve_begins_one_picture_later_does_not_count_as_the_same() -> None:
    agreement, every = Agreement(), [(0, "start"), (90, "dissolve"), (200, "cut")]
    agreement.add("one", every, every, None)
    agreement.add("other", every, [(0, "start"), (91, "dissolve"), (200, "cut")], None)
    assert "1 of 2 films with the same boundaries, 3 of 4 boundaries" in agreement.in_words("drawn")
