"""The audit event of trustconf-system."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from agent.caller import Caller
from agent.events import Event

AUDIT_EVENT: Final = "/trustconf-system:audit-event"


def audit_event(
    time: datetime, caller: Caller, action: str, *, target: str | None = None, reason: str | None = None
) -> Event:
    """`caller` has done `action` to `target`; with a `reason`, has tried to and was refused."""
    content = {
        "user": caller.user,
        "session-id": caller.session_id,
        "source": caller.source,
        "action": action,
        "outcome": "success" if reason is None else "failure",
    }
    if target is not None:
        content["target"] = target
    if reason is not None:
        content["reason"] = reason
    return Event(time, AUDIT_EVENT, content)
