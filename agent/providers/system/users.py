"""The local users as configured (ietf-system, trustconf-system), for whoever checks logins.

Read from the running configuration at each question, so that a commit counts at once. Unknown to this room: how a
login is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.northbound.contract import ConfigView, Record

USERS: Final = "/ietf-system:system/authentication/user"

#: The group whose members may log in.
ADMINISTRATORS: Final = "administrators"


@dataclass(frozen=True, slots=True)
class User:
    """A user.

    Attributes:
        name: the login name.
        password_hash: a crypt hash ("$6$...", "$5$..."), or None for a user who has none.
        authorized_keys: pairs of algorithm name and key blob (RFC 4253 section 6.6).
        groups: the groups that the user is a member of.
    """

    name: str
    password_hash: str | None = None
    authorized_keys: tuple[tuple[str, bytes], ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def can_administrate(self) -> bool:
        """Whether the user can log in at all: a member of the administrators who has a credential."""
        return ADMINISTRATORS in self.groups and bool(self.password_hash or self.authorized_keys)


class ConfiguredUsers:
    """The users of a configuration."""

    def __init__(self, config: ConfigView) -> None:
        self._config = config

    def __iter__(self) -> Iterator[User]:
        return (user_of(record) for record in self._config.get(USERS) or [])

    def find_user(self, name: str) -> User | None:
        """The user of that name, or None. `name` may be anything: it is compared, never put into a path."""
        return next((user for user in self if user.name == name), None)


def user_of(record: Record) -> User:
    """The user that an entry of the list describes."""
    return User(
        name=record["name"],
        password_hash=record.get("password"),
        authorized_keys=tuple((key["algorithm"], key["key-data"]) for key in record.get("authorized-key", ())),
        groups=tuple(record.get("trustconf-system:group", ())),
    )
