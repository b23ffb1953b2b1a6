"""Seconds as clock time."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """h:mm:ss, as on the timeline: 0:02:05."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
