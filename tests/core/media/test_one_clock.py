"""Masters of one drawn film: whatever contains it, its pictures, its clock and its length are those that were drawn.

The film has 100 pictures, 25 a second, and four seconds of sound. Each row draws another master of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from _films import X264, make_film, remux
from _recorder import Recorder

from cinelake.errors import DamagedFilm
from cinelake.media.clock import CountedPictures, read_clock
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.lengths import MAX_BYTES_OF_PAUSES, PAUSE_S
from cinelake.media.opening import open_film
from cinelake.media.pauses import may_pause
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import SoundStream, VideoClock

PASSES = {
    "pictures": {"clock": VideoClock()},
    "both": {"clock": VideoClock(), "sound": SoundStream(8000)},
    "sound": {"sound": SoundStream(8000)},
}
"""What tables read: one alone, or together."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = [*X264, "-bf", "2", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "48000"]
    place = tmp_path_factory.mktemp("masters") / "base.mp4"
    return make_film(place, "testsrc2=d=4:s=64x48:r=25", "sine=d=4:r=48000", options=options)


def muxed(target: Path, *words: str) -> Path:
    """What ffmpeg makes of these words."""
    done = run_ffmpeg(["-y", *words, str(target)], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    return target


def copied(base: Path, target: Path, *options: str) -> Path:
    return muxed(target, "-i", str(base), "-map", "0", "-c", "copy", *options)


def sound_first(base: Path, target: Path, *options: str) -> Path:
    """The sound begins two seconds before the pictures."""
    inputs = ["-itsoffset", "2", "-i", str(base), "-i", str(base), "-map", "0:v", "-map", "1:a"]
    return muxed(target, *inputs, *(options or ("-c", "copy")))


def sound_late(base: Path, target: Path, *options: str) -> Path:
    """The sound begins two seconds after the pictures."""
    inputs = ["-itsoffset", "2", "-i", str(base), "-i", str(base), "-map", "1:v", "-map", "0:a"]
    return muxed(target, *inputs, *(options or ("-c", "copy")))


def joined(base: Path, target: Path) -> Path:
    """Two recordings, one behind the other, each with a clock of its own."""
    parts = [copied(base, target.with_name(f"{n}{target.suffix}"), "-output_ts_offset", str(9 * n)) for n in (1, 0)]
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def beheaded(base: Path, target: Path) -> Path:
    """A recording that begins in the middle of a group of pictures."""
    whole = copied(base, target.with_name("whole.ts"))
    packets = whole.stat().st_size // 188
    target.write_bytes(whole.read_bytes()[packets // 5 * 188 :])
    return target


def open_group(base: Path, target: Path) -> Path:
    """A copy from the middle of a film whose groups refer back: its first pictures cannot be decoded."""
    x265 = "log-level=error:open-gop=1:keyint=25:min-keyint=25:scenecut=0:bframes=4:b-adapt=0"
    whole = muxed(target.with_name("open.mp4"), "-i", str(base), "-an", "-c:v", "libx265", "-x265-params", x265)
    with av.open(str(whole)) as source, av.open(str(target), "w") as copy:
        track = copy.add_stream_from_template(source.streams.video[0])
        begun = False
        for packet in source.demux(source.streams.video[0]):
            begun = begun or (packet.is_keyframe and packet.pts * packet.time_base > 1)
            if begun and packet.size:
                packet.stream = track
                copy.mux(packet)
    return target


def held(which: str) -> tuple[str, ...]:
    """A packet is shown for a minute: the one that is shown last, or the last in the file."""
    duration = rf"if({which}\,60/TB\,DURATION)"
    return "-map", "-0:a", "-bsf:v", f"setts=pts=PTS:dts=DTS:duration={duration}"


def subtitled(base: Path, target: Path, *options: str) -> Path:
    """The subtitles outlast the film."""
    lines = target.with_name("long.srt")
    lines.write_text("1\n00:00:01,000 --> 00:00:02,000\none\n\n2\n00:00:14,000 --> 00:00:16,000\nlate\n")
    return muxed(target, "-i", str(base), "-i", str(lines), "-map", "0", "-map", "1", "-c", "copy", *options)


@dataclass(frozen=True)
class Master:
    """What is drawn, and what is right of it. last_s: how long the last picture is shown. duration_s: of the probe."""

    name: str
    draw: Callable[[Path, Path], Path]
    pictures: int = 100
    first_s: float = 0.0
    sound_s: float | None = 4.0
    last_s: float = 0.04
    duration_s: float | None = 4.0
    near: float = 0.09


def copy(*options: str) -> Callable[[Path, Path], Path]:
    return lambda base, target: copied(base, target, *options)


def plain(draw: Callable[..., Path], *options: str) -> Callable[[Path, Path], Path]:
    return lambda base, target: draw(base, target, *options)


MPEG2 = ("-c:v", "mpeg2video", "-c:a", "mp2", "-fps_mode", "passthrough")
MASTERS = [
    Master("plain.mp4", copy()),
    Master("plain.mkv", copy()),
    Master("plain.ts", copy()),
    Master("plain.m2ts", copy("-mpegts_m2ts_mode", "1")),
    Master("plain.mpg", copy(*MPEG2)),
    Master("plain.flv", copy()),
    Master("later.mkv", copy("-output_ts_offset", "5")),
    Master("later.mp4", copy("-output_ts_offset", "5")),
    Master("later.ts", copy("-output_ts_offset", "5000")),
    Master("later.flv", copy("-output_ts_offset", "5")),
    Master("later.nut", copy("-output_ts_offset", "5"), duration_s=9.0),
    Master("later.wmv", copy("-c:v", "wmv2", "-c:a", "wmav2", "-output_ts_offset", "5"), duration_s=9.0, near=0.11),
    Master("sound_first.ts", plain(sound_first), first_s=2.0, duration_s=6.0),
    Master("sound_first.m2ts", plain(sound_first, "-c", "copy", "-mpegts_m2ts_mode", "1"), first_s=2.0, duration_s=6.0),
    Master("sound_first.mpg", plain(sound_first, *MPEG2), first_s=2.0, duration_s=6.0),
    Master("sound_first.mkv", plain(sound_first), first_s=2.0, duration_s=6.0),
    Master("sound_late.ts", plain(sound_late), sound_s=6.0, duration_s=6.0, near=0.25),
    Master("sound_late.mpg", plain(sound_late, *MPEG2), sound_s=6.0, duration_s=6.0),
    Master("joined.ts", joined, pictures=200, sound_s=8.0, duration_s=None),
    Master("beheaded.ts", beheaded, pictures=75, first_s=0.42, sound_s=3.43, duration_s=3.42),
    Master("open_group.mkv", open_group, pictures=50, sound_s=None, duration_s=2.0, near=0.21),
    Master("last_60s.mp4", copy(*held(r"eq(N\,99)")), sound_s=None, last_s=59.96, duration_s=63.92),
    Master("last_60s.mkv", copy(*held(r"gt(PTS*TB\,3.94)")), sound_s=None, last_s=60, duration_s=63.96),
    Master("subtitled.mkv", plain(subtitled, "-c:s", "srt")),
    Master("subtitled.mp4", plain(subtitled, "-c:s", "mov_text")),
    Master("live.mkv", copy("-live", "1"), duration_s=None),
    Master("raw.h264", copy("-map", "-0:a", "-bsf:v", "h264_mp4toannexb"), sound_s=None, duration_s=None),
]
"""Masters of the film, and what is right of each."""


@pytest.fixture(scope="session", params=MASTERS, ids=[master.name for master in MASTERS])
def drawn(request: pytest.FixtureRequest, base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Master, Path]:
    """A master and its file."""
    master: Master = request.param
    return master, master.draw(base, tmp_path_factory.mktemp("master") / master.name)


def read(path: Path, kind: str) -> Recorder:
    seen = Recorder(**PASSES[kind])
    assert not read_film(str(path), probe(str(path)), [seen], deadline_s=60).errors
    return seen


def test_its_pictures_are_all_there_and_begin_and_end_when_they_are_shown(drawn):
    master, path = drawn
    times, lengths = (read(path, "pictures").column("clock", name) for name in ("times_s", "durations_s"))
    assert len(times) == master.pictures
    assert times[0] == pytest.approx(master.first_s, abs=master.near)
    assert lengths[-1] == pytest.approx(master.last_s, abs=0.002)
    assert np.diff(times) == pytest.approx(0.04, abs=0.03)


def test_the_clock_is_the_same_whichever_tables_are_made_together(drawn):
    master, path = drawn
    both = read(path, "both")
    alone = read(path, "pictures").column("clock", "times_s")
    assert both.column("clock", "times_s").tolist() == alone.tolist()
    if master.sound_s is not None:
        heard = read(path, "sound").samples("sound")
        assert len(heard) / 8000 == pytest.approx(master.sound_s, abs=master.near)
        assert np.array_equal(both.samples("sound"), heard)


def test_what_exports_take_for_the_clock_is_that_of_the_tables(drawn):
    _master, path = drawn
    times = read(path, "pictures").column("clock", "times_s")
    clock = read_clock(str(path), probe(str(path)), deadline_s=60)
    assert [clock.seconds(int(tick)) for tick in clock.ticks] == pytest.approx(times.tolist(), abs=1e-3)
    assert [clock.cut(float(at), float(at) + 1e-3).start_frame for at in times[::10]] == [*range(0, len(times), 10)]


def test_its_length_is_the_film_s_or_unknown(drawn):
    master, path = drawn
    known = probe(str(path)).duration_s
    if master.duration_s is None:
        assert known is None or master.name == "joined.ts"
    else:
        assert known == pytest.approx(master.duration_s, abs=master.near)


LATE_BY_3_S = "setts=pts=if(eq(N\\,20)\\,PTS+3/TB\\,PTS)"
SWAPPED_BEFORE_A_LONG_ONE = "setts=pts=PTS+if(eq(N\\,20)\\,0.12/TB\\,if(eq(N\\,49)\\,60/TB\\,0))"
TWO_AT_ONCE = "setts=pts=DTS+mod(N\\,2)*0.04/TB"


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
@pytest.mark.parametrize(
    ("times", "back_s"), [(LATE_BY_3_S, 2.96), (SWAPPED_BEFORE_A_LONG_ONE, 0.08), (TWO_AT_ONCE, 0)]
)
def test_how_far_pictures_are_moved_whose_times_go_back_is_told(
    tmp_path: Path, name: str, times: str, back_s: float
) -> None:
    drawn = make_film(tmp_path / "drawn.mp4", "testsrc=d=2:s=64x48:r=25", options=[*X264, "-bf", "0"])
    path = remux(drawn, tmp_path / name, "-bsf:v", times)
    reading = read_film(str(path), probe(str(path)), [Recorder(clock=VideoClock())], deadline_s=60)
    assert (reading.frames, reading.back_s) == (50, pytest.approx(back_s, abs=0.041))


@pytest.mark.parametrize("times", [LATE_BY_3_S, TWO_AT_ONCE])
def test_exports_take_pictures_whose_times_go_back_or_repeat_as_tables_have_them(tmp_path: Path, times: str) -> None:
    drawn = make_film(tmp_path / "drawn.mp4", "testsrc=d=2:s=64x48:r=25", options=[*X264, "-bf", "0"])
    path = remux(drawn, tmp_path / "film.mkv", "-bsf:v", times)
    clock = read_clock(str(path), probe(str(path)), deadline_s=60)
    shown = read(path, "pictures").column("clock", "times_s").tolist()
    assert [clock.seconds(int(tick)) for tick in clock.ticks] == pytest.approx(shown)


BY_ONE_IN_TEN = "setts=pts=PTS+if(eq(N\\,21)\\,0.05/TB\\,0)"
EARLIER_FROM_THE_MIDDLE = "setts=pts=PTS-if(gt(N\\,20)\\,0.5/TB\\,0)"


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
@pytest.mark.parametrize("times", [LATE_BY_3_S, BY_ONE_IN_TEN, EARLIER_FROM_THE_MIDDLE, "setts=pts=PTS"])
def test_exports_take_the_times_that_a_decode_found_of_pictures_that_are_stored_in_another_order(
    tmp_path: Path, base: Path, name: str, times: str
) -> None:
    path = remux(base, tmp_path / name, "-an", "-bsf:v", times)
    seen = Recorder(clock=VideoClock())
    reading = read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    counted = CountedPictures(reading.frames, reading.picture_times)
    clock = read_clock(str(path), probe(str(path)), deadline_s=60, counted=counted)
    assert [clock.seconds(int(tick)) for tick in clock.ticks] == pytest.approx(seen.column("clock", "times_s").tolist())
    assert clock.indexed == (times == "setts=pts=PTS")


def test_a_lone_picture_is_at_the_film_s_start(tmp_path: Path) -> None:
    path = make_film(
        tmp_path / "film.mpg", "testsrc=d=1:s=64x48:r=25", options=["-c:v", "mpeg2video", "-frames:v", "1"]
    )
    seen = Recorder(clock=VideoClock())
    read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    assert seen.column("clock", "times_s").tolist() == [0.0]
    assert seen.column("clock", "durations_s").tolist() == pytest.approx([0.04])


@pytest.mark.parametrize("name", ["film.ts", "film.mpg", "film.mkv"])
def test_pictures_that_begin_long_after_the_sound_are_where_they_belong(tmp_path: Path, name: str) -> None:
    codecs = ["-c:v", "mpeg2video", "-c:a", "mp2", "-af", "asetpts=PTS", "-vf", "setpts=PTS+20/TB", "-fps_mode", "vfr"]
    path = make_film(tmp_path / name, "testsrc=d=2:s=64x48:r=25", "sine=d=4", options=codecs)
    seen = Recorder(clock=VideoClock())
    read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    assert seen.column("clock", "times_s")[[0, -1]] == pytest.approx([20.0, 21.96], abs=0.05)


def paused(path: Path, pauses: str, length_s: int = 20, more: Sequence[str] = ()) -> Path:
    """A broadcast of which one of them is missing from 3 s to 18 s."""
    gone = "'not(between(t,3,18))'"
    left_out = ["-vf", f"select={gone}"] if pauses == "pictures" else ["-af", f"aselect={gone}"]
    codecs = ["-c:v", "mpeg2video", "-c:a", "mp2", "-fps_mode", "vfr", *left_out, *more]
    return make_film(path, f"testsrc=d={length_s}:s=64x48:r=25", f"sine=d={length_s}", options=codecs)


@pytest.mark.parametrize("name", ["film.ts", "film.mpg", "film.mkv"])
@pytest.mark.parametrize("pauses", ["pictures", "sound"])
def test_one_that_pauses_long_while_the_other_goes_on_is_where_it_belongs(
    tmp_path: Path, name: str, pauses: str
) -> None:
    path = paused(tmp_path / name, pauses)
    seen = Recorder(clock=VideoClock(), sound=SoundStream(8000))
    reading = read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    assert seen.column("clock", "times_s")[-1] == pytest.approx(19.96, abs=0.05)
    assert len(seen.samples("sound")) / 8000 == pytest.approx(20.0, abs=0.1)
    assert reading.sound_hole_s == pytest.approx(15.0 if pauses == "sound" else 0.0, abs=0.2)


@pytest.mark.parametrize("pauses", ["pictures", "sound"])
def test_a_pause_in_a_large_broadcast_does_not_matter_either(tmp_path: Path, pauses: str) -> None:
    path = paused(tmp_path / "film.ts", pauses, more=["-muxrate", "16000000"])
    assert path.stat().st_size > MAX_BYTES_OF_PAUSES
    seen = Recorder(clock=VideoClock(), sound=SoundStream(8000))
    read_film(str(path), probe(str(path)), [seen], deadline_s=60)
    assert seen.column("clock", "times_s")[-1] == pytest.approx(19.96, abs=0.05)
    assert len(seen.samples("sound")) / 8000 == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize("name", ["film.ts", "film.mpg"])
@pytest.mark.parametrize(("pauses", "length_s"), [("pictures", 30), ("sound", 30), ("pictures", 19), ("sound", 19)])
def test_samples_say_that_a_broadcast_may_pause(tmp_path: Path, name: str, pauses: str, length_s: int) -> None:
    assert samples_say_pause(paused(tmp_path / name, pauses, length_s))


@pytest.mark.parametrize("name", ["film.ts", "film.m2ts", "film.mpg", "film.vob"])
def test_samples_say_that_a_broadcast_without_a_pause_need_not_be_looked_through(tmp_path: Path, name: str) -> None:
    still_then_moving = "color=d=15:s=320x240:r=25[a];testsrc2=d=15:s=320x240:r=25[b];[a][b]concat"
    codecs = ["-c:v", "mpeg2video", "-c:a", "ac3"]
    assert not samples_say_pause(make_film(tmp_path / name, still_then_moving, "sine=d=30:r=48000", options=codecs))


def samples_say_pause(path: Path) -> bool:
    about = probe(str(path))
    ids = about.picture_ids[about.video.index], about.sound_ids[about.audio.index]
    with open_film(str(path)) as fd:
        return may_pause(fd, about.container, ids, about.duration_s, PAUSE_S)


@pytest.mark.parametrize("length_s", [19, 30], ids=["near the end", "before"])
@pytest.mark.parametrize("pauses", ["pictures", "sound"])
def test_one_that_pauses_long_in_a_file_too_large_to_look_at_first_is_damage(
    tmp_path: Path, pauses: str, length_s: int
) -> None:
    path = paused(tmp_path / "film.ts", pauses, length_s)
    unseen = replace(probe(str(path)), jump_s=None)  # as of a file of more than `MAX_BYTES_OF_PAUSES`
    with pytest.raises(DamagedFilm, match="missing for 15 s while the other goes on"):
        read_film(str(path), unseen, [Recorder(clock=VideoClock(), sound=SoundStream(8000))], deadline_s=60)


def test_a_part_that_came_twice_is_told(tmp_path: Path, base: Path) -> None:
    once, path = copied(base, tmp_path / "once.ts"), tmp_path / "film.ts"
    data = once.read_bytes()
    third = len(data) // 188 // 3 * 188
    path.write_bytes(data[: 2 * third] + data[third:])
    reading = read_film(str(path), probe(str(path)), [Recorder(clock=VideoClock())], deadline_s=60)
    assert reading.back_s == pytest.approx(1.4, abs=0.2)
    assert read_film(str(once), probe(str(once)), [Recorder(clock=VideoClock())], deadline_s=60).back_s == 0


@pytest.mark.parametrize("late", [0.0, 0.08])
def test_a_clock_that_jumps_is_none_though_sound_comes_to_the_jump_later(tmp_path: Path, late: float) -> None:
    codecs = ["-c:v", "mpeg2video", "-c:a", "mp2", "-muxdelay", "0", "-muxpreload", "0"]
    sources = "testsrc=d=20:s=64x48:r=25", "sine=d=20"
    parts = [
        make_film(tmp_path / f"{at}.ts", *sources, options=[*codecs, "-output_ts_offset", at]) for at in ("0", "100")
    ]
    early, jumped = ([data[at : at + 188] for at in range(0, len(data), 188)] for data in map(Path.read_bytes, parts))
    halves = {False: len(early) * 0.5, True: len(early) * (0.5 + late)}
    path = tmp_path / "film.ts"
    both = enumerate(zip(early, jumped, strict=False))
    path.write_bytes(b"".join(a if at < halves[(a[1] & 31, a[2]) == (1, 1)] else b for at, (a, b) in both))
    assert probe(str(path)).jump_s is None
