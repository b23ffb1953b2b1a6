"""Notes about films, those that say the same of several films as one."""

from __future__ import annotations

import re
from collections.abc import Sequence

TOGETHER = 4
"""From so many films on, a note that says the same of each is told once."""
NAMED = 3
_OF_A_FILM = re.compile(r"(?P<film>[a-z0-9_]+): (?P<said>.*)", re.DOTALL)
_FOUND = re.compile(r"(?P<film>'.*' is [a-z0-9_]+) \((?P<said>by its .*)\)", re.DOTALL)


def together(notes: Sequence[str]) -> list[str]:
    """The notes in their order; `dawn: said` and `'Dawn.mp4' is dawn (by its …)` of many films as one, at the first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        form = next((form for form in (_OF_A_FILM, _FOUND) if form.fullmatch(note)), None)
        match = form.fullmatch(note) if form else None
        key = (match["said"], form.pattern) if form and match else (note, "")
        groups.setdefault(key, []).append(note)
    told: list[str] = []
    for (said, form_of), own in groups.items():
        matches = (re.fullmatch(form_of, note, re.DOTALL) for note in own) if form_of else ()
        films = [*dict.fromkeys(match["film"] for match in matches if match)]
        if len(films) < TOGETHER:
            told += own
            continue
        shown = f"{', '.join(films[:NAMED])} and {len(films) - NAMED} more"
        told.append(f"{len(films)} films: {said} ({shown})")
    return told
