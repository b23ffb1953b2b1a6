"""Files that were cut off or joined: their own headers tell, and what was lost is said; what is left can be kept."""

import re
import struct
from pathlib import Path

import pytest
from _films import X264, make_film
from _recorder import Recorder

from cinelake.errors import DamagedFilm, PicturesTooLarge
from cinelake.media.decode_check import raise_if_incomplete
from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.probe import probe
from cinelake.media.reader import Reading, read_film
from cinelake.spec.film import Declared
from cinelake.spec.task import SoundStream, VideoClock

PICTURES = {
    "film.avi": ("-c:v", "mpeg4", "-c:a", "mp2"),
    "film.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "film.nut": ("-c", "copy"),
    "film.flv": ("-c", "copy"),
    "film.rm": ("-c:v", "rv20", "-s", "176x144", "-c:a", "ac3"),
    "film.ivf": ("-an", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-s", "32x24"),
    "film.apng": ("-an", "-s", "32x24"),
    "film.mxf": ("-c:v", "mpeg2video", "-c:a", "pcm_s16le", "-ar", "48000"),
    "film.mkv": ("-c", "copy"),
    "film.mp4": ("-c", "copy", "-movflags", "+faststart"),
}
SOUNDS = {
    "sound.wav": ("-c:a", "pcm_s16le"),
    "sound64.wav": ("-c:a", "pcm_s16le", "-rf64", "always"),
    "sound.w64": ("-c:a", "pcm_s16le"),
    "sound.aiff": ("-c:a", "pcm_s16be"),
    "sound.au": ("-c:a", "pcm_s16be"),
    "sound.caf": ("-c:a", "pcm_s16be"),
    "sound.mp3": ("-c:a", "libmp3lame"),
    "sound.flac": ("-c:a", "flac"),
    "sound.wv": ("-c:a", "wavpack"),
}
KINDS = {**PICTURES, **{name: ("-vn", *options) for name, options in SOUNDS.items()}}
"""File → how ffmpeg writes it."""

ENDED: dict[str, tuple[tuple[str, ...], str]] = {
    "film.ts": (("-c", "copy"), "last packet is incomplete"),
    "film.m2ts": (("-c", "copy"), "last packet is incomplete"),
    "film.mpg": (("-c:v", "mpeg2video", "-c:a", "mp2"), "last packet is incomplete"),
    "film.ogv": (("-c:v", "libtheora", "-c:a", "libvorbis"), "last page is incomplete"),
    "film.dv": (("-t", "1", "-s", "720x576", "-ar", "48000", "-ac", "2"), "last picture is incomplete"),
    "film.y4m": (("-an",), "last picture is incomplete"),
    "film.gif": (("-an", "-t", "1"), "the mark that ends a GIF is missing"),
    "film.swf": (("-an", "-c:v", "flv"), r"bytes that it declares are there \(4\d% are lost\)"),
    "fragments.mp4": (("-c", "copy", "-movflags", "frag_keyframe+empty_moov"), "last fragment is incomplete"),
    "index.mp4": (("-c", "copy", "-movflags", "dash+global_sidx"), r"4\d% of its bytes are missing"),
}
"""Kinds whose end, or a count in a place of its own, shows that they were cut off: file → how it is written, words."""

CANNOT_SHOW = ("film.ts", "film.m2ts", "film.mpg", "film.dv", "film.y4m")
"""Kinds that have no mark at their end: cut between two packets, they pass as shorter."""

ONE_CLOCK = ("film.ts", "film.mpg", "sound.ogg")
"""Kinds whose parts, one behind the other, are one film."""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of pictures and sound."""
    options = [*X264, "-pix_fmt", "yuv420p", "-c:a", "aac", "-ar", "44100"]
    place = tmp_path_factory.mktemp("films") / "base.mp4"
    return make_film(place, "testsrc2=d=8:s=64x48:r=25", "sine=d=8:r=44100", options=options)


@pytest.fixture(params=KINDS)
def whole(request: pytest.FixtureRequest, base: Path, tmp_path: Path) -> Path:
    return written(base, tmp_path / request.param, *KINDS[request.param])


def written(base: Path, target: Path, *options: str) -> Path:
    done = run_ffmpeg(["-y", "-i", str(base), *options, str(target)], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    return target


def read(path: Path, *, keep_damaged: bool = False) -> tuple[Reading, Recorder]:
    about = probe(str(path))
    streams = {**({"c": VideoClock()} if about.video else {}), **({"s": SoundStream(8000)} if about.audio else {})}
    seen = Recorder(**streams)
    return read_film(str(path), about, [seen], deadline_s=60, keep_damaged=keep_damaged), seen


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def test_a_whole_file_is_no_damage(whole):
    reading, _ = read(whole)
    assert reading.damage == "" and not reading.errors
    assert reading.duration_s == pytest.approx(8, abs=0.2)


def test_a_file_that_was_cut_off_is_damaged_and_what_was_lost_is_said(whole):
    with pytest.raises(DamagedFilm, match=r"cut off: .*(are lost|lost)|ends after .* declares|cannot be decoded"):
        read(cut(whole, 0.55))


def test_what_can_be_read_of_it_is_kept_where_that_is_wanted(whole):
    reading, seen = read(cut(whole, 0.55), keep_damaged=True)
    assert not reading.errors and seen.report.damage == reading.damage != ""
    assert 1 < reading.duration_s < 7


@pytest.mark.parametrize("share", [0.97, 0.2])
@pytest.mark.parametrize(
    "name",
    ["film.avi", "film.wmv", "film.ivf", "film.apng", "film.mxf", "film.mkv", "film.mp4", "film.rm", "sound.wav"],
)
def test_little_or_much_is_damage_where_the_headers_count_exactly(base, tmp_path, name, share):
    path = cut(written(base, tmp_path / name, *KINDS[name]), share)
    with pytest.raises(DamagedFilm, match="lost"):
        read(path)


def test_of_a_clip_that_lacks_bytes_a_second_is_damage_too(base, tmp_path):
    clip = written(base, tmp_path / "clip.mp4", "-t", "3", "-c", "copy", "-movflags", "+faststart")
    with pytest.raises(DamagedFilm, match=r"ends after .* lost"):
        read(cut(clip, 0.75))


def test_mxf_at_whose_end_something_else_stands_than_it_says_is_whole(base, tmp_path):
    path = written(base, tmp_path / "film.mxf", *KINDS["film.mxf"])
    data = path.read_bytes()
    end = data.rindex(bytes.fromhex("060e2b34020501010d01020101040400"))
    other = data.rindex(bytes.fromhex("060e2b34"), 0, end)
    path.write_bytes(data.replace(end.to_bytes(8), other.to_bytes(8), 1))
    read(path)


@pytest.mark.parametrize("name", ENDED)
def test_a_file_without_a_count_of_its_bytes_shows_at_its_end_that_it_was_cut_off(base, tmp_path, name):
    options, words = ENDED[name]
    path = written(base, tmp_path / name, *options)
    about = probe(str(path))
    raise_if_incomplete(str(path), about)
    assert about.shows_whole == (name not in CANNOT_SHOW)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.55) // 188 * 188 + 5])
    with pytest.raises(DamagedFilm, match=f"cut off: .*{words}"):
        raise_if_incomplete(str(path), probe(str(path)))


@pytest.mark.parametrize("name", ["film.ts", "film.m2ts"])
def test_a_recording_that_was_stopped_between_two_packets_is_no_damage(base, tmp_path, name):
    path, size = written(base, tmp_path / name, "-c", "copy"), 192 if name == "film.m2ts" else 188
    data = path.read_bytes()
    path.write_bytes(data[100 * size : len(data) // 2 // size * size])
    assert probe(str(path)).declared == Declared()


@pytest.mark.parametrize("more", [0, 1, 3, 5, 27])
def test_ogg_that_ends_with_a_whole_page_may_be_a_recording_that_was_stopped(base, tmp_path, more):
    path = written(base, tmp_path / "sound.ogg", "-vn")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"OggS") + more])
    about = probe(str(path))
    assert about.declared.cut_short == ("its last page is incomplete" if more else "") and not about.shows_whole


@pytest.mark.parametrize("place", [1, 3, 6])
def test_an_index_of_each_fragment_says_nothing_of_those_behind_it(base, tmp_path, place):
    path = written(base, tmp_path / "film.mp4", "-c:v", "libx264", "-g", "25", "-c:a", "aac", "-movflags", "dash")
    data = path.read_bytes()
    begins = [found.start() - 4 for found in re.finditer(b"moof", data)]
    ends = data.index(b"sidx", begins[place - 1]) - 4
    path.write_bytes(data[:ends])
    about = probe(str(path))
    assert about.declared == Declared(is_open=True) and not about.shows_whole


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_an_index_of_all_fragments_shows_that_whole_ones_are_missing(base, tmp_path, share):
    path = written(
        base, tmp_path / "film.mp4", "-c:v", "libx264", "-g", "25", "-c:a", "aac", "-movflags", "dash+global_sidx"
    )
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof", int(len(data) * share)) - 4])
    with pytest.raises(DamagedFilm, match=r"bytes that it declares are there|of its bytes are missing"):
        raise_if_incomplete(str(path), probe(str(path)))


def test_a_fragmented_film_behind_a_fragmented_film_is_damage(base, tmp_path):
    flags = ["-movflags", "dash+global_sidx+skip_trailer", "-frag_duration", "2000000"]
    path = written(base, tmp_path / "film.mp4", "-c", "copy", *flags)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(DamagedFilm, match=r"several films joined: the first has .*50%"):
        raise_if_incomplete(str(path), probe(str(path)))


def test_fragments_that_end_before_the_length_in_their_header_are_damage(base, tmp_path):
    path = written(base, tmp_path / "film.mp4", "-c", "copy", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    data = path.read_bytes()
    data = data[: data.index(b"moof", len(data) // 2) - 4]  # whole fragments
    path.write_bytes(with_mehd(data, 8.0))
    with pytest.raises(DamagedFilm, match=r"ends after [2-6]\.\d s; it declares 8\.0 s"):
        read(path)


def with_mehd(data: bytes, seconds: float) -> bytes:
    """A fragmented film whose header states the length of all fragments."""
    unit = int.from_bytes(data[data.index(b"mvhd") + 16 :][:4])
    box = struct.pack(">I4sII", 16, b"mehd", 0, round(seconds * unit))
    at = data.index(b"mvex")
    for name in (b"moov", b"mvex"):
        place = data.index(name) - 4
        size = int.from_bytes(data[place : place + 4]) + len(box)
        data = data[:place] + size.to_bytes(4) + data[place + 4 :]
    return data[: at + 4] + box + data[at + 4 :]


TWO_IN_ONE = (
    "film.avi",
    "film.wmv",
    "film.flv",
    "film.ivf",
    "film.mkv",
    "film.mp4",
    "sound.wav",
    "film.apng",
    "film.wtv",
)


@pytest.mark.parametrize("name", TWO_IN_ONE)
def test_two_films_in_one_file_are_damage(base, tmp_path, name):
    path = written(base, tmp_path / name, *KINDS.get(name, ("-c:v", "mpeg2video", "-c:a", "ac3")))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(DamagedFilm, match=r"several films joined: the first has .*50%"):
        read(path)


@pytest.mark.parametrize("name", ONE_CLOCK)
def test_two_recordings_of_a_broadcast_are_one_film(base, tmp_path, name):
    codecs = {"film.ts": ["-c", "copy"], "film.mpg": ["-c:v", "mpeg2video", "-c:a", "mp2"], "sound.ogg": ["-vn"]}
    path = written(base, tmp_path / name, *codecs[name])
    path.write_bytes(path.read_bytes() * 2)
    reading, seen = read(path)
    assert reading.duration_s == pytest.approx(16, abs=0.3)
    assert len(seen.samples("s")) / 8000 == pytest.approx(16, abs=0.3)
    assert reading.frames in (0, 400)


@pytest.mark.parametrize("codec", ["libtheora", "libvpx"])
def test_joined_ogg_of_which_ffmpeg_reads_the_first_film_alone_is_damage(base, tmp_path, codec):
    parts = [written(base, tmp_path / f"{n}.ogg", "-c:v", codec, "-c:a", "libvorbis") for n in range(2)]
    path = tmp_path / "film.ogg"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(DamagedFilm, match=r"is read for 8\.\d s only"):
        read(path)


def test_a_clock_that_goes_back_is_damage(base, tmp_path):
    path = written(base, tmp_path / "film.nut", "-c", "copy")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(DamagedFilm, match=r"clock of .* goes back: 200 of 400 pictures"):
        read(path)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_streams_that_change_their_numbers_are_damage_with_how_much_is_elsewhere(base, tmp_path, order):
    numbers = ([], ["-mpegts_start_pid", "0x200", "-output_ts_offset", "8"])
    parts = [written(base, tmp_path / f"{n}.ts", "-c", "copy", *numbers[n]) for n in order]
    path = tmp_path / "film.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(DamagedFilm, match=r"change their numbers \(PIDs\): [45]\d% of the file"):
        read(path)


@pytest.mark.parametrize("codecs", [["-c:v", "mpeg2video", "-c:a", "copy"], ["-c:v", "copy", "-c:a", "ac3"]])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_streams_that_change_their_codec_under_one_number_are_damage(base, tmp_path, codecs, order):
    parts = [written(base, tmp_path / f"{n}.ts", *words) for n, words in enumerate((["-c", "copy"], codecs))]
    path = tmp_path / "film.ts"
    path.write_bytes(b"".join(parts[n].read_bytes() for n in order))
    with pytest.raises(DamagedFilm, match=r"change their codec: \d\d% of the file"):
        read(path)


def test_two_programmes_side_by_side_are_no_change_of_numbers(base, tmp_path):
    words = ["-i", str(base), "-map", "0", "-map", "0", "-c", "copy", "-program", "st=0:st=1", "-program", "st=2:st=3"]
    path = written(base, tmp_path / "film.ts", *words)
    assert read(path)[0].frames == 200


@pytest.mark.parametrize("declared", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_size_that_its_writer_left_open_says_nothing(base, tmp_path, declared):
    path = written(base, tmp_path / "sound.wav", "-vn", "-c:a", "pcm_s16le")
    data = bytearray(path.read_bytes())
    for place in (4, data.index(b"data") + 4):
        data[place : place + 4] = declared.to_bytes(4, "little")
    path.write_bytes(data)
    assert probe(str(path)).declared.size_bytes is None


def test_pictures_larger_than_wanted_are_not_decoded(base, tmp_path):
    path = written(base, tmp_path / "film.gif", "-an", "-frames:v", "2")
    with pytest.raises(PicturesTooLarge, match=r"64 × 48 pixels, more than defaults.max_pixels"):
        probe(str(path), max_pixels=64 * 48 - 1)
    assert probe(str(path), max_pixels=64 * 48).video.width == 64


def test_a_picture_of_a_hundred_bytes_and_a_quarter_of_a_billion_pixels_is_refused(tmp_path):
    path = tmp_path / "film.gif"
    size = (16_000).to_bytes(2, "little") * 2
    path.write_bytes(b"GIF89a" + size + b"\x80\0\0\0\0\0\xff\xff\xff" + b",\0\0\0\0" + size + b"\0\2\2D\1\0;")
    with pytest.raises(PicturesTooLarge, match=r"16000 × 16000"):
        probe(str(path))


# --- holes in a recording


def with_a_hole(source: Path, target: Path, start: float, end: float) -> Path:
    """The film as a broadcast of which the packets between two parts of the file were not received."""
    done = run_ffmpeg(["-y", "-i", str(source), "-c", "copy", str(target)], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    data = target.read_bytes()
    first, second = (round(part * len(data) / 188) * 188 for part in (start, end))
    target.write_bytes(data[:first] + data[second:])
    return target


def test_a_hole_in_a_recording_is_told(tmp_path: Path, film: Path) -> None:
    path = with_a_hole(film, tmp_path / "film.ts", 0.50, 0.56)
    reading = read_film(str(path), probe(str(path)), [Recorder(clock=VideoClock())], deadline_s=60)
    assert reading.lost_packets and 0 < reading.hole_s < 1
    assert reading.picture_end_s == pytest.approx(10.0, abs=0.1)


def test_a_recording_with_large_holes_is_damaged(tmp_path: Path, film: Path) -> None:
    path = with_a_hole(film, tmp_path / "film.ts", 0.3, 0.6)
    with pytest.raises(DamagedFilm, match=r"has holes: [23]\.\d s of its 10\.\d s"):
        read_film(str(path), probe(str(path)), [Recorder(clock=VideoClock())], deadline_s=60)


def test_a_recording_whose_packets_come_twice_is_told_so(tmp_path: Path, film: Path) -> None:
    path = with_a_hole(film, tmp_path / "film.ts", 0, 0)
    data = path.read_bytes()
    path.write_bytes(b"".join(data[at : at + 188] * 2 for at in range(0, len(data), 188)))
    with pytest.raises(DamagedFilm, match="50% of its transport packets come twice"):
        read_film(str(path), probe(str(path)), [Recorder(clock=VideoClock())], deadline_s=60)
