"""MLflow's server beside `cinelake up` answers to who knows its password, however a request is written."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from cinelake.errors import EngineUnavailable
from cinelake.tracking.own_server import HEALTH, PASSWORD, USER, closed, serve

WORD = base64.b64encode(b"cinelake:word")


def status(path: str, method: str = "GET", **headers: bytes) -> int:
    """What a closed application answers to a request for a path."""
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("said")

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    named = [(name.lower().encode(), value) for name, value in {"Host": b"127.0.0.1:5000", **headers}.items()]
    scope = {"type": "http", "method": method, "scheme": "http", "path": path, "query_string": b"", "headers": named}
    app = closed(Starlette(routes=[Route(HEALTH, page), Route("/experiments", page)]), "cinelake", "word")
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("host", [b"127.0.0.1:5000", b"127.0.0.1:5000/health?", b"127.0.0.1:5000/health#"])
def test_no_name_of_the_server_opens_its_pages_without_the_password(host: bytes) -> None:
    assert status("/experiments", Host=host) == 401


def test_the_owner_is_served_and_everybody_may_ask_whether_it_answers() -> None:
    assert status("/experiments", Authorization=b"Basic " + WORD) == 200
    assert status(HEALTH) == 200


@pytest.mark.parametrize(
    "origin", [b"http://127.0.0.1:8888", b"http://localhost:5000", b"http://elsewhere.example", b"null", b""]
)
def test_no_page_of_another_origin_is_served_with_a_password_that_the_browser_knows(origin: bytes) -> None:
    assert status("/experiments", Authorization=b"Basic " + WORD, Origin=origin) == 403


def test_its_own_page_and_those_that_are_named_are_served(monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "https://a.example, https://b.example")
    for origin in (b"http://127.0.0.1:5000", b"https://b.example"):
        assert status("/experiments", Authorization=b"Basic " + WORD, Origin=origin) == 200


def test_a_browser_may_ask_first_for_a_page_that_is_named(monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "https://a.example")
    asks = {"Access-Control-Request-Method": b"POST"}
    assert status("/experiments", "OPTIONS", Origin=b"https://a.example", **asks) == 405  # MLflow would answer
    assert status("/experiments", "OPTIONS", Origin=b"http://127.0.0.1:5000", **asks) == 401
    assert status("/experiments", "OPTIONS", **asks) == status("/experiments", Origin=b"https://a.example") == 401


def test_a_name_of_an_origin_that_is_no_address_is_refused() -> None:
    assert status("/experiments", Authorization=b"Basic " + WORD, Origin=b"http://[x") == 403


def test_it_does_not_serve_behind_an_empty_password(monkeypatch, tmp_path) -> None:
    for name, value in {"MLFLOW_BACKEND_STORE_URI": "sqlite://", USER: "cinelake", PASSWORD: ""}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineUnavailable, match=PASSWORD):
        serve(0, tmp_path)
