"""Who may do what over NETCONF. As yet: administrators everything, everybody else nothing."""

from __future__ import annotations

from typing import Final

from agent.caller import Caller

#: The group whose members may do everything.
ADMINISTRATORS: Final = "administrators"


class AccessDeniedError(Exception):
    """This caller may not open a session."""


def require_session_access(caller: Caller) -> None:
    """Raise AccessDeniedError unless `caller` may open a NETCONF session."""
    if ADMINISTRATORS not in caller.groups:
        raise AccessDeniedError(f"{caller.user} is not in the group {ADMINISTRATORS}")
