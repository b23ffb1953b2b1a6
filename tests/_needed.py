"""Programs that tests need and a machine may lack: there they skip with the reason, unless somebody counts on them."""

import os

import pytest


def need(name: str, why_not: str) -> None:
    """Skip where `why_not` says why a program cannot be used here; fail where `CINELAKE_NEEDS=NAME,…` has its name."""
    if why_not and name in os.environ.get("CINELAKE_NEEDS", "").split(","):
        pytest.fail(f"{name} is needed (CINELAKE_NEEDS): {why_not}", pytrace=False)
    if why_not:
        pytest.skip(why_not)
