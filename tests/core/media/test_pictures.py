"""Frame numbers, times and pixels of the pictures that leave the graph."""

import av
import numpy as np
import pytest
from _films import remux
from _recorder import Recorder

from cinelake.media.ffmpeg import run_ffmpeg
from cinelake.media.plain_pipe import BatchMemory
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.task import SoundStream, VideoClock, VideoStream

SMALL = VideoStream(width=32, height=18)


def packet_times(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start = container.start_time / av.time_base
        return sorted(float(p.pts * stream.time_base) - start for p in container.demux(stream) if p.pts is not None)


def test_every_picture_is_counted_once_and_decoded_once(film, read):
    seen = read(film, clock=VideoClock(), small=SMALL)
    assert seen.frames("clock") == seen.frames("small") == list(range(250))
    assert seen.report.frames == seen.report.frames_decoded == 250


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_are_those_of_the_packets_under_variable_frame_rate(draw, read, suffix):
    gaps = "setpts='(N*N+3*N)*TB*20',settb=1/1000"
    path = draw(f"vfr.{suffix}", f"testsrc2=d=1:s=64x64:r=25,{gaps}", options=["-fps_mode", "vfr", "-c:v", "libx264"])
    seen = read(path, clock=VideoClock(), small=SMALL)
    assert np.allclose(seen.column("clock", "times_s"), packet_times(path), atol=1e-9)
    assert np.allclose(seen.column("clock", "durations_s")[:-1], np.diff(packet_times(path)))


def test_the_film_starts_at_zero_whatever_its_container_says(film, tmp_path, read):
    late = remux(film, tmp_path / "late.ts", "-muxdelay", "5", "-output_ts_offset", "100")
    assert probe(str(late)).start_time_s > 50
    assert read(late, clock=VideoClock()).column("clock", "times_s")[0] < 0.1


@pytest.mark.parametrize("fps", [1.0, 3.0, 0.4, 7.5, 50.0])
def test_a_thinned_stream_has_the_first_picture_at_or_after_each_multiple(film, read, fps):
    seen = read(film, clock=VideoClock(), thin=VideoStream(width=32, height=18, fps=fps), all=SMALL)
    times = seen.column("clock", "times_s")
    multiples = np.arange(0, 10, 1 / fps)
    expected = sorted({int(np.searchsorted(times, m - 1e-7)) for m in multiples} - {250})
    assert seen.frames("thin") == expected
    assert np.array_equal(seen.pixels("thin"), seen.pixels("all")[expected])


def test_a_stream_is_the_same_whatever_else_is_wanted(large_film, read):
    wishes = {
        "small": VideoStream(width=64, height=36),
        "middle": VideoStream(max_width=640),
        "grey": VideoStream(max_width=320, pixel_format="gray"),
        "thin": VideoStream(max_width=160, fps=2.0, pixel_format="yuv420p"),
        "sound": SoundStream(),
    }
    together = read(large_film, **wishes)
    for label, wish in wishes.items():
        assert read(large_film, only=wish).digest("only") == together.digest(label), label


def test_batches_have_the_same_borders_for_all_pictures_of_a_consumer(film, read):
    seen = read(film, clock=VideoClock(), small=SMALL, thin=VideoStream(width=32, height=18, fps=1.0))
    spans = [(batch.frames[0], batch.frames[-1]) for batch in seen.batches["clock"]]
    assert spans == [(batch.frames[0], batch.frames[-1]) for batch in seen.batches["small"]]
    assert len(seen.batches["thin"]) == len(spans)


@pytest.mark.parametrize(("width", "most"), [(32, 32), (640, 32), (1280, 16)])
def test_a_batch_of_large_pictures_has_fewer_of_them(film, read, width, most):
    seen = read(film, large=VideoStream(width=width, height=width * 9 // 16, pixel_format="yuv420p"))
    assert {len(batch) for batch in seen.batches["large"][:-1]} == {most}
    assert seen.frames("large") == list(range(250))


def test_a_batch_cannot_be_changed_by_the_one_who_gets_it(film, read):
    with pytest.raises(ValueError, match="read-only"):
        read(film, small=SMALL).batches["small"][0].pixels[0] = 0


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ("yuv420p10le", "libx264"),
        ("yuv444p", "libx264"),
        ("yuv422p", "mpeg2video"),
        ("rgb24", "ffv1"),
        ("gray", "ffv1"),
        ("pal8", "png"),
    ],
)
def test_any_pixel_format_gives_the_same_colours(draw, read, options, form):
    path = draw("red.mkv", "color=red:d=1:s=64x48", options=["-c:v", form, "-pix_fmt", options])
    wanted = 76 if options == "gray" else [254, 0, 0]
    assert np.abs(read(path, a=VideoStream(width=16, height=16)).pixels("a").astype(int) - wanted).max() < 8


def test_an_odd_size_becomes_even_and_is_not_enlarged(draw, read):
    path = draw("odd.mkv", "testsrc2=d=1:s=101x75", options=["-c:v", "ffv1", "-pix_fmt", "yuv444p"])
    for form, shape in (("rgb24", (74, 100, 3)), ("gray", (74, 100)), ("yuv420p", (111, 100))):
        assert read(path, a=VideoStream(max_width=640, pixel_format=form)).pixels("a").shape[1:] == shape


def test_a_rotated_film_is_upright(draw, tmp_path, read):
    left_red = "color=red:s=100x200:d=1[a];color=blue:s=100x200:d=1[b];[a][b]hstack"
    turned = remux(draw("flat.mp4", left_red), tmp_path / "turned.mp4", before=("-display_rotation", "-90"))
    assert (probe(str(turned)).video.rotation, probe(str(turned)).video.width) == (90, 200)
    picture = read(turned, a=VideoStream(max_width=640)).pixels("a")[0]
    assert picture.shape == (200, 200, 3)
    assert picture[20, 100, 0] > 200 and picture[180, 100, 2] > 200


def test_non_square_pixels_are_shown_square(draw, read):
    path = draw("wide.mp4", "testsrc2=d=1:s=160x120,setsar=2")
    info = probe(str(path)).video
    assert (info.coded_width, info.width, info.height) == (160, 320, 120)
    assert read(path, a=VideoStream(max_width=160)).pixels("a").shape[1:] == (60, 160, 3)


def test_a_film_of_one_picture_has_one(draw, read):
    path = draw("one.mp4", "testsrc2=s=64x64:r=25", options=["-frames:v", "1", "-c:v", "libx264"])
    seen = read(path, clock=VideoClock(), small=SMALL, thin=VideoStream(width=32, height=18, fps=1.0))
    assert seen.frames("clock") == seen.frames("small") == seen.frames("thin") == [0]
    assert seen.column("clock", "durations_s").tolist() == pytest.approx([0.04])


def test_pictures_that_change_size_keep_their_places(tmp_path, draw, read):
    parts = [draw(f"{size}.ts", f"testsrc2=d=2:s={size}:r=25") for size in ("320x240", "160x120")]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    seen = read(joined, clock=VideoClock(), small=SMALL, thin=VideoStream(width=32, height=18, fps=2.0))
    assert seen.frames("small") == list(range(seen.report.frames)) and seen.report.frames >= 98
    assert (seen.column("clock", "durations_s") > 0).all()
    assert len(seen.frames("thin")) in (8, 9)


def test_ten_thousand_pictures_a_second_are_all_counted(draw, read):
    path = draw("fast.mkv", "testsrc2=d=0.05:s=64x64:r=10000", options=["-c:v", "ffv1", "-fps_mode", "passthrough"])
    seen = read(path, clock=VideoClock(), small=SMALL)
    assert seen.frames("small") == list(range(500))
    assert (np.diff(seen.column("clock", "times_s")) > 0).all()


def test_of_several_streams_the_first_default_is_read(draw, read):
    both = ["-map", "0", "-map", "1", "-c:v", "libx264"]
    path = draw("two.mp4", "color=red:d=1:s=64x64", "color=blue:d=1:s=128x128", options=both)
    assert probe(str(path)).video_streams == 2
    assert read(path, a=SMALL).pixels("a")[0, 0, 0, 0] > 200


def test_cover_art_is_no_film_picture(draw, tmp_path):
    cover = draw("cover.png", "color=green:s=500x500", options=["-frames:v", "1"])
    film = draw("film.mp4", "testsrc2=d=1:s=64x64")
    out = tmp_path / "art.mp4"
    maps = ["-map", "1", "-map", "0", "-c", "copy", "-disposition:v:0", "attached_pic"]
    run_ffmpeg(["-i", str(film), "-i", str(cover), *maps, str(out)], deadline_s=30)
    assert probe(str(out)).video.codec == "h264"


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "frames"), [("katna_codec_error.mp4", 300), ("nasa.mp4", 325), ("scene_cuts.mp4", 250)]
)
def test_real_films_give_all_their_pictures(real_films, name, frames):
    seen = Recorder(clock=VideoClock(), small=SMALL)
    path = str(real_films / name)
    assert not read_film(path, probe(path), [seen], deadline_s=60).errors
    assert seen.frames("small") == list(range(frames))


def test_times_that_go_back_lose_no_picture_and_still_rise(film, tmp_path, read):
    offset = ("-output_ts_offset", "-2", "-avoid_negative_ts", "disabled")
    seen = read(remux(film, tmp_path / "back.mkv", *offset), clock=VideoClock(), small=SMALL)
    assert seen.frames("small") == list(range(250))
    assert (np.diff(seen.column("clock", "times_s")) > 0).all()


def test_memory_of_a_batch_is_used_again_once_no_part_of_it_is_held() -> None:
    memory = BatchMemory((2, 3))
    first, second = memory.take(), memory.take()
    part = first[1:]
    assert second is not first and part.base is first
    del first
    assert memory.take() is not part.base
    at = id(part.base)
    del part
    assert id(memory.take()) == at
