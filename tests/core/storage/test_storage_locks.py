"""One process at a time."""

from __future__ import annotations

import pytest

from cinelake.errors import UsageError
from cinelake.storage.locks import alone


def test_who_comes_second_is_told_why_it_must_wait(tmp_path):
    second = alone(tmp_path / "lock", "another one is at work")
    with alone(tmp_path / "lock"), pytest.raises(UsageError, match="is at work"), second:
        pass


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(BlockingIOError), alone(tmp_path / "lock", "busy"):
        raise BlockingIOError
    with alone(tmp_path / "lock", "busy"):
        pass


def test_a_folder_is_locked_as_it_is(tmp_path):
    with alone(tmp_path, "busy"):
        assert not list(tmp_path.iterdir())
