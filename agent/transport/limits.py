"""How much anybody may take of the transport. Every number has a name, a unit and a default here and nowhere else."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from agent.clock import Clock


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Limits of the SSH server and the control socket. Times are seconds; 0 switches `idle_timeout` off.

    Attributes:
        login_grace: from accepting a connection to its successful login.
        hello_timeout: from opening a NETCONF channel to the client's <hello>; also how long a logged-in connection
            may exist without any open channel.
        idle_timeout: without a byte in either direction on a NETCONF session that has no subscription.
        send_timeout: how long a client may take no bytes at all while an answer waits for it.
        close_grace: how long a session that was told to end may take for it before its connection is cut.
        max_sessions: NETCONF sessions over SSH at the same time; fewer than the core allows, so that the control
            socket always gets one.
        max_connections: SSH connections at the same time, logged in or not.
        max_unauthenticated: SSH connections that have not logged in, at the same time.
        max_channels: open channels of one SSH connection.
        connection_rate: new SSH connections a minute (the guide's `ssh server rate-limit`).
        login_attempts: failed logins after which a connection is closed, 3..6.
        failed_logins_per_minute: wrong passwords that one source address may send a minute before its passwords are
            refused without a look at them. Public keys are not affected.
        max_command_bytes: length of one exec command.
    """

    login_grace: float = 30.0
    hello_timeout: float = 60.0
    idle_timeout: float = 3600.0
    send_timeout: float = 120.0
    close_grace: float = 2.0
    max_sessions: int = 96
    max_connections: int = 256
    max_unauthenticated: int = 64
    max_channels: int = 8
    connection_rate: int = 600
    login_attempts: int = 6
    failed_logins_per_minute: int = 20
    max_command_bytes: int = 64 * 1024

    def __post_init__(self) -> None:
        if not 3 <= self.login_attempts <= 6:
            raise ValueError(f"login_attempts is {self.login_attempts}, it must be 3..6")
        if not 1 <= self.connection_rate <= 60_000:
            raise ValueError(f"connection_rate is {self.connection_rate}, it must be 1..60000 connections a minute")
        if self.idle_timeout < 0:
            raise ValueError("idle_timeout can't be negative; 0 switches it off")
        for name in ("login_grace", "hello_timeout", "send_timeout", "close_grace", "max_sessions", "max_connections"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")


class Slots:
    """Counts what exists at the same time, against a limit that may change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0

    def take(self, limit: int) -> bool:
        """Take one; False when `limit` are taken."""
        with self._lock:
            if self._taken >= limit:
                return False
            self._taken += 1
            return True

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1


class TokenBucket:
    """`per_minute` permits a minute; as many may be taken at once after a quiet minute."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60.0
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = self._capacity
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """Take a permit; False when there is none."""
        with self._lock:
            self._fill()
            if self._tokens < 1.0:
                return False
            self._tokens -= 1.0
            return True

    def is_empty(self) -> bool:
        with self._lock:
            self._fill()
            return self._tokens < 1.0

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._per_second)
        self._filled_at = now


class FailureLimiter:
    """Remembers failed logins by source, at most `MAX_SOURCES` of them: the longest quiet one is forgotten first."""

    MAX_SOURCES = 4096

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def is_blocked(self, source: str) -> bool:
        """True when `source` failed so often that it is not worth looking at."""
        with self._lock:
            bucket = self._buckets.get(source)
        return bucket is not None and bucket.is_empty()

    def record_failure(self, source: str) -> None:
        with self._lock:
            bucket = self._buckets.get(source)
            if bucket is None:
                bucket = self._buckets[source] = TokenBucket(self._per_minute, self._clock)
                if len(self._buckets) > self.MAX_SOURCES:
                    self._buckets.popitem(last=False)
            self._buckets.move_to_end(source)
        bucket.take()
