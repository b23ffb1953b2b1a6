"""Proxies: every picture at its time and the sound in step, in a form that browsers play."""

import pytest
from core.media._numbered import click_times_s, numbered_film, picture_times_s, shown_numbers

from cinelake.errors import DamagedFilm, NotAFilm
from cinelake.media.probe import probe
from cinelake.media.proxy import write_proxy

OPTIONS = ["-c:v", "ffv1", "-pix_fmt", "yuv444p", "-c:a", "pcm_s16le"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A film that no browser plays, and its proxy."""
    folder = tmp_path_factory.mktemp("proxy")
    film = numbered_film(folder / "film.mkv", frames=60, rate="30000/1001", options=OPTIONS)
    proxy = folder / "made" / "proxy.mp4"
    write_proxy(str(film), probe(str(film)), proxy, deadline_s=60)
    return film, proxy


def test_every_picture_is_there_at_its_time(pair):
    film, proxy = pair
    assert shown_numbers(proxy) == list(range(60))
    assert picture_times_s(proxy) == pytest.approx(picture_times_s(film), abs=0.002)


def test_its_sound_is_in_step(pair):
    film, proxy = pair
    assert click_times_s(proxy) == pytest.approx(click_times_s(film), abs=0.03)


def test_it_is_of_a_kind_that_browsers_play(pair):
    made = probe(str(pair[1]))
    assert (made.video.codec, made.video.pixel_format, made.audio.codec) == ("h264", "yuv420p", "aac")


def test_a_film_without_pictures_has_none(tmp_path, pair):
    from dataclasses import replace

    with pytest.raises(NotAFilm):
        write_proxy(str(pair[0]), replace(probe(str(pair[0])), video=None), tmp_path / "p.mp4", deadline_s=60)


def test_the_decoder_refuses_pictures_that_are_larger_than_allowed(tmp_path, pair):
    film = str(pair[0])
    with pytest.raises(DamagedFilm):
        write_proxy(film, probe(film), tmp_path / "p.mp4", deadline_s=60, max_pixels=64)
