"""How Ray is started here (on loopback, no telemetry, a token in memory alone), and what is shipped to workers."""

from __future__ import annotations

import secrets
from functools import cache
from importlib.util import find_spec
from pathlib import Path

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_enable_metrics_collection": "0",
}
"""Of a Ray that is started here; read as Ray is imported. Without the last two it listens on all networks, as on no
laptop of another system, and serves metrics to whoever asks, without a token."""
SHIPPED = ("cinelake", "tasks", "models")
"""The packages that a worker of any cluster needs of this checkout."""
CLUSTER = "CINELAKE_RAY_CLUSTER"
"""The environment variable that names, for processes of a Ray worker, the cluster that they work for."""


@cache
def ray_token() -> str:
    """What processes of this process's Ray show one another; Ray reads it once a process."""
    return secrets.token_hex(32)


def shipped_folders() -> list[str]:
    """The folders of the packages that are shipped to workers."""
    return [str(Path(spec.origin).parent) for name in SHIPPED if (spec := find_spec(name)) and spec.origin]
