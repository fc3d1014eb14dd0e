"""Importing and zeroizing users' public keys, for every rpc that does it under whatever name: who may do it, for whom,
and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from agent.caller import Caller
from agent.northbound.errors import ProviderError
from agent.pki.keys import KeyType
from agent.pki.user_key_errors import UserKeyTypeError
from agent.pki.user_key_store import ImportedKey
from agent.pki.user_keys import parse_user_key
from agent.providers.auditing import auditing
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services
from agent.providers.system.users import ADMINISTRATORS, ConfiguredUsers

#: What all users together are called in audit events.
_ALL_USERS: Final = "all users"


def may_manage_keys_of(caller: Caller, user: str | None) -> bool:
    """Whether `caller` may import and zeroize the keys of `user` (None: of all users). Nothing else decides that."""
    return user == caller.user or ADMINISTRATORS in caller.groups


class UserKeyOperations:
    """What rpcs on users' keys do.

    In all of them `user` None is the caller, `action` is the name of the rpc, and `leaves` names the input leaves that
    are "user", "number", "key" (or "file"), "announced_type", and for FIPS mode "type" and "size". They raise
    ProviderError.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.user_key_store
        self._users = ConfiguredUsers(services.config)

    def import_key(
        self,
        caller: Caller,
        action: str,
        user: str | None,
        number: int,
        read: Callable[[], bytes],
        *,
        announced_type: KeyType | None = None,
        leaves: Mapping[str, str],
    ) -> ImportedKey:
        """Have the key that `read` gives, in any form, open the logins of a user."""
        owner = caller.user if user is None else user
        with self._telling(caller, action, owner, leaves):
            # A commit that removes the user meanwhile removes the key, or leaves one that opens nothing: a user of
            # this name that is made later starts without keys (providers/system/config.py).
            if self._users.find_user(owner) is None:
                raise ProviderError(
                    "data-missing",
                    f"There is no user {owner} in the running configuration: configure the user first, or name another"
                    " one.",
                    path=leaves.get("user"),
                    app_tag="user-not-found",
                )
            key = parse_user_key(read())
            if announced_type is not None and key.type is not announced_type:
                raise UserKeyTypeError(announced_type.value, key.type.value)
            return self._store.put(owner, number, key)

    def zeroize(
        self,
        caller: Caller,
        action: str,
        user: str | None,
        number: int | None,
        *,
        key_type: KeyType | None = None,
        leaves: Mapping[str, str],
    ) -> list[ImportedKey]:
        """Remove a key of a user, or with None all of them; only such of a type, if one is given."""
        owner = caller.user if user is None else user
        with self._telling(caller, action, owner, leaves):
            return self._store.zeroize(owner, number, type=key_type)

    def zeroize_all(self, caller: Caller, action: str, *, key_type: KeyType | None = None) -> list[ImportedKey]:
        """Remove the keys of all users."""
        with self._telling(caller, action, None, {}):
            return self._store.zeroize(None, type=key_type)

    @contextmanager
    def _telling(self, caller: Caller, action: str, owner: str | None, leaves: Mapping[str, str]) -> Iterator[None]:
        """The block acts on the keys of `owner` (None: of all users), if the caller may do that."""
        target = _ALL_USERS if owner is None else owner
        with auditing(self._services, caller, action, target), refusing(PKI_REFUSALS, leaves):
            if not may_manage_keys_of(caller, owner):
                raise ProviderError(
                    "access-denied",
                    f"Only members of {ADMINISTRATORS} import and zeroize keys of others: name no user but yourself.",
                    path=leaves.get("user"),
                    app_tag="not-your-keys",
                )
            yield
