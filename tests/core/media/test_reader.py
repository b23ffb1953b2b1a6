"""Consumers do not wait for each other, and nothing outlives a reading."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from _recorder import Recorder

from cinelake.errors import DecodeTimeout, WorkerLost
from cinelake.media.ffmpeg import run_ffmpeg, start_ffmpeg, version
from cinelake.media.probe import probe
from cinelake.media.reader import DamagedAmongThreads, read_film
from cinelake.spec.task import SoundStream, VideoClock, VideoStream

LARGE = VideoStream(width=640, height=360)


class Raises(Recorder):
    def on_batches(self, batches):
        raise RuntimeError("I cannot")


class Hangs(Recorder):
    def on_batches(self, batches):
        time.sleep(20)


class Slow(Recorder):
    def on_batches(self, batches):
        time.sleep(0.05)
        super().on_batches(batches)


class Late(Recorder):
    def finish(self, report):
        raise OSError("disk full")


def ffmpegs() -> list[int]:
    return [child.pid for child in psutil.Process().children(recursive=True) if "ffmpeg" in child.name()]


@pytest.mark.parametrize("wish", [LARGE, SoundStream(), VideoClock()])
def test_a_consumer_that_raises_stops_no_other(film, wish):
    bad, good = Raises("bad", a=wish), Recorder("good", clock=VideoClock(), s=SoundStream())
    result = read_film(str(film), probe(str(film)), [bad, good], deadline_s=60)
    assert list(result.errors) == ["bad"] and str(result.errors["bad"]) == "I cannot"
    assert len(good.frames("clock")) == 250 and good.report is not None and bad.report is None


def test_a_consumer_that_fails_at_its_end_is_named(film):
    result = read_film(
        str(film), probe(str(film)), [Late("late", c=VideoClock()), Recorder(c=VideoClock())], deadline_s=60
    )
    assert list(result.errors) == ["late"]


def test_a_consumer_that_hangs_is_dropped_and_stops_no_other(large_film):
    bad, good = Hangs("bad", a=LARGE), Recorder("good", clock=VideoClock())
    result = read_film(str(large_film), probe(str(large_film)), [bad, good], deadline_s=60, stall_s=1)
    assert isinstance(result.errors["bad"], DecodeTimeout)
    assert len(good.frames("clock")) == 500


def test_a_slow_consumer_gets_everything(film):
    slow, quick = Slow("slow", a=LARGE, s=SoundStream()), Recorder("quick", a=LARGE, s=SoundStream())
    assert not read_film(str(film), probe(str(film)), [slow, quick], deadline_s=60).errors
    assert slow.digest("a") == quick.digest("a") and slow.digest("s") == quick.digest("s")


def test_when_every_consumer_has_failed_the_reading_ends(large_film):
    result = read_film(str(large_film), probe(str(large_film)), [Raises("bad", a=VideoClock())], deadline_s=60)
    assert list(result.errors) == ["bad"] and result.frames < 500
    assert not ffmpegs()


def test_the_deadline_ends_ffmpeg_and_no_process_stays(large_film):
    seen = Recorder(a=VideoStream(width=1280, height=720))
    with pytest.raises(DecodeTimeout):
        read_film(str(large_film), probe(str(large_film)), [seen], deadline_s=0.3)
    assert seen.report is None and not ffmpegs()


def test_an_error_of_the_caller_ends_ffmpeg(large_film):
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_film(
            str(large_film), probe(str(large_film)), [Slow("slow", a=LARGE)], deadline_s=60, on_progress=interrupted
        )
    assert not ffmpegs()


def test_a_killed_ffmpeg_is_a_lost_worker(large_film):
    def kill():
        while not ffmpegs():
            time.sleep(0.05)
        time.sleep(0.3)
        os.kill(ffmpegs()[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(WorkerLost) as caught:
        read_film(str(large_film), probe(str(large_film)), [Slow("slow", a=LARGE)], deadline_s=60)
    assert caught.value.transient


def test_ffmpeg_ends_when_our_process_is_killed(large_film):
    program = (
        "import sys, time; sys.path[:0] = [sys.argv[2], '.']\n"
        "from _recorder import Recorder; from cinelake.media.probe import probe\n"
        "from cinelake.media.reader import read_film; from cinelake.spec.task import VideoStream\n"
        "class Slow(Recorder):\n"
        "    def on_batches(self, b): print('go', flush=True); time.sleep(60)\n"
        "read_film(sys.argv[1], probe(sys.argv[1]), [Slow(a=VideoStream(width=640, height=360))], deadline_s=60)\n"
    )
    here = str(Path(__file__).parent)
    with subprocess.Popen([sys.executable, "-c", program, str(large_film), here], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        started = psutil.Process(process.pid).children()
        process.kill()
    assert started
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive


def test_a_film_removed_while_it_is_read_is_still_read_whole(tmp_path, film):
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    info = probe(str(path))

    class Removes(Recorder):
        def on_batches(self, batches):
            path.unlink(missing_ok=True)
            super().on_batches(batches)

    seen = Removes(c=VideoClock())
    assert read_film(str(path), info, [seen], deadline_s=60).frames == 250


def test_progress_is_told(large_film):
    told = []
    read_film(str(large_film), probe(str(large_film)), [Slow("slow", a=LARGE)], deadline_s=60, on_progress=told.append)
    assert told == sorted(told) and 0 < told[-1] <= 20


def test_the_report_says_what_the_decode_took(large_film, read):
    report = read(large_film, c=VideoClock()).report
    assert report.user_s > 0.2 and report.peak_rss_bytes > 10 << 20 and report.wall_s > 0
    assert report.ffmpeg_version == version() and report.picture_end_s == pytest.approx(20)


def test_the_runner_kills_at_its_deadline_and_says_so():
    with pytest.raises(DecodeTimeout):
        run_ffmpeg(["-re", "-f", "lavfi", "-i", "testsrc2", "-f", "null", "-"], deadline_s=0.5)
    assert not ffmpegs()


def test_what_was_killed_from_outside_gives_no_answer():
    """Half of what ffmpeg says of a file is no description of it: the film is tried again."""

    def kill():
        while not ffmpegs():
            time.sleep(0.01)
        time.sleep(0.1)
        for pid in ffmpegs():
            os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(WorkerLost, match="killed"):
        run_ffmpeg(["-re", "-f", "lavfi", "-i", "testsrc2", "-f", "null", "-"], deadline_s=20)
    killer.join()


def test_ffmpeg_is_dead_when_its_block_is_left():
    with pytest.raises(ZeroDivisionError), start_ffmpeg(["-re", "-f", "lavfi", "-i", "testsrc2", "-f", "null", "-"]):
        raise ZeroDivisionError
    assert not ffmpegs()


def scratched(film: Path, path: Path) -> Path:
    """A film with some bytes of two places lost, so that decoders conceal parts of its pictures."""
    data = bytearray(film.read_bytes())
    for part in (3, 5):
        place = len(data) * part // 8
        data[place : place + 300] = bytes(300)
    path.write_bytes(data)
    return path


def test_damaged_pictures_come_out_the_same_whatever_the_number_of_processors(draw, tmp_path):
    path = str(scratched(draw("film.mp4", "testsrc2=d=2:s=800x600:r=25"), tmp_path / "scratched.mp4"))
    first, again = Recorder(p=VideoStream(width=320, height=180)), Recorder(p=VideoStream(width=320, height=180))
    with pytest.raises(DamagedAmongThreads):
        read_film(path, probe(path), [Recorder(c=VideoClock())], deadline_s=60, threads="checked")
    for recorder in (first, again):
        read_film(path, probe(path), [recorder], deadline_s=60, threads="one")
    assert first.digest("p") == again.digest("p") and first.report.damaged_pictures > 0
