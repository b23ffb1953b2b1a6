"""Whether a trained version knows a person: by a name that people gave, or by vectors of faces that they named."""

from __future__ import annotations

from cinelake.spec.artefact import Artefact
from models.identities.predict import APPLIED

NAMES = ("people", f"{APPLIED}people", "pinned")
"""Facts of a version that hold names."""


def knows(artefact: Artefact, name: str) -> bool:
    """Whether the version holds vectors under this name."""
    return any(name in artefact.facts.get(fact, ()) for fact in NAMES)
