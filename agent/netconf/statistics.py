"""Counters of RFC 6022 section 2.1.5. Each session counts for itself, so that counting needs no lock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SessionCounters:
    """What one session has seen. Written by the session's thread, `out_notifications` by its notification pump.

    `out_rpc_errors` counts replies, however many errors are in one (RFC 6022).
    """

    in_rpcs: int = 0
    in_bad_rpcs: int = 0
    out_rpc_errors: int = 0
    out_notifications: int = 0

    def count_bad_rpc(self) -> None:
        """A message that came as a request but was none: it counts as bad instead (RFC 6022: correct rpcs)."""
        self.in_rpcs -= 1
        self.in_bad_rpcs += 1

    def add(self, other: SessionCounters) -> None:
        self.in_rpcs += other.in_rpcs
        self.in_bad_rpcs += other.in_bad_rpcs
        self.out_rpc_errors += other.out_rpc_errors
        self.out_notifications += other.out_notifications


@dataclass(slots=True)
class ServerCounters:
    """What the server has seen since it started, besides what the sessions count."""

    in_bad_hellos: int = 0
    in_sessions: int = 0
    dropped_sessions: int = 0
