"""The global locks of RFC 6241 section 7.5. Callers serialise access; this is only the bookkeeping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent.datastore.errors import DatastoreInUseError, LockDeniedError, NotLockedError


@dataclass(frozen=True, slots=True)
class LockInfo:
    """Who holds a lock, and since when (aware, UTC)."""

    session_id: int
    time: datetime


class Locks:
    """At most one holder a datastore."""

    def __init__(self) -> None:
        self._held: dict[str, LockInfo] = {}

    def acquire(self, target: str, session_id: int, time: datetime) -> None:
        """Raises LockDeniedError when anybody holds the lock, the caller included (RFC 6241 section 7.5)."""
        holder = self._held.get(target)
        if holder is not None:
            raise LockDeniedError(target, holder.session_id)
        self._held[target] = LockInfo(session_id, time)

    def release(self, target: str, session_id: int) -> None:
        """Raises NotLockedError when the lock is free, LockDeniedError when another session holds it."""
        holder = self._held.get(target)
        if holder is None:
            raise NotLockedError(target)
        if holder.session_id != session_id:
            raise LockDeniedError(target, holder.session_id)
        del self._held[target]

    def release_all(self, session_id: int) -> list[str]:
        """Release what a session held; the names of those datastores."""
        held = [target for target, holder in self._held.items() if holder.session_id == session_id]
        for target in held:
            del self._held[target]
        return held

    def require_access(self, target: str, session_id: int) -> None:
        """Raises DatastoreInUseError when another session holds the lock of `target`."""
        holder = self._held.get(target)
        if holder is not None and holder.session_id != session_id:
            raise DatastoreInUseError(target, holder.session_id)

    def snapshot(self) -> dict[str, LockInfo]:
        return dict(self._held)
