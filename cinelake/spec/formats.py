"""The formats of what Cinelake keeps: each says its number, older ones are read, newer ones are refused in words.

A number rises when an older Cinelake would misread what is written: not for a column or a table more, which the tables'
own versions and contracts say. What says no number is of the first format.
"""

from __future__ import annotations

from collections.abc import Collection

from cinelake.errors import NewerFormat

LAKE = 1
"""Cells, failures, published copies: `_format.json` in the lake, `format` in a footer that is not of the first."""

LABELS = 1
"""Versions of labels: `format` in their footers."""

MODEL = 1
"""Trained models: `format` in `model.json`, in a champion's folder and in MLflow alike."""


def check_format(what: str, found: object, newest: int, unknown: Collection[str] = ()) -> None:
    """Raise `NewerFormat` where `what` says a format that this version does not know, or has fields unknown to it."""
    if isinstance(found, int) and not isinstance(found, bool) and found <= newest and not unknown:
        return
    fields = f", with the unknown {', '.join(sorted(unknown))}" if unknown else ""
    raise NewerFormat(
        f"{what} has format {found!r}{fields}; this Cinelake reads formats up to {newest}. It was written by a newer "
        "one: install that, or work on a copy that yours made (docs/upgrading.md)"
    )
