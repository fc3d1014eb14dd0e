"""When to warn that a certificate expires (the guide: "Learn About the PKI Alert Notification").

The first warning comes 60 days before the end, then one a week until the last week, then one a day; the last one comes
when the certificate expires.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

#: Days before the end.
WARNING_DAYS: Final = (*range(60, 7, -7), *range(7, -1, -1))


def last_warning(not_after: datetime, now: datetime) -> datetime | None:
    """The moment of the latest warning that is due about a certificate which ends at `not_after`; None before the
    first one."""
    return max((moment for moment in _moments(not_after) if moment <= now), default=None)


def next_warning(not_after: datetime, now: datetime) -> datetime | None:
    """The moment of the warning after `now`; None after the last one."""
    return min((moment for moment in _moments(not_after) if moment > now), default=None)


def _moments(not_after: datetime) -> list[datetime]:
    return [not_after - timedelta(days=days) for days in WARNING_DAYS]
