"""Requests to a Prefect server whose database is locked for a moment."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from cinelake.errors import EngineUnavailable
from flows import prefect_api
from flows.prefect_api import PrefectApi


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.HTTPServer]:
    """A server that is busy as often as its attribute `still` says."""
    monkeypatch.setattr(prefect_api, "BUSY_PAUSES_S", (0.01, 0.01))

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, server.still = (503 if server.still else 200), max(0, server.still - 1)
            self.send_response(code)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
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
