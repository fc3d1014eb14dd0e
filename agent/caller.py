"""Who asks: known to every room that decides or records something on a person's behalf."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `session_id` is 0 for work of the agent itself; `source` is an address or "local"."""

    user: str
    session_id: int = 0
    source: str = "local"
    groups: tuple[str, ...] = ()
