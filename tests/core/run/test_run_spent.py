"""What a cell cost: its own work, and its share of what it was made together with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from _toy_tasks import HOOKS, Night

from cinelake.media.ffmpeg import sound_share
from cinelake.run.cells import processor_s

CELLS = ("cards", "clock", "tones", "sums")


def busy(seconds: float) -> Callable[[], None]:
    def act() -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    return act


def run_of(night: Night, table: str) -> dict[str, Any]:
    footer = night.lake.footer(table, "film")
    assert footer
    return footer.run


@pytest.mark.parametrize("moment", ["cards.finish", "sums.run"])
def test_a_table_s_own_work_is_counted_as_its_own(night: Night, moment: str) -> None:
    HOOKS[moment] = busy(0.3)
    night.run(*CELLS)
    costs = {table: run_of(night, table)["cpu_s"] for table in CELLS}
    assert costs[moment.partition(".")[0]] > 0.3 > max(s for table, s in costs.items() if not moment.startswith(table))


def test_a_task_that_waits_spends_no_processor_time(night: Night) -> None:
    HOOKS["sums.run"] = lambda: time.sleep(0.3)
    night.run(*CELLS)
    assert run_of(night, "sums")["wall_s"] > 0.3 > run_of(night, "sums")["cpu_s"]


def test_ffmpeg_s_work_is_shared_by_all_that_read_the_film_and_by_no_one_else(night: Night) -> None:
    night.run(*CELLS)
    shares = {table: run_of(night, table)["ffmpeg_cpu_s"] for table in CELLS}
    decoding_s = run_of(night, "cards")["decode"]["cpu_s"]
    assert shares["cards"] == shares["clock"] > 0 == shares["sums"]
    assert sum(shares.values()) >= decoding_s - 0.001


def test_threads_of_the_sound_are_told_from_those_of_the_pictures() -> None:
    threads = {"dmx0:mov,mp4": 1, "av:h264:df0": 4, "dec0:1:aac": 1, "fc0": 2, "af#1:0": 1, "enc1:0:pcm_f32l": 1}
    assert sound_share(threads, audio=[1], outputs=range(1, 2)) == pytest.approx(0.3)


def test_a_cell_of_an_older_release_has_no_processor_time() -> None:
    assert [processor_s({"wall_s": 2.0}), processor_s({"cpu_s": 1.0, "ffmpeg_cpu_s": 0.5})] == [None, 1.5]
