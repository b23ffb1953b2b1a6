"""Ray's connection to a cluster that exists is tried again where it is lost before anything runs."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from cinelake.engines.ray import MAX_CONNECT_ATTEMPTS, RayCluster, _connect
from cinelake.errors import EngineUnavailable


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done with Ray's connection; none is opened, nor Ray imported: its import settles how it identifies."""
    done: list[str] = []
    calls = SimpleNamespace(init=lambda **_: done.append("opened"), shutdown=lambda: done.append("closed"))
    monkeypatch.setitem(sys.modules, "ray", calls)
    return done


BROKEN = ConnectionError("ray client connection timeout")
GIVEN_UP = ConnectionError("Attempted to reconnect a session that has already been cleaned up")
NOT_SERVED = ConnectionAbortedError("Initialization failure from server")


def lost(times: int, error: Exception) -> Callable[[], str]:
    left = iter([error] * times)

    def ask() -> str:
        if error := next(left, None):
            raise error
        return "nodes"

    return ask


def test_a_connection_that_broke_is_opened_again(opened: list[str]) -> None:
    assert _connect({}, lost(1, BROKEN)) == "nodes"
    assert opened == ["opened", "closed", "opened"]


def test_it_is_not_tried_for_ever(opened: list[str]) -> None:
    with pytest.raises(ConnectionError, match="cleaned up"):
        _connect({}, lost(MAX_CONNECT_ATTEMPTS, GIVEN_UP))
    assert opened.count("opened") == MAX_CONNECT_ATTEMPTS


def test_what_took_long_is_told_at_once(opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cinelake.engines.ray.CONNECT_AGAIN_WITHIN_S", -1.0)
    with pytest.raises(ConnectionError):
        _connect({}, lost(1, BROKEN))
    assert opened == ["opened"]


@pytest.mark.parametrize("told", [NOT_SERVED, GIVEN_UP])
def test_a_head_that_says_it_could_not_serve_is_asked_again_however_long_it_took(
    opened: list[str], monkeypatch: pytest.MonkeyPatch, told: Exception
) -> None:
    monkeypatch.setattr("cinelake.engines.ray.CONNECT_AGAIN_WITHIN_S", -1.0)
    assert _connect({}, lost(1, told)) == "nodes"
    assert opened == ["opened", "closed", "opened"]


def test_a_node_of_its_own_that_does_not_start_in_time_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(**options: str) -> None:
        folders.append(Path(options["_temp_dir"]).parent)
        raise Exception("The current node timed out during startup")  # as Ray does

    folders: list[Path] = []
    ray = SimpleNamespace(init=time_out, exceptions=SimpleNamespace(RayError=OSError))
    monkeypatch.setitem(sys.modules, "ray", ray)
    with pytest.raises(EngineUnavailable, match="timed out during startup"):
        RayCluster(None, 1).start("events")
    assert not folders[0].exists()
