"""What a commit may do to users and to the SSH server's limits, and how a password becomes a hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from agent.northbound.contract import Change, ConfigView, NoConfigHandler, Record
from agent.northbound.errors import ProviderError
from agent.pki.user_key_store import UserKeyStore
from agent.pki.user_keys import SSH_ALGORITHMS
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import SshServerLimits
from agent.providers.system.users import ConfiguredUsers, user_of
from agent.storage.database import Transaction

SSH_SERVER: Final = "/ietf-system:system/trustconf-system:ssh-server"

#: Algorithms of authorized keys that the SSH server accepts. "ssh-rsa" names the key format here, not the SHA-1
#: signature of that name, which is never accepted.
KEY_ALGORITHMS: Final = tuple(SSH_ALGORITHMS.values())
#: Other names of a key format: how the key signs (RFC 8332).
_FORMATS: Final = {"rsa-sha2-256": "ssh-rsa", "rsa-sha2-512": "ssh-rsa"}

_CLEAR_TEXT: Final = "$0$"
_HASHES: Final = ("$5$", "$6$")
#: Most rounds of a hash that is given as such. Logins are checked one at a time: a hash that takes minutes would keep
#: everybody else who has a password out.
MAX_HASH_ROUNDS: Final = 1_000_000


class UsersHandler(NoConfigHandler):
    """Keeps the device reachable: keys are what they claim to be, and the last administrator stays. The keys that
    users have imported leave with them."""

    def __init__(self, user_key_store: UserKeyStore) -> None:
        self._user_key_store = user_key_store

    def validate(self, changes: list[Change], view: ConfigView) -> None:
        for change in changes:
            if change.after is not None:
                _check_keys(change.path, change.after)
        losing = [change for change in changes if change.before is not None and user_of(change.before).can_administrate]
        if losing and not any(user.can_administrate for user in ConfiguredUsers(view)):
            raise ProviderError(
                "operation-failed",
                "After this nobody could log in: keep a member of the group administrators who has a password or an"
                " authorized key.",
                path=losing[0].path,
                app_tag="last-administrator",
            )

    def prepare(self, changes: list[Change], view: ConfigView, transaction: Transaction) -> None:
        with refusing(PKI_REFUSALS):
            for change in changes:
                # Also of one who is new: an import may have passed by the commit that removed a user of this name.
                if change.operation != "modify":
                    self._user_key_store.zeroize(change.keys["name"], transaction=transaction)


class SshServerHandler(NoConfigHandler):
    """Tells the listeners about new limits."""

    def __init__(self, listeners: Sequence[Callable[[SshServerLimits], None]]) -> None:
        self._listeners = listeners

    def apply(self, changes: list[Change]) -> None:
        for change in changes:
            if change.after is not None:
                for listener in self._listeners:
                    listener(limits_of(change.after))


def ssh_server_limits(config: ConfigView) -> SshServerLimits:
    """The limits in a configuration, defaults included."""
    return limits_of(config.get(SSH_SERVER))


def limits_of(record: Record) -> SshServerLimits:
    return SshServerLimits(
        rate_limit=record["rate-limit"],
        login_grace=record["login-grace"],
        hello_timeout=record["hello-timeout"],
        idle_timeout=record["idle-timeout"],
        session_limit=record["session-limit"],
    )


def password_rewriter(hash_password: Callable[[str], str]) -> Callable[[str], str]:
    """Makes what a client sets into what is stored (iana-crypt-hash): "$0$" and clear text become a hash, SHA-256 and
    SHA-512 hashes stay as they are."""

    def rewrite(text: str) -> str:
        if text.startswith(_HASHES):
            if _rounds(text) > MAX_HASH_ROUNDS:
                raise ProviderError(
                    "invalid-value",
                    f"This password hash has too many rounds: at most {MAX_HASH_ROUNDS} are accepted.",
                    app_tag="password-hash-not-supported",
                )
            return text
        if not text.startswith(_CLEAR_TEXT):
            raise ProviderError(
                "invalid-value",
                "MD5 password hashes are not accepted: give $0$ and the password, which is hashed here, or a $5$ or"
                " $6$ hash.",
                app_tag="password-hash-not-supported",
            )
        try:
            return hash_password(text.removeprefix(_CLEAR_TEXT))
        except ValueError:
            raise ProviderError(
                "invalid-value",
                "This password can't be hashed: after $0$ give 1 to 512 bytes of text.",
                app_tag="invalid-password",
            ) from None

    return rewrite


def _rounds(password_hash: str) -> int:
    """What a crypt hash says of its rounds, 0 when it says nothing ("$6$rounds=500000$salt$...")."""
    said = password_hash.split("$")[2]
    digits = said.removeprefix("rounds=").lstrip("0")
    if not said.startswith("rounds=") or not digits.isdecimal():
        return 0
    return int(digits) if len(digits) <= len(str(MAX_HASH_ROUNDS)) else MAX_HASH_ROUNDS + 1


def _check_keys(path: str, user: Record) -> None:
    for key in user.get("authorized-key", ()):
        algorithm = _FORMATS.get(key["algorithm"], key["algorithm"])
        if algorithm not in KEY_ALGORITHMS:
            raise ProviderError(
                "invalid-value",
                f"Authorized keys of the algorithm {key['algorithm']} are not accepted: use one of"
                f" {', '.join(KEY_ALGORITHMS)}.",
                path=path,
                app_tag="key-algorithm-not-supported",
            )
        name = algorithm.encode()
        if not key["key-data"].startswith(len(name).to_bytes(4, "big") + name):
            raise ProviderError(
                "invalid-value",
                f"key-data is not a key of the algorithm {key['algorithm']}: give the second field of the line in"
                " the .pub file.",
                path=path,
                app_tag="invalid-key-data",
            )
