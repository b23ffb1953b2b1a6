"""Large pictures have a pipe of their own, out of which they come as they went in."""

import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from _recorder import Recorder

from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.graph import picture_wishes, plain_wishes
from cinelake.media.pipe_readers import PicturePipeReader
from cinelake.media.plain_pipe import Y4M_MARK, PlainPipe, plain_pipe
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import VideoClock, VideoStream

SMALL = VideoStream(width=32, height=18)
LARGE = VideoStream(width=320, height=180, pixel_format="yuv420p")
LARGE_BYTES = 320 * 180 * 3 // 2
SHAPE = (4, 3, 5)
"""Four pictures to a batch, of three rows and five columns."""


def read_out(data: bytes, at_once: int, in_y4m: bool = False) -> tuple[PlainPipe, list[int]]:
    """What a pipe that was written in parts of so many bytes gave, and how many pictures each full batch ended with."""
    read, write = plain_pipe()
    ended: list[int] = []
    pipe = PlainPipe(read, SHAPE, lambda: ended.append(pipe.count), in_y4m)
    pipe.start()
    for start in range(0, len(data), at_once):
        os.write(write, data[start : start + at_once])
    os.close(write)
    pipe.join(10)
    assert not pipe.error
    return pipe, ended


@pytest.mark.parametrize("at_once", [7, 60, 1000])
def test_pictures_come_out_as_they_went_in_whatever_is_read_at_once(at_once: int) -> None:
    went_in = np.random.default_rng(1).integers(0, 256, (10, *SHAPE[1:]), np.uint8)
    pipe, ended = read_out(went_in.tobytes(), at_once)
    assert ended == [4, 8] and pipe.count == 10
    came_out = [pipe.batch(0, 4), pipe.batch(1, 4), pipe.batch(2, 2)]
    assert (np.concatenate(came_out) == went_in).all()


@pytest.mark.parametrize("at_once", [7, 60, 1000])
def test_pictures_of_yuv4mpeg_come_out_without_their_marks(at_once: int) -> None:
    went_in = np.random.default_rng(2).integers(0, 256, (6, *SHAPE[1:]), np.uint8)
    marked = b"YUV4MPEG2 W5 H3\n" + b"".join(Y4M_MARK + picture.tobytes() for picture in went_in)
    pipe, ended = read_out(marked, at_once, in_y4m=True)
    assert ended == [4] and pipe.count == 6
    assert (np.concatenate([pipe.batch(0, 4), pipe.batch(1, 2)]) == went_in).all()


def test_a_picture_that_is_not_where_it_ought_to_be_is_an_error() -> None:
    pipe, _ = read_out(b"YUV4MPEG2\n" + 4 * (Y4M_MARK + bytes(16)), 1000, in_y4m=True)
    with pytest.raises(ValueError, match="batch 0 does not begin with"):
        pipe.batch(0, 3)


def test_a_picture_that_is_cut_off_does_not_count() -> None:
    pipe, ended = read_out(bytes(15 * 6 + 14), 1000)
    assert ended == [4] and pipe.count == 6


def test_only_large_pictures_that_are_all_wanted_have_a_pipe_of_their_own(film: Path) -> None:
    known, some = probe(str(film)), VideoStream(width=320, height=180, fps=1)
    assert plain_wishes(known, [SMALL, LARGE, some, LARGE]) == (LARGE,)
    assert picture_wishes(known, [LARGE, SMALL, some]) == (SMALL, some)
    assert picture_wishes(known, [LARGE]) == (VideoClock(),)


@pytest.mark.parametrize("pixel_format", ["rgb24", "gray", "yuv420p"])
def test_large_pictures_are_those_that_ffmpeg_makes(film: Path, read, pixel_format: str) -> None:
    scaled = f"scale=w=320:h=180:flags=fast_bilinear,format={pixel_format}"
    made = run_ffmpeg(
        ["-i", str(film), "-vf", scaled, "-fps_mode", "passthrough", "-f", "rawvideo", "-"], deadline_s=60
    )
    seen = read(film, large=VideoStream(width=320, height=180, pixel_format=pixel_format))
    assert seen.digest("large") == hashlib.sha256(made.stdout).hexdigest()


def test_large_pictures_are_the_same_alone_and_beside_others(film, read) -> None:
    alone = read(film, large=LARGE)
    beside = read(film, large=LARGE, small=SMALL, some=VideoStream(max_width=320, fps=2))
    assert alone.frames("large") == beside.frames("large") == beside.frames("small") == list(range(250))
    assert alone.digest("large") == beside.digest("large")
    assert (alone.column("large", "times_s") == beside.column("small", "times_s")).all()


def first_forty(pipe: PlainPipe) -> None:
    """Read so many pictures, and no more: ffmpeg fails at the next one."""
    left = 40 * LARGE_BYTES
    while left and (got := len(os.read(pipe.fd, left))):
        left -= got
    pipe._filled = {number: pipe._memory.take() for number in range(3)}
    for batch in pipe._filled.values():
        batch[:, : len(Y4M_MARK)] = np.frombuffer(Y4M_MARK, np.uint8)
    pipe.count = 40


def test_where_ffmpeg_fails_the_pictures_that_every_pipe_has_can_be_kept(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlainPipe, "drain", first_forty)
    seen = Recorder(large=LARGE)
    reading = read_film(str(film), probe(str(film)), [seen], deadline_s=60, keep_damaged=True)
    assert "cannot decode" in reading.damage
    assert len(seen.frames("large")) == reading.frames <= 40


def test_the_pipes_are_read_before_the_one_that_waits_for_their_end(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(PlainPipe, "start", lambda pipe: (started.append("large"), threading.Thread.start(pipe)))
    monkeypatch.setattr(
        PicturePipeReader, "start", lambda pipe: (started.append("clock"), threading.Thread.start(pipe))
    )
    read_film(str(film), probe(str(film)), [Recorder(large=LARGE)], deadline_s=60)
    assert started == ["large", "clock"]


def test_a_plain_pipe_is_read_to_its_end_and_nothing_is_sent_back() -> None:
    reading, writing = plain_pipe()
    os.write(writing, b"picture")
    with pytest.raises(BrokenPipeError):
        os.write(reading, b"word")
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"picture"
