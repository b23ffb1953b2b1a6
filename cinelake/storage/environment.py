"""Folders and variables of the process: where caches lie, and settings for a while."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Where exported networks are kept: `CINELAKE_CACHE`, else `~/.cache/cinelake`. Deleting it loses nothing."""
    return Path(os.environ.get("CINELAKE_CACHE") or Path.home() / ".cache" / "cinelake")
