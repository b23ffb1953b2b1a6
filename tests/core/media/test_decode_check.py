"""When a film that was read counts as damaged."""

from typing import Any

import pytest

from cinelake.errors import DamagedFilm
from cinelake.media.decode_check import DecodeReport, damage_of
from cinelake.spec.film import Probe

PROBE = Probe("mov,mp4", 4.0, 0.0, None, None, (), video_streams=0, audio_streams=0)


def pictures(bad: int) -> DecodeReport:
    return DecodeReport(frames=100, frames_decoded=100 - bad, decode_errors=bad, pictures_read=True)


def concealed(bad: int) -> DecodeReport:
    return DecodeReport(frames=100, frames_decoded=100, damaged_pictures=bad, pictures_read=True)


def sound(bad: int) -> DecodeReport:
    return DecodeReport(sound_packets=100 - bad, sound_errors=bad, sound_read=True)


@pytest.mark.parametrize("damaged", [pictures, concealed, sound])
def test_a_film_fails_when_more_than_a_tenth_of_it_is_damaged(damaged: Any) -> None:
    assert damage_of("film.mp4", PROBE, damaged(10), returncode=0) is None
    with pytest.raises(DamagedFilm, match=r"'film.mp4': 11 of 100 .* cannot be decoded"):
        raise damage_of("film.mp4", PROBE, damaged(11), returncode=0)
