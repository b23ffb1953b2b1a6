"""Replies of a server on loopback to requests with headers of one's own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


def reply_of(url: str, path: str = "/flows/filter", body: Any = None, **headers: str) -> tuple[int, dict[str, str]]:
    """The status and the headers of a reply; with a body it is a POST."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url + path, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, dict(reply.headers)
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers)
