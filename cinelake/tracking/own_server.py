"""The process of an MLflow server, on loopback or in a container: MLflow's own application, behind a password.

    python -m cinelake.tracking.own_server --port 5000 --artifacts FOLDER [--host 0.0.0.0]

Whoever is on the machine reaches loopback, on a network the port, and MLflow asks nobody who he is; its own accounts
need packages and a database more. So each request carries user and password (HTTP's Basic, which browsers ask for once
and MLflow's client sends by itself), read from the environment as clients have them: `MLFLOW_TRACKING_USERNAME`,
`MLFLOW_TRACKING_PASSWORD`. `MLFLOW_BACKEND_STORE_URI` is the store. Names that it is called by are checked by MLflow
itself. A browser sends a password that it knows for pages of other origins too, and MLflow lets those of every port of
this machine read and change: here no page but its own does, and those that `MLFLOW_SERVER_CORS_ALLOWED_ORIGINS` names.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cinelake.errors import EngineUnavailable
from cinelake.tracking.store import made_alone

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"
ALLOWED_ORIGINS = "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"
HEALTH = "/health"
"""The one page without a password: it says whether the server answers."""
LOOPBACK = "127.0.0.1"


def serve(port: int, artifacts: Path, host: str = LOOPBACK) -> None:
    """Serve until the process is told to end. Raises `KeyError` where the environment has no password or store.

    Raises `EngineUnavailable` for a password that is empty.
    """
    store, user, password = (os.environ[name] for name in ("MLFLOW_BACKEND_STORE_URI", USER, PASSWORD))
    if not (user and password):
        raise EngineUnavailable(f"MLflow is not served without a password: {USER} and {PASSWORD} must not be empty")
    import uvicorn
    from mlflow import server as mlflow_server
    from mlflow.server.handlers import initialize_backend_stores

    os.environ.update(
        {
            mlflow_server.BACKEND_STORE_URI_ENV_VAR: store,
            mlflow_server.REGISTRY_STORE_URI_ENV_VAR: store,
            mlflow_server.ARTIFACT_ROOT_ENV_VAR: str(artifacts),
            mlflow_server.SERVE_ARTIFACTS_ENV_VAR: "true",
            mlflow_server.ARTIFACTS_DESTINATION_ENV_VAR: str(artifacts),
        }
    )
    with made_alone(store, str(artifacts)):
        initialize_backend_stores(store, store, str(artifacts))
    from mlflow.server.fastapi_app import app  # made as it is imported, for this environment

    uvicorn.run(closed(app, user, password), host=host, port=port, log_level="warning")


def closed(app: Any, user: str, password: str) -> Any:
    """An application of Starlette's kind that answers to this user alone from now on.

    What is asked for is the path that it is routed by: a URL put together of headers has what the caller wrote there.
    """
    from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
    from starlette.middleware.authentication import AuthenticationMiddleware

    class ForeignPage(AuthenticationError):
        status = 403

    expected = base64.b64encode(f"{user}:{password}".encode())

    class OwnerAlone(AuthenticationBackend):
        async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
            if conn.scope["path"] == HEALTH:
                return None
            if not _is_own_page(conn.headers):
                raise ForeignPage
            if _asks_whether_it_may(conn):
                return None
            scheme, _, word = conn.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "basic" or not secrets.compare_digest(word.strip().encode(), expected):
                raise AuthenticationError
            return AuthCredentials(["authenticated"]), SimpleUser(user)

    app.add_middleware(AuthenticationMiddleware, backend=OwnerAlone(), on_error=_ask)
    return app


def _asks_whether_it_may(conn: HTTPConnection) -> bool:
    """Whether a browser asks first, for a page that is allowed: it does so without a password, and MLflow answers."""
    asks = conn.scope.get("method") == "OPTIONS" and "Access-Control-Request-Method" in conn.headers
    return asks and conn.headers.get("Origin") in _allowed_origins()


def _allowed_origins() -> list[str]:
    return [each.strip() for each in os.environ.get(ALLOWED_ORIGINS, "").split(",") if each.strip()]


def _is_own_page(headers: Mapping[str, str]) -> bool:
    """Whether no page of another origin asks; of a page, browsers send the origin, with its port."""
    origin = headers.get("Origin")
    return origin is None or origin in _allowed_origins() or origin.partition("://")[2] == headers.get("Host")


def _ask(conn: HTTPConnection, error: Exception) -> Response:
    """The answer that has a browser ask for user and password; pages of other origins are refused."""
    from starlette.responses import PlainTextResponse

    if getattr(error, "status", 401) == 403:
        return PlainTextResponse(f"Pages of other origins are refused: name them in {ALLOWED_ORIGINS}\n", 403)
    words = "This MLflow belongs to a project of Cinelake and asks for its password: see what `cinelake up` says.\n"
    return PlainTextResponse(words, 401, {"WWW-Authenticate": 'Basic realm="MLflow of Cinelake"'})


def main(words: Sequence[str] | None = None) -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m cinelake.tracking.own_server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--artifacts", type=Path, required=True)
    parser.add_argument("--host", default=LOOPBACK)
    given = parser.parse_args(words)
    serve(given.port, given.artifacts, given.host)


if __name__ == "__main__":
    main()
