"""Early cutoff: whether a cell, whose inputs were made anew, would be made from the very same.

Keys are made from what goes in (`cinelake.plan.keys`), so that a whole plan is known before anything runs. Where an
input was made anew and came out the same, all that differs is the key of what was made from it: the cell gets the new
key, and its data stay. Whatever else goes in (parameters, versions, model, film, files beside it) must be equal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cinelake.lake.cells import Footer


def differs_in_tables_only(old: Mapping[str, Any], new: Mapping[str, Any], tables: Collection[str]) -> bool:
    """Whether two cells' ingredients are equal, but perhaps for keys of these inputs, which are tables."""
    same = all(old.get(name) == value for name, value in new.items() if name != "inputs")
    before, now = old.get("inputs") or {}, new["inputs"]
    others_same = all(before[name] == now[name] for name in now if name not in tables and name in before)
    return same and before.keys() == now.keys() and others_same


def tells_its_inputs(footer: Footer, tables: Collection[str]) -> bool:
    """Whether a footer has the content of each of these inputs; those of older releases have none."""
    return bool(tables) and all(footer.input_digests.get(name) for name in tables)


def is_made_from(footer: Footer, contents: Mapping[str, str]) -> bool:
    """Whether a cell was made from inputs of just these contents (input name → digest; '' is not known)."""
    return tells_its_inputs(footer, contents) and dict(footer.input_digests) == dict(contents)
