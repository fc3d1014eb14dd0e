"""The guide's schedule of warnings: 60 days before the end, weekly, and daily in the last week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.pki.expiry import last_warning, next_warning

END = datetime(2027, 1, 31, 12, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def before(days):
    return END - timedelta(days=days)


def test_every_warning_from_the_first_to_the_last():
    moments = []
    now = before(400)
    while (following := next_warning(END, now)) is not None:
        moments.append((END - following).days)
        now = following
    assert moments == [60, 53, 46, 39, 32, 25, 18, 11, 7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (before(61), None),
        (before(60) - SECOND, None),
        (before(60), 60),
        (before(57), 60),
        (before(10), 11),
        (before(7), 7),
        (before(2) - SECOND, 3),
        (before(0.5), 1),
        (END, 0),
        (END + timedelta(days=900), 0),
    ],
)
def test_the_latest_warning_that_is_due(now, expected):
    due = last_warning(END, now)
    assert (None if due is None else (END - due).days) == expected
