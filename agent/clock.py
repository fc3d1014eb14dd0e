"""The only place that reads the time.

Everything that needs the time takes a `Clock`, so that a test can move it. Nothing else in the agent calls
`time.time`, `datetime.now` or their relatives.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """A source of wall-clock and monotonic time."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go backwards; for time limits and rates."""

    def on_jump(self, listener: Callable[[], None]) -> None:
        """`listener` is called whenever time has moved otherwise than by passing: whoever waits looks again."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def on_jump(self, listener: Callable[[], None]) -> None:
        return


class ManualClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("start must be an aware datetime")
        self._lock = threading.Lock()
        self._start = start
        self._elapsed = timedelta()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> datetime:
        with self._lock:
            return self._start + self._elapsed

    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed.total_seconds()

    def on_jump(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def advance(self, by: timedelta) -> None:
        """Move both the wall clock and the monotonic clock forward by `by`."""
        if by < timedelta():
            raise ValueError("time only moves forward")
        with self._lock:
            self._elapsed += by
        for listener in self._listeners:
            listener()


def yang_date_and_time(moment: datetime) -> str:
    """`moment` as yang:date-and-time (RFC 6991), in UTC with whole seconds: 2026-01-31T12:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
