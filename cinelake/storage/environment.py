"""What the process takes from its environment, and variables that are set for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Where exported networks are kept: `CINELAKE_CACHE`, else `~/.cache/cinelake`. Deleting it loses nothing."""
    return Path(os.environ.get("CINELAKE_CACHE") or Path.home() / ".cache" / "cinelake")


@contextmanager
def environment_variables(variables: Mapping[str, str], *, restore_all: bool = False) -> Iterator[None]:
    """Set environment variables while the context lasts; they are as before at its end, set or not.

    restore_all: so are all others, which a library that is used within may set on its own.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in {*before, *os.environ} if restore_all else variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
