"""frames: regular samples and the middle of every shot, the same live and when shots are replayed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from _real_data import REAL
from hypothesis import given, settings
from hypothesis import strategies as st

from cinelake.errors import InputChanged
from cinelake.manifest.document import load_manifest
from cinelake.media.batches import FrameBatch
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step
from cinelake.spec.task import Film
from tasks.frames import FRAMES, ROWS_TOGETHER, FramesParams, SampleFrames, waiting
from tasks.frames import middles as middles_module
from tasks.frames.colours import Colours, bgr_of, luma_of
from tasks.frames.luma import measure
from tasks.frames.middles import exact_length, middle_frame
from tasks.frames.waiting import jpeg_of
from tasks.shots import MAX_LAG_FRAMES, SHOTS

WIDTH, HEIGHT = 32, 18
SMALLEST = 64
"""The least length up to which a shot's middle is exact, whatever memory there is."""
no_films = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates for long shots are thinned as early as can be, and waiting JPEGs go to disk."""
    monkeypatch.setattr(middles_module, "CANDIDATE_BYTES", 1)
    monkeypatch.setattr(waiting, "WAITING_BYTES", 5000)


def picture(grey: int) -> np.ndarray:
    """A picture of one grey."""
    return np.full((HEIGHT, WIDTH, 3), grey % 256, np.uint8)


def planar(rgb: np.ndarray) -> np.ndarray:
    """RGB as ffmpeg gives it to the task: I420 of BT.601."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)


def luma(rgb: np.ndarray) -> np.ndarray:
    return luma_of(planar(rgb), Colours())


def shot_rows(cuts: list[int], end: int) -> list[pa.RecordBatch]:
    """One batch for each shot between these frames."""
    edges = [0, *cuts, end]
    return [
        SHOTS.batch(
            "a_film",
            shot=[number],
            start_frame=[start],
            end_frame=[stop],
            start_s=[start / 25],
            end_s=[stop / 25],
            transition=["cut"],
            score=[1.0],
            motion=np.zeros((1, 26), np.float32),
        )
        for number, (start, stop) in enumerate(pairwise(edges))
    ]


class Run:
    """Feeds the task; keeps what it emits and the most candidates it held."""

    def __init__(self, count: int, times_s: np.ndarray | None = None, size: int = 16, **params) -> None:
        self.task = SampleFrames(FramesParams(**params), Film("a_film"))
        self.times = np.arange(count) / 25 if times_s is None else times_s
        self.count, self.size, self.most, self.rows = count, size, 0, []

    def play(self, before: Callable[[int], None]) -> pa.Table:
        for at in range(0, self.count, self.size):
            numbers = np.arange(at, min(at + self.size, self.count))
            before(int(numbers[-1]))
            pixels = np.stack([planar(picture(n)) for n in numbers])
            batch = FrameBatch(numbers, self.times[numbers], np.full(len(numbers), 0.04), pixels)
            self._keep(self.task.on_batch(batch))
        before(10**9)
        self.task.on_rows("shots", None)
        self._keep(self.task.finish())
        return pa.Table.from_batches(self.rows or [FRAMES.empty()])

    def _keep(self, rows) -> None:
        for row in rows:
            FRAMES.check(row, "a_film")
            self.rows.append(row)
        if self.task.candidates is not None:
            self.most = max(self.most, len(self.task.candidates.pictures))


def live(run: Run, rows: list[pa.RecordBatch], lag: int = MAX_LAG_FRAMES) -> pa.Table:
    """Shots arrive `lag` frames after they end."""
    waiting = list(rows)

    def before(head: int) -> None:
        while waiting and waiting[0]["end_frame"][0].as_py() <= head - lag:
            run.task.on_rows("shots", waiting.pop(0))

    return run.play(before)


def replayed(run: Run, rows: list[pa.RecordBatch]) -> pa.Table:
    """All shots arrive before the first picture."""
    for row in rows:
        run.task.on_rows("shots", row)
    return run.play(lambda _: None)


def sampled(table: pa.Table) -> list[int]:
    return table["frame"].to_pylist()


def middles(table: pa.Table) -> list[int]:
    return table.filter(table["is_middle"])["frame"].to_pylist()


@settings(max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=8),
    lag=st.integers(0, MAX_LAG_FRAMES),
    size=st.sampled_from([1, 7, 16, 64]),
    fps=st.sampled_from([0.5, 1.0, 3.0, 25.0]),
)
def test_live_and_replayed_shots_give_the_same_table(lengths: list[int], lag: int, size: int, fps: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(middles_module, "CANDIDATE_BYTES", 1)
        patch.setattr(waiting, "WAITING_BYTES", 5000)
        count = sum(lengths)
        rows = shot_rows(np.cumsum(lengths)[:-1].tolist(), count)
        table = live(Run(count, size=size, fps=fps), rows, lag)
        assert table.equals(replayed(Run(count, size=16, fps=fps), rows))
        starts = np.cumsum([0, *lengths[:-1]]).tolist()
        expected = [middle_frame(s, s + n, SMALLEST) for s, n in zip(starts, lengths, strict=True)]
        assert middles(table) == expected


def test_every_second_and_every_middle_is_sampled_once_and_in_order() -> None:
    table = live(Run(100), shot_rows([30, 50], 100))
    assert sampled(table) == [0, 15, 25, 40, 50, 75]
    assert middles(table) == [15, 40, 75]
    assert table["shot"].to_pylist() == [0, 0, 0, 1, 2, 2]


def test_the_first_picture_at_or_after_each_multiple_is_taken_where_the_rate_varies() -> None:
    times = np.array([0.0, 0.4, 0.9, 1.3, 1.9, 2.0, 4.5, 4.6, 5.2])
    table = replayed(Run(9, times), shot_rows([], 9))
    assert [f for f in sampled(table) if f not in middles(table)] == [0, 3, 5, 6, 8]


def test_the_jpeg_is_the_picture_that_the_row_names() -> None:
    table = live(Run(100), shot_rows([30, 50], 100))
    for row in table.to_pylist():
        grey = cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_GRAYSCALE)
        assert grey.shape == (row["height"], row["width"]) == (HEIGHT, WIDTH)
        assert grey.mean() == pytest.approx(row["frame"] % 256, abs=2)
        assert row["time_s"] == row["frame"] / 25


@given(start=st.integers(0, 1000), length=st.integers(1, 100_000))
def test_the_middle_lies_in_the_shot_near_its_middle(start: int, length: int) -> None:
    middle = middle_frame(start, start + length, 512)
    assert start <= middle < start + length
    assert abs(middle - (start + length // 2)) <= length / 256
    if length <= 512:
        assert middle == (2 * start + length) // 2


@given(length=st.integers(1, 100_000))
def test_the_middle_never_moves_back_when_a_shot_grows(length: int) -> None:
    assert middle_frame(0, length, 64) <= middle_frame(0, length + 1, 64)


def test_ordinary_pictures_get_exact_middles_for_twenty_seconds() -> None:
    assert exact_length(640 * 360 * 3 // 2) == 512


@pytest.mark.usefixtures("little_memory")
def test_memory_is_bounded_in_a_shot_that_does_not_end() -> None:
    run = Run(5000)
    live(run, shot_rows([], 5000))
    assert run.most <= MAX_LAG_FRAMES + SMALLEST // 2 + run.size


def test_nothing_is_kept_when_shots_are_known() -> None:
    run = Run(300)
    replayed(run, shot_rows([100, 200], 300))
    assert run.most == 0


@pytest.mark.usefixtures("little_memory")
def test_samples_that_wait_on_disk_come_back_whole() -> None:
    run = Run(2000, fps=25)
    table = live(run, shot_rows([], 2000))
    assert table.num_rows == 2000
    assert run.task.store.in_memory == run.task.store.on_disk == 0


def test_rows_come_in_batches_of_bounded_size() -> None:
    run = Run(1000, fps=25)
    live(run, shot_rows([500], 1000))
    assert max(batch.num_rows for batch in run.rows) <= ROWS_TOGETHER


def test_pictures_beyond_the_last_shot_are_an_error() -> None:
    with pytest.raises(InputChanged, match="from frame 75 on"):
        replayed(Run(100), shot_rows([], 60))


def test_a_film_without_pictures_has_no_frames() -> None:
    assert live(Run(0), []).num_rows == 0


def test_brightness_goes_from_black_to_white() -> None:
    assert measure(luma(picture(0)))["brightness"] == 0
    assert measure(luma(picture(255)))["brightness"] == 1
    assert measure(luma(picture(128)))["brightness"] == pytest.approx(0.5, abs=0.01)


def test_colours_survive() -> None:
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8) + np.array([192, 32, 64], np.uint8)
    jpeg = jpeg_of(bgr_of(planar(rgb), Colours()), 95)
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found[5, 5].astype(int) == pytest.approx([192, 32, 64], abs=4)


@pytest.mark.parametrize(
    ("matrix", "color_range"), [("bt709", "tv"), ("bt709", "pc"), ("smpte170m", "tv"), ("smpte170m", "pc")]
)
def test_colours_of_a_film_are_those_that_were_drawn(tmp_path: Path, matrix: str, color_range: str) -> None:
    film = tmp_path / "films" / "film.mp4"
    film.parent.mkdir()
    convert = f"scale=out_color_matrix={matrix}:out_range={color_range},format=yuv420p"
    tags = ["-colorspace", matrix, "-color_range", color_range]
    draw = ["-f", "lavfi", "-i", "color=0xC02040:s=64x36:d=1:r=5,format=rgb24", "-vf", convert, "-crf", "1", *tags]
    assert run_ffmpeg([*draw, str(film)], deadline_s=60).returncode == 0
    (tmp_path / "pipeline.yaml").write_text("{lake: lake, catalogue: {films: films}, tasks: {shots: {}, frames: {}}}")
    planning = plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))
    assert not run_step(planning.step("film", planning.plan.stale)).failed()
    jpeg = planning.lake.reader("frames", "film").read(["jpeg"])["jpeg"][0].as_py()
    found = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found[18, 32].astype(int) == pytest.approx([192, 32, 64], abs=6)


def test_entropy_is_in_bits() -> None:
    halves = picture(0)
    halves[: HEIGHT // 2] = 255
    assert measure(luma(picture(7)))["entropy"] == 0
    assert measure(luma(halves))["entropy"] == pytest.approx(1)


def test_a_blurred_picture_is_less_sharp() -> None:
    sharp = np.random.default_rng(1).integers(0, 255, (360, 640)).astype(np.uint8)
    assert measure(cv2.GaussianBlur(sharp, (0, 0), 3))["sharpness"] < measure(sharp)["sharpness"] / 4


def test_a_better_quality_makes_a_larger_jpeg() -> None:
    noisy = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    assert len(jpeg_of(noisy, 95)) > len(jpeg_of(noisy, 30))


@pytest.mark.real
@no_films
def test_a_real_film_gives_the_same_frames_live_and_replayed() -> None:
    from benchmarks.shots import Detection
    from cinelake.media.probe import probe
    from cinelake.media.reader import read_film

    path = str(REAL / "films" / "sintel_trailer.mp4")

    class Both(Detection):
        """Shots, and the frames that follow them live, or frames alone."""

        def __init__(self, shots: list[pa.RecordBatch] | None) -> None:
            super().__init__("a_film")
            self.shots, self.rows, self.is_live = shots or [], [], shots is None
            self.frames_task = SampleFrames(FramesParams(), Film("a_film"))
            self.streams = {**self.streams, "frames": SampleFrames.spec.stream(FramesParams())}
            for row in self.shots:
                self.frames_task.on_rows("shots", row)

        def on_batches(self, batches) -> None:
            if self.is_live:
                self._follow(self.task.on_batch(batches["shots"]))
            self.rows += self.frames_task.on_batch(batches["frames"])

        def finish(self, report) -> None:
            if self.is_live:
                self._follow(self.task.finish())
            self.rows += self.frames_task.finish()

        def _follow(self, rows) -> None:
            for row in rows:
                self.shots.append(row)
                self.frames_task.on_rows("shots", row)

    first = Both(None)
    assert not read_film(path, probe(path), [first], deadline_s=300).errors
    second = Both(first.shots)
    assert not read_film(path, probe(path), [second], deadline_s=300).errors
    table = pa.Table.from_batches(first.rows)
    assert table.equals(pa.Table.from_batches(second.rows))
    assert sum(table["is_middle"].to_pylist()) == len(first.shots)
