"""Proxies of the report: for which films, made once, and played where they are."""

import pytest
from _report_sites import page, write

from report.proxies import FOLDER, plays_in_browsers

PLAYED = {"container": "mov,mp4,m4a,3gp,3g2,mj2", "uri": "a.mp4", "video_codec": "h264", "pixel_format": "yuv420p"}


@pytest.mark.parametrize(
    "other", [{"video_codec": "mpeg2video"}, {"pixel_format": "yuv422p10le"}, {"audio_codec": "ac3"}, {"uri": "a.mkv"},
              {"container": "mpegts"}]
)  # fmt: skip
def test_what_browsers_do_not_play_needs_a_proxy(other):
    row = {**PLAYED, **other} | ({"container": "matroska,webm"} if "uri" in other else {})
    assert plays_in_browsers(PLAYED) and not plays_in_browsers(row)


def test_films_that_browsers_play_get_none(project):
    outcome = write(project, proxies=True)
    assert outcome.without_proxy == {} and not (project / "site" / FOLDER).exists()
    assert "films/plain.mp4" in page(project)


def test_a_film_that_cannot_be_read_is_told(project, monkeypatch):
    monkeypatch.setattr("report.site.plays_in_browsers", lambda _row: False)
    assert set(write(project, proxies=True).without_proxy) == {"evil", "plain"}


def test_the_player_plays_the_proxy(project, draw_film, monkeypatch):
    monkeypatch.setattr("report.site.plays_in_browsers", lambda _row: False)
    draw_film(project / "films" / "plain.mp4", seconds=2)
    write(project, proxies=True, movies=["plain"])
    assert 'src="../../proxies/plain-made.mp4"' in page(project)
    assert (project / "site" / "proxies" / "plain-made.mp4").stat().st_size > 1000


def test_pictures_that_the_manifest_calls_too_large_are_not_decoded(project, draw_film, monkeypatch):
    monkeypatch.setattr("report.site.plays_in_browsers", lambda _row: False)
    draw_film(project / "films" / "plain.mp4", seconds=1)
    manifest = project / "pipeline.yaml"
    manifest.write_text(manifest.read_text() + "\ndefaults: {max_pixels: 100}\n")
    told = write(project, proxies=True, movies=["plain"]).without_proxy
    assert "more than defaults.max_pixels: 100" in told["plain"]
