"""What the values of a manifest's settings may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from cinelake.errors import did_you_mean

Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
PositiveInt = Annotated[int, Field(gt=0, le=1_000_000)]
PositiveFloat = Annotated[float, Field(gt=0, le=1e9)]
"""Above it no number of seconds, GB or processors means anything."""
Flow = Literal["catalogue", "train", "tune", "publish"]
"""What runs by itself."""


def check_cron(text: str) -> str:
    """A cron expression of five fields, unchanged; Prefect reads it by the same rules. Raises `ValueError`."""
    from croniter import CroniterError, croniter

    try:
        croniter(text).get_next()
    except CroniterError as error:
        fields = "five fields of cron (minute hour day month weekday) that some day meets"
        raise ValueError(f"expected {fields}, received {text!r}: {error}") from error
    return text


def check_zone(name: str) -> str:
    """A time zone of the IANA database, unchanged. Raises `ValueError` with close matches."""
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}{did_you_mean(name, sorted(available_timezones()))}") from error
    return name


Cron = Annotated[str, StringConstraints(pattern=r"^\S+( \S+){4}$"), AfterValidator(check_cron)]
Zone = Annotated[str, StringConstraints(min_length=1), AfterValidator(check_zone)]
