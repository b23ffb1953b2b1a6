"""Addresses of tracking stores, as people may see them: without user, password and options."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

HIDDEN = "***"


def shown(uri: str) -> str:
    """The address without what is secret in it: `https://me:hunter2@host/mlflow` becomes `https://host/mlflow`."""
    if sqlite_file(uri):
        return uri
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def cleaned(text: str, uri: str) -> str:
    """A message that quotes the address, without what is secret in it."""
    for secret in sorted(_secrets(uri), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def has_secrets(uri: str) -> bool:
    """Whether the address holds anything that nobody must see."""
    return bool(_secrets(uri))


def _secrets(uri: str) -> set[str]:
    """User with password, the password as the address writes it and as it is, and options."""
    parts = urlsplit(uri)
    user = parts.netloc.rpartition("@")[0]
    password = user.partition(":")[2]
    return {secret for secret in (user, password, unquote(password), parts.query) if secret}


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite tracking store; None for servers."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None
