"""Sound on the pictures' clock."""

import numpy as np
import pytest

from cinelake.media.probe import probe
from cinelake.spec.task import SoundStream, VideoClock, VideoStream


def test_sound_has_the_wanted_rate_and_channels(film, read):
    seen = read(film, mono=SoundStream(), stereo=SoundStream(sample_rate=22050, channels=2))
    assert seen.samples("mono").shape == pytest.approx((160000, 1), abs=1100)
    assert seen.samples("stereo").shape[1] == 2
    assert float(np.sqrt((seen.samples("mono") ** 2).mean())) == pytest.approx(0.125 / 2**0.5, rel=0.02)


def test_sound_comes_in_whole_seconds(film, read):
    batches = read(film, s=SoundStream()).batches["s"]
    assert [batch.start_s for batch in batches[:3]] == [0.0, 1.0, 2.0]
    assert {len(batch) for batch in batches[:-1]} == {16000}


def test_sound_that_starts_late_is_preceded_by_silence(draw, read):
    late = ["-c:v", "libx264", "-c:a", "pcm_s16le", "-af", "asetpts=PTS+2/TB", "-map", "0", "-map", "1"]
    seen = read(draw("late.mkv", "testsrc2=d=4:s=64x64", "sine=d=2", options=late), s=SoundStream())
    samples = seen.samples("s")[:, 0]
    assert not samples[:31900].any()
    assert np.abs(samples[32100:33000]).max() > 0.1
    assert len(samples) == pytest.approx(64000, abs=50)
    assert seen.report.sound_hole_s == 0.0


def test_a_hole_in_the_sound_is_filled_with_silence(draw, read):
    hole = "aselect='not(between(t,1,3))'"
    options = ["-c:v", "libx264", "-c:a", "pcm_s16le", "-af", hole, "-map", "0", "-map", "1"]
    seen = read(draw("hole.mkv", "testsrc2=d=4:s=64x64", "sine=d=4", options=options), s=SoundStream())
    samples = seen.samples("s")
    assert seen.report.sound_hole_s == pytest.approx(2.0, abs=0.1)
    assert not samples[18000:46000].any()
    assert np.abs(samples[50000:]).max() > 0.1


def test_a_film_without_sound_gives_none_and_ends_well(draw, read):
    seen = read(draw("silent.mp4", "testsrc2=d=1:s=64x64"), clock=VideoClock(), s=SoundStream())
    assert len(seen.frames("clock")) == 25 and not seen.batches["s"]
    only = read(draw("silent2.mp4", "testsrc2=d=1:s=64x64"), s=SoundStream())
    assert only.report is not None and only.report.frames == 0


def test_a_film_of_sound_alone_gives_no_pictures_and_ends_well(draw, read):
    path = draw("sound.m4a", "sine=d=3", options=["-c:a", "aac"])
    assert probe(str(path)).video is None
    seen = read(path, clock=VideoClock(), small=VideoStream(width=8, height=8), s=SoundStream())
    assert not seen.batches["clock"] and not seen.batches["small"]
    assert len(seen.samples("s")) == pytest.approx(48000, abs=1100)


def test_pictures_are_not_decoded_for_sound_alone(film, read):
    report = read(film, s=SoundStream()).report
    assert report.frames_decoded == 0 and report.sound_packets > 400


def test_sound_is_not_decoded_for_pictures_alone(film, read):
    assert read(film, c=VideoClock()).report.sound_packets == 0


@pytest.mark.parametrize(
    ("name", "channels", "options"),
    [
        ("all_around.ogg", "0.5*sin(880*t)|0|0|0:c=ambisonic 1", ["-c:a", "libopus", "-mapping_family", "2"]),
        ("32_of_no_name.wav", "|".join(["0.5*sin(880*t)"] * 32), ["-c:a", "pcm_s16le"]),
        ("17_of_no_name.wav", "|".join(["0.5*sin(880*t)"] * 17), ["-c:a", "pcm_s16le"]),
        ("both_behind.wav", "|".join(["0.5*sin(880*t)"] * 2) + ":c=BL+BR", ["-c:a", "pcm_s16le"]),
        ("one_at_a_side.wav", "|".join(["0.5*sin(880*t)"] * 3) + ":c=FL+FR+SL", ["-c:a", "pcm_s16le"]),
    ],
)
@pytest.mark.parametrize("wanted", [1, 2])
def test_channels_that_ffmpeg_cannot_mix_are_heard_all_the_same(draw, read, name, channels, options, wanted):
    film = draw(name, f"aevalsrc={channels}:d=1:s=48000", options=options)
    samples = read(film, s=SoundStream(channels=wanted)).samples("s")
    level = 0.5 / 2**0.5 / (2**0.5 if wanted == 2 else 1)  # one sound for two loudspeakers is as loud as for one
    assert np.sqrt((samples[2000:-2000] ** 2).mean(axis=0)) == pytest.approx([level] * wanted, rel=0.05)
