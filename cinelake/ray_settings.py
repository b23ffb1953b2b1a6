"""How a Ray of our own is started: no telemetry, and a token in memory, not in the home folder."""

from __future__ import annotations

import secrets
from functools import cache

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@cache
def ray_token() -> str:
    """What processes of this process's Ray show one another; Ray reads it once a process."""
    return secrets.token_hex(32)
