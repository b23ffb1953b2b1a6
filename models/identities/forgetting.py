"""Whether a trained version knows a person: by a name that people gave, or by vectors of faces that they named."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from models.identities.predict import APPLIED

NAMES = ("people", f"{APPLIED}people", "pinned")
"""Facts of a version that hold names."""


def knows(facts: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether the version of these facts holds vectors under one of the names."""
    return any(not {*names}.isdisjoint(facts.get(fact, ())) for fact in NAMES)
