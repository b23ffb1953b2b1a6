"""A film whose colours nothing here can show fails by that name for what looks at it, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _dolby_vision import with_dolby_vision
from _toy_tasks import TASKS, Night, outcomes

from cinelake.media.ffmpeg import run_ffmpeg

LOOKS, ELSE = "cards", ("clock", "tones")


@pytest.fixture
def night(tmp_path: Path, own_tasks: Callable[..., None]) -> Iterator[Night]:
    """A night with one film of a second, which says that it is Dolby Vision of profile 5."""
    own_tasks(*TASKS)
    night = Night(tmp_path)
    night.films.mkdir()
    inputs = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1", "-f", "lavfi", "-i", "sine=d=1"]
    done = run_ffmpeg([*inputs, "-c:v", "libx265", f"file:{night.film}"], deadline_s=60)
    assert done.returncode == 0, done.log_tail
    with_dolby_vision(night.film, profile=5, base=0)
    yield night


def test_only_what_looks_at_pictures_fails(night: Night) -> None:
    assert outcomes(night.run(*ELSE, LOOKS)) == {"clock": "made", "tones": "made", LOOKS: "colours_not_shown"}
    assert "Dolby Vision profile 5" in (night.failure(LOOKS) or {})["message"]


def test_a_person_may_accept_its_pictures_as_they_are(night: Night) -> None:
    night.run(LOOKS)
    night.catalogue = "{films: films, accept: [film]}"
    ((stale,),) = [night.plan(LOOKS).plan.stale]
    assert stale.reason == "its pictures are accepted as they are, with other colours than a person sees"
    assert outcomes(night.run(LOOKS)) == {LOOKS: "made"}


def test_a_base_that_other_players_show_is_read_as_any_film(night: Night) -> None:
    with_dolby_vision(night.film, profile=8, base=1)
    assert outcomes(night.run(LOOKS)) == {LOOKS: "made"}


def test_who_keeps_damaged_films_has_not_accepted_wrong_colours(night: Night) -> None:
    night.catalogue = "{films: films, on_damage: keep}"
    assert outcomes(night.run(LOOKS)) == {LOOKS: "colours_not_shown"}
    assert not night.plan(LOOKS).plan.stale
