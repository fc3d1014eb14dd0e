"""What the SSH transport is told: who its users are, by the running configuration and the keys that they have imported,
and its limits."""

from __future__ import annotations

import logging
from dataclasses import replace

from agent.pki.user_key_store import UserKeyStore
from agent.providers.services import SshServerLimits
from agent.providers.system.users import ConfiguredUsers
from agent.storage.errors import StorageError
from agent.transport.authentication import UserRecord
from agent.transport.limits import TransportLimits

log = logging.getLogger(__name__)


class LoginUsers:
    """The configured users, with all their keys, as the transport's UserDirectory."""

    def __init__(self, users: ConfiguredUsers, user_key_store: UserKeyStore) -> None:
        self._users = users
        self._user_key_store = user_key_store

    def find_user(self, name: str) -> UserRecord | None:
        # First, and for everybody: time must not tell who is configured.
        imported = self._imported_keys(name)
        user = self._users.find_user(name)
        if user is None:
            return None
        return UserRecord(user.name, user.password_hash, (*user.authorized_keys, *imported), user.groups)

    def _imported_keys(self, name: str) -> tuple[tuple[str, bytes], ...]:
        try:
            found = self._user_key_store.list(name)
        except StorageError as error:
            # The configuration is in memory: whoever it has a credential for still gets in, and can see to the disk.
            log.warning("imported keys of %r can't be read: %s", name, error)
            return ()
        return tuple((imported.key.algorithm, imported.key.blob) for imported in found)


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
