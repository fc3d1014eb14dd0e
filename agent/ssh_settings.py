"""What the running configuration says to the SSH transport: who its users are, and its limits."""

from __future__ import annotations

from dataclasses import replace

from agent.providers.services import SshServerLimits
from agent.providers.system.users import ConfiguredUsers
from agent.transport.authentication import UserRecord
from agent.transport.limits import TransportLimits


class LoginUsers:
    """The configured users as the transport's UserDirectory."""

    def __init__(self, users: ConfiguredUsers) -> None:
        self._users = users

    def find_user(self, name: str) -> UserRecord | None:
        user = self._users.find_user(name)
        if user is None:
            return None
        return UserRecord(user.name, user.password_hash, user.authorized_keys, user.groups)


def transport_limits(configured: SshServerLimits) -> TransportLimits:
    """The transport's limits with those that can be configured."""
    return replace(
        TransportLimits(),
        connection_rate=configured.rate_limit,
        login_grace=float(configured.login_grace),
        hello_timeout=float(configured.hello_timeout),
        idle_timeout=float(configured.idle_timeout),
        max_sessions=configured.session_limit,
    )
