"""Titles, tags and chapters that are no UTF-8, in every container that old archives hold."""

import time
from pathlib import Path

import pytest
from _films import MARK, X264, make_film, titled
from _recorder import Recorder

from cinelake.errors import TaskFailed
from cinelake.media.clock import read_clock
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.pipe_readers import PicturePipeReader, SoundPipeReader
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.media.subtitles import extract_subtitles
from cinelake.spec.task import SoundStream, VideoClock, VideoStream

CONTAINERS = ["avi", "mp4", "mkv", "flv", "mov", "nut"]
SMALL = VideoStream(width=32, height=24)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of pictures and sound that every container can hold."""
    folder = tmp_path_factory.mktemp("films")
    options = [*X264, "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100"]
    return make_film(folder / "base.mkv", "testsrc2=d=2:s=64x48:r=25", "sine=d=2:r=44100", options=options)


def read(path: Path) -> tuple[object, ...]:
    """Everything that a film yields, as digests."""
    about = probe(str(path))
    seen = Recorder(
        clock=VideoClock(), pictures=SMALL, thinned=VideoStream(width=32, height=24, fps=5), s=SoundStream()
    )
    started = time.monotonic()
    reading = read_film(str(path), about, [seen], deadline_s=30, stall_s=5)
    assert not reading.errors and time.monotonic() - started < 5
    times = seen.column("clock", "times_s").tolist() if about.video else []
    return times, [seen.digest(label) for label in ("pictures", "thinned", "s")], len(seen.samples("s"))


@pytest.mark.parametrize("bad", [b"\xe9", b"\xff", b"\x80"], ids=["latin-1", "ff", "80"])
@pytest.mark.parametrize("container", [*CONTAINERS, "wav"])
def test_a_byte_that_is_no_utf8_in_titles_changes_nothing(base: Path, tmp_path: Path, container: str, bad: bytes):
    good = titled(base, tmp_path / f"good.{container}", b"I")
    spoilt = titled(base, tmp_path / f"spoilt.{container}", bad)
    assert read(spoilt) == read(good)
    assert read(good)[2] >= 16_000
    if container != "wav":
        assert read(good)[0]
        clocks = [read_clock(str(path), probe(str(path)), deadline_s=20) for path in (good, spoilt)]
        assert clocks[0].ticks.tolist() == clocks[1].ticks.tolist()


@pytest.mark.parametrize("reader", [PicturePipeReader, SoundPipeReader])
def test_an_error_of_a_pipe_s_reader_ends_the_reading_at_once_with_its_words(film: Path, monkeypatch, reader: type):
    def broken(*_: object) -> None:
        raise UnicodeError("no such letter")

    monkeypatch.setattr(reader, "take", broken)
    seen = Recorder(clock=VideoClock(), s=SoundStream())
    started = time.monotonic()
    with pytest.raises(TaskFailed, match="cannot be read: UnicodeError: no such letter"):
        read_film(str(film), probe(str(film)), [seen], deadline_s=60)
    assert time.monotonic() - started < 5 and seen.report is None


def test_a_packet_of_another_length_in_the_middle_of_a_pipe_is_an_error(film: Path, monkeypatch):
    monkeypatch.setattr("cinelake.media.pipe_readers.picture_shape", lambda *_: (7, 7))
    with pytest.raises(TaskFailed, match="in the middle of the pipe"):
        read_film(str(film), probe(str(film)), [Recorder(a=SMALL)], deadline_s=60)


def test_subtitles_and_attachments_with_names_that_are_no_utf8_are_read(base: Path, tmp_path: Path):
    lines, font, path = tmp_path / "lines.srt", tmp_path / "font.txt", tmp_path / "film.mkv"
    lines.write_text("1\n00:00:00,500 --> 00:00:01,000\nhello\n")
    font.write_text("a font")
    inputs = ["-y", "-i", str(base), "-i", str(lines), "-attach", str(font), "-map", "0", "-map", "1", "-c", "copy"]
    names = [f"{part}={MARK.decode()}" for part in ("title", "filename", "mimetype")]
    tags = ["-metadata:s:s", names[0], "-metadata:s:s", "language=fre"]
    tags += [word for name in names for word in ("-metadata:s:t", name)]
    done = run_ffmpeg([*inputs, *tags, str(path)], deadline_s=20)
    assert done.returncode == 0, done.log_tail
    data = path.read_bytes()
    assert data.count(MARK) >= 3 and b"fre" in data
    path.write_bytes(data.replace(MARK, MARK[:5] + b"\xe9" + MARK[6:]).replace(b"fre", b"fr\xe9"))
    about = probe(str(path))
    assert [(stream.codec, stream.language) for stream in about.subtitles] == [("subrip", "fr\ufffd")]
    (written,) = extract_subtitles(str(path), about, about.subtitles, tmp_path)
    assert "hello" in written.read_text()
    assert read(path)[0] == read(base)[0]
