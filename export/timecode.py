"""Time codes of SMPTE ST 12-1: read, checked against a rate, and written without passing 24 hours in silence."""

from __future__ import annotations

import re
from typing import Any

from cinelake.errors import UsageError
from cinelake.labels.timecodes import written_picture

FORM = re.compile(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)")
DAY_S = 24 * 3600


def checked_timecode(text: str) -> str:
    """A time code that a person gives, as it is written. Raises `UsageError` where it is none at any rate."""
    found = FORM.fullmatch(text.strip())
    if found:
        hours, minutes, seconds, _, _ = found.groups()
        if int(hours) < 24 and int(minutes) < 60 and int(seconds) < 60:
            return text.strip()
    raise UsageError(
        f"expected a time code as 10:00:00:00, or 10:00:00;00 with drop frames, below 24:00:00:00, received {text!r}"
    )


def counted_frames(text: str, rate: float) -> int | None:
    """The number of the picture that a time code names at a rate, from 00:00:00:00; None where the rate has it not."""
    from opentimelineio.opentime import from_timecode

    found = FORM.fullmatch(text)
    if not found or int(found[5]) >= round(rate):
        return None
    is_dropped = found[4] == ";" and int(found[3]) == 0 and int(found[2]) % 10 and int(found[5]) < round(rate) // 15
    try:
        return None if is_dropped else int(from_timecode(text, rate).value)
    except ValueError:  # drop frames at a rate that has none
        return None


def day_frames(rate: float, drop: bool) -> int:
    """How many pictures 24 hours of time code count."""
    whole = round(rate)
    return DAY_S * whole - (24 * 54 * (whole // 15) if drop else 0)


def written(time: Any, drop: bool) -> str:
    """A time of a timeline as a time code, which begins anew after 24 hours."""
    from opentimelineio.opentime import RationalTime

    within = round(time.value) % day_frames(time.rate, drop)
    if drop:
        return str(RationalTime(within, time.rate).to_timecode(time.rate, True))
    return written_picture(within, time.rate)


def days_of(span: Any, drop: bool) -> int:
    """How often 24 hours pass before the last picture of a span of a timeline."""
    last = int(span.end_time_exclusive().value) - 1
    return max(0, last) // day_frames(span.start_time.rate, drop)
