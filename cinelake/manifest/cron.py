"""Times of day as a manifest writes them: cron expressions and time zones, checked before anything is deployed."""

from __future__ import annotations

from cinelake.errors import did_you_mean


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
