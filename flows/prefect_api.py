"""Prefect's REST interface, for the few requests of commands that need nothing else of Prefect: its import costs more
processor time than a short film."""

from __future__ import annotations

import base64
import os
import time
import uuid
from collections.abc import Mapping
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cinelake.errors import EngineUnavailable, ServerRefused

if TYPE_CHECKING:
    from httpx import Client, Response

ANSWERS_WITHIN_S = 2.0
CLOUD = "https://api.prefect.cloud"
"""It works with every version of Prefect, whose client does not ask it for its own."""
BUSY, BUSY_PAUSES_S = 503, (0.2, 0.5, 1.0, 2.0)
"""Prefect answers so while its database is locked, and has done nothing then; its own client asks again too."""


class PrefectApi:
    """Requests to one server; used as a context manager.

    password: as Prefect has it, `user:word`; by default `PREFECT_API_AUTH_STRING`, or `PREFECT_API_KEY` as a token.
    Raises `EngineUnavailable` where the server does not answer within `timeout_s`, `ServerRefused` where it refuses.
    """

    def __init__(self, url: str, password: str = "", timeout_s: float = 10.0):
        import httpx

        self.url = url.rstrip("/")
        # The password of a server on loopback goes to no proxy
        self._client: Client = httpx.Client(
            headers=_authorization(password),
            timeout=timeout_s,
            trust_env=not password,
            verify=url.startswith("https:"),  # certificates take long to load
        )

    def __enter__(self) -> PrefectApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def is_healthy(self) -> bool:
        """Whether the server answers; this needs no password."""
        try:
            return self._sent("GET", "/health", None).is_success
        except EngineUnavailable:
            return False

    def get(self, path: str) -> Any:
        """What the server answers, as JSON."""
        return self._read(self._sent("GET", path, None))

    def post(self, path: str, body: Any) -> Any:
        """What the server answers, as JSON; None for an empty answer."""
        return self._changed("POST", path, body)

    def patch(self, path: str, body: Any) -> None:
        """Change something that the server has."""
        self._changed("PATCH", path, body)

    def _changed(self, method: str, path: str, body: Any) -> Any:
        reply = self._sent(method, path, body)
        if reply.status_code == 403 and "CSRF" in reply.text:
            self._take_token()
            reply = self._sent(method, path, body)
        return self._read(reply) if self._checked(reply).content else None

    def _take_token(self) -> None:
        """The token that a server with CSRF protection wants with each change; it lasts an hour."""
        client = str(uuid.uuid4())
        token = self.get(f"/csrf-token?client={client}")["token"]
        self._client.headers.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client})

    def _sent(self, method: str, path: str, body: Any) -> Response:
        import httpx

        try:
            for pause_s in BUSY_PAUSES_S:
                reply = self._client.request(method, f"{self.url}{path}", json=body)
                if reply.status_code != BUSY:
                    return reply
                time.sleep(pause_s)
            return self._client.request(method, f"{self.url}{path}", json=body)
        except httpx.HTTPError as error:
            raise EngineUnavailable(
                f"the Prefect server at {self.url} does not answer ({error or type(error).__name__})"
            ) from error

    def _read(self, reply: Response) -> Any:
        """The answer's JSON; pages of Prefect, and servers that are none, answer everything with a page."""
        try:
            return self._checked(reply).json()
        except ValueError as error:
            raise ServerRefused(
                f"what answers at {self.url} is not Prefect's API: its address ends with /api, as in "
                "PREFECT_API_URL=http://127.0.0.1:4200/api"
            ) from error

    def _checked(self, reply: Response) -> Response:
        if reply.is_success:
            return reply
        if reply.is_server_error:
            raise EngineUnavailable(f"the Prefect server at {self.url} failed: {reply.text[:300]}")
        what = {
            401: "wants another password: PREFECT_API_AUTH_STRING, or for a server of a project the one in its folder "
            ".cinelake. `cinelake down` ends a server that was started with one before"
        }.get(reply.status_code, f"refused {reply.request.url.path}: {reply.text[:300]}")
        raise ServerRefused(f"the Prefect server at {self.url} {what}")


def _authorization(password: str) -> Mapping[str, str]:
    """The header that names us, as Prefect's own client has it."""
    if word := password or os.environ.get("PREFECT_API_AUTH_STRING", ""):
        return {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"}
    key = os.environ.get("PREFECT_API_KEY", "")
    return {"Authorization": f"Bearer {key}"} if key else {}


def server_answers(url: str, password: str = "") -> bool:
    """Whether a Prefect server answers at this address.

    Raises `ServerRefused` where it wants another password, is of another major version, or is no Prefect server.
    """
    is_cloud = url.startswith(CLOUD)
    with PrefectApi(url, password, ANSWERS_WITHIN_S) as api:
        try:
            theirs = api.get("/version" if is_cloud else "/admin/version")  # the former is that of its interface
        except ServerRefused:
            raise
        except EngineUnavailable:
            return False
    ours = version("prefect")
    if not is_cloud and str(theirs).partition(".")[0] != ours.partition(".")[0]:
        raise ServerRefused(
            f"the Prefect server at {url} is of version {str(theirs)[:40]}, and Prefect {ours}, as installed here, "
            "talks to its own major version alone: use another server, or unset PREFECT_API_URL to let a run bring one"
        )
    return True
