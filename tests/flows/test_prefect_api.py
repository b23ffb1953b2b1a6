"""Requests to a Prefect server whose database is locked for a moment, that is of another version, or that is none."""

from __future__ import annotations

import http.server
import json
import random
import threading
from collections.abc import Iterator
from importlib.metadata import version

import pytest

from cinelake.errors import EngineUnavailable, ServerRefused
from flows import prefect_api
from flows.prefect_api import PrefectApi, server_answers


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    """A server that is busy as often as its attribute `still` says, and then answers with its attribute `says`."""
    monkeypatch.setattr(prefect_api, "BUSY_PAUSES_S", (0.01, 0.01))

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, server.still = (503 if server.still else 200), max(0, server.still - 1)
            self.send_response(code)
            self.send_header("Content-Length", str(len(server.says)))
            self.end_headers()
            self.wfile.write(server.says)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    server.still, server.says = 0, b"{}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("still", [0, 2])
def test_a_server_that_is_busy_is_asked_again(busy, still):
    busy.still = still
    with PrefectApi(f"http://127.0.0.1:{busy.server_port}/api") as api:
        assert api.get("/version") == {}


def test_one_that_stays_busy_is_said_to_fail(busy):
    busy.still = 9
    with (
        PrefectApi(f"http://127.0.0.1:{busy.server_port}/api") as api,
        pytest.raises(EngineUnavailable, match="failed"),
    ):
        api.get("/version")


@pytest.mark.parametrize("places", [0, 1])
def test_a_server_of_our_major_version_is_taken(busy, places):
    major = version("prefect").partition(".")[0]
    busy.says = json.dumps(f"{major}.{random.randint(0, 99)}{'.0rc1' * places}").encode()
    assert server_answers(f"http://127.0.0.1:{busy.server_port}/api")


def test_a_server_of_another_major_version_is_refused_with_both_versions(busy):
    theirs = f"{int(version('prefect').partition('.')[0]) + random.choice((-1, 1))}.{random.randint(0, 99)}.1"
    busy.says = json.dumps(theirs).encode()
    with pytest.raises(ServerRefused, match=rf"of version {theirs}, .*{version('prefect')}.*unset PREFECT_API_URL"):
        server_answers(f"http://127.0.0.1:{busy.server_port}/api")


@pytest.mark.parametrize("page", [b"<!doctype html><title>Prefect</title>", b"", b"\xff\xfe"])
def test_a_page_in_place_of_an_answer_says_how_the_address_ends(busy, page):
    busy.says = page
    with pytest.raises(ServerRefused, match="is not Prefect's API: its address ends with /api"):
        server_answers(f"http://127.0.0.1:{busy.server_port}")
