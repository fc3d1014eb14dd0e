"""Moments as the guide prints them, in UTC, whatever the process's locale is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def time_line(moment: datetime) -> str:
    """The first line of a command's output: `Mon Feb  6 09:03:53.019 UTC`."""
    utc = moment.astimezone(UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    return f"{day} {month} {utc.day:2d} {utc:%H:%M:%S}.{utc.microsecond // 1000:03d} UTC"


def detail_time(moment: datetime) -> str:
    """A moment in the details of a key or certificate: `12:30:17 UTC Fri Feb 21 2020`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%H:%M:%S} UTC {_DAYS[utc.weekday()]} {_MONTHS[utc.month - 1]} {utc.day:02d} {utc.year}"
