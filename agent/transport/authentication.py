"""Who may log in: passwords and public keys of users, compared so that time tells nothing.

A refusal never says why to the client, and costs the same for a user who does not exist, has no password, or is not an
administrator. The reason goes to the log, never a credential.
"""

from __future__ import annotations

import hmac
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from passlib.hash import sha256_crypt, sha512_crypt

from agent.caller import Caller
from agent.clock import Clock
from agent.transport.limits import FailureLimiter

log = logging.getLogger(__name__)

#: The only group whose members may log in, until access control knows more.
ADMINISTRATORS = "administrators"

#: SHA-512-crypt rounds of hash_password: about half a second of one core.
PASSWORD_ROUNDS = 500_000

#: Longer passwords are refused unread: the cost of the hash grows with them.
MAX_PASSWORD_BYTES = 512

#: How long a login waits for other logins' hashes before it is refused. One hash is calculated at a time, so that a
#: flood of logins can't take the interpreter away from the sessions.
HASH_WAIT_SECONDS = 10.0

#: What the password of somebody who has none is compared with. It is the hash of nothing, and costs as much as others.
_NO_PASSWORD = f"$6$rounds={PASSWORD_ROUNDS}$w95p9D5ylqarI0qo$" + "." * 86
_NO_KEYS = (("", b""),)

_SCHEMES = {"$5$": sha256_crypt, "$6$": sha512_crypt}


@dataclass(frozen=True, slots=True)
class UserRecord:
    """A user as configured.

    Attributes:
        name: the login name.
        password_hash: a crypt hash ("$6$..." or "$5$..."), or None for a user who has only keys.
        authorized_keys: pairs of algorithm name ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"...) and the key
            blob of RFC 4253 section 6.6 (the decoded second field of an authorized_keys line).
        groups: names of the groups that the user is a member of.
    """

    name: str
    password_hash: str | None = None
    authorized_keys: Sequence[tuple[str, bytes]] = ()
    groups: tuple[str, ...] = ()


class UserDirectory(Protocol):
    """Where users are looked up; asked at every login, so that a change of the configuration counts at once."""

    def find_user(self, name: str) -> UserRecord | None:
        """The user of that name, or None."""


class Authenticator(Protocol):
    """What the SSH server asks. `source` is the client's address; answers are final and never explained."""

    def check_password(self, name: str, password: str, source: str) -> bool:
        """True when the password is right and the user may log in."""

    def check_public_key(self, name: str, blob: bytes, source: str) -> bool:
        """True when the user may log in by proving to hold this key; the proof itself is the SSH layer's."""

    def caller(self, name: str, source: str) -> Caller | None:
        """Who a logged-in user is now; None when the user may no longer be here."""


def hash_password(text: str) -> str:
    """A salted SHA-512-crypt hash ("$6$rounds=..."). Raises ValueError when the password is empty, too long, or holds
    characters that can't be hashed."""
    if not text:
        raise ValueError("the password is empty")
    if len(text.encode()) > MAX_PASSWORD_BYTES:
        raise ValueError(f"the password is longer than {MAX_PASSWORD_BYTES} bytes")
    if "\0" in text:
        raise ValueError("the password holds a NUL character")
    return str(sha512_crypt.using(rounds=PASSWORD_ROUNDS).hash(text))


def verify_password(text: str, password_hash: str) -> bool:
    """True when `text` hashes to `password_hash`. A hash of an unknown scheme never matches."""
    scheme = _SCHEMES.get(password_hash[:3])
    if scheme is None or not text or "\0" in text or len(text.encode()) > MAX_PASSWORD_BYTES:
        return False
    try:
        return bool(scheme.verify(text, password_hash))
    except ValueError:
        return False


class DirectoryAuthenticator:
    """The rules of this module, over a directory of users."""

    def __init__(self, directory: UserDirectory, clock: Clock, *, failed_logins_per_minute: int = 20) -> None:
        self._directory = directory
        self._failures = FailureLimiter(failed_logins_per_minute, clock)
        self._hashing = threading.Semaphore(1)

    def check_password(self, name: str, password: str, source: str) -> bool:
        network = _network(source)
        if self._failures.is_blocked(network):
            log.warning("login of %r from %s refused: too many failures from there", name, source)
            return False
        user = self._directory.find_user(name)
        known_hash = user.password_hash if user is not None else None
        if not self._hashing.acquire(timeout=HASH_WAIT_SECONDS):
            log.warning("login of %r from %s refused: too many logins at once", name, source)
            return False
        try:
            right = verify_password(password, known_hash or _NO_PASSWORD)
        finally:
            self._hashing.release()
        refusal = self._refusal(user, name, source, right and known_hash is not None, "wrong password")
        if refusal is not None:
            self._failures.record_failure(network)
        return refusal is None

    def check_public_key(self, name: str, blob: bytes, source: str) -> bool:
        # Keys can't be guessed, and a client may try all that its agent holds: nothing is counted against its source.
        user = self._directory.find_user(name)
        known = user.authorized_keys if user is not None else ()
        right = False
        for _algorithm, authorized in known or _NO_KEYS:
            right |= hmac.compare_digest(authorized, blob)
        return self._refusal(user, name, source, right, "key not authorized") is None

    def caller(self, name: str, source: str) -> Caller | None:
        user = self._directory.find_user(name)
        if user is None or ADMINISTRATORS not in user.groups:
            return None
        return Caller(user=user.name, source=source, groups=user.groups)

    def _refusal(self, user: UserRecord | None, name: str, source: str, right: bool, fault: str) -> str | None:
        """Why this login is refused, None when it is not. All refusals look the same from outside."""
        if user is None:
            reason = "no such user"
        elif not right:
            reason = fault
        elif ADMINISTRATORS not in user.groups:
            reason = f"not a member of {ADMINISTRATORS}"
        else:
            return None
        log.warning("login of %r from %s refused: %s", name, source, reason)
        return reason


def _network(source: str) -> str:
    """Whom failures are counted against: the address, or the /64 of an IPv6 address (one host has all of it)."""
    try:
        address = ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)
