"""The public keys that users have imported: up to four a user, each in a place with a number.

Importing into a place that is taken replaces the key there. A key opens a login only while the configuration has its
user; this room does not know which users there are, and whoever removes one removes the keys with `zeroize`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from agent.clock import Clock
from agent.pki.fips import check_fips
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyType
from agent.pki.user_key_errors import UserKeyNotFoundError, UserKeyTwiceError
from agent.pki.user_keys import UserPublicKey
from agent.storage.database import Database, Transaction

#: The numbers of a user's keys; the first is the one that is meant where none is named.
KEY_NUMBERS: Final = range(1, 5)

_SELECT: Final = "SELECT user, number, type, size, blob, comment, imported FROM user_keys"


@dataclass(frozen=True, slots=True)
class ImportedKey:
    """A user's key. `number`: its place; `imported`: when it came, UTC."""

    user: str
    number: int
    key: UserPublicKey
    imported: datetime


class UserKeyAction(StrEnum):
    IMPORTED = "imported"
    ZEROIZED = "zeroized"


@dataclass(frozen=True, slots=True)
class UserKeyEvent:
    """A user's key was imported or zeroized."""

    action: UserKeyAction
    imported: ImportedKey
    time: datetime


UserKeyListener: TypeAlias = Callable[[UserKeyEvent], None]
#: (The class below has a method called `list`.)
ImportedKeys: TypeAlias = list[ImportedKey]


class UserKeyStore:
    """All imported keys, in a database. Safe to use from any number of threads."""

    def __init__(self, database: Database, key_store: KeyStore, clock: Clock) -> None:
        self._database = database
        self._key_store = key_store
        self._clock = clock
        #: Told of every key that was imported or zeroized, after that is durable.
        self.listener: UserKeyListener | None = None

    def put(self, user: str, number: int, key: UserPublicKey) -> ImportedKey:
        """Have `key` open the logins of `user`, in place of the one with this number if there is one.

        Raises NotFipsCompliantError and UserKeyTwiceError.
        """
        with self._database.transaction() as transaction:
            if self._key_store.is_fips_mode(transaction):
                check_fips(key.type, key.size)
            for other in self.list(user, transaction):
                if other.key.blob == key.blob and other.number != number:
                    raise UserKeyTwiceError(user, other.number)
            imported = ImportedKey(user, number, key, self._clock.now())
            transaction.execute(
                "INSERT OR REPLACE INTO user_keys (user, number, type, size, blob, comment, imported)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (user, number, key.type.value, key.size, key.blob, key.comment, imported.imported.isoformat()),
            )
            self._tell(UserKeyAction.IMPORTED, imported, transaction)
        return imported

    def zeroize(
        self,
        user: str | None,
        number: int | None = None,
        *,
        type: KeyType | None = None,
        transaction: Transaction | None = None,
    ) -> ImportedKeys:
        """Remove keys: of a user, or with None of all; one, or with None all; of a type, or with None of every one.

        Returns what was removed. Raises UserKeyNotFoundError when one key of a user is named and is not there.
        """
        if transaction is None:
            with self._database.transaction() as own:
                return self.zeroize(user, number, type=type, transaction=own)
        doomed = [
            imported
            for imported in self.list(user, transaction)
            if number in (None, imported.number) and type in (None, imported.key.type)
        ]
        if user is not None and number is not None and not doomed:
            raise UserKeyNotFoundError(user, number)
        for imported in doomed:
            transaction.execute("DELETE FROM user_keys WHERE user = ? AND number = ?", (imported.user, imported.number))
            self._tell(UserKeyAction.ZEROIZED, imported, transaction)
        return doomed

    def list(self, user: str | None = None, transaction: Transaction | None = None) -> ImportedKeys:
        """The keys of a user, or of all users, by user and number."""
        # A login asks for one user, and must cost the same however many there are.
        where, names = ("", ()) if user is None else ("WHERE user = ?", (user,))
        rows = (transaction or self._database).query(f"{_SELECT} {where} ORDER BY user, number", names)
        return [_imported_key(row) for row in rows]

    def _tell(self, action: UserKeyAction, imported: ImportedKey, transaction: Transaction) -> None:
        event = UserKeyEvent(action, imported, self._clock.now())

        def tell() -> None:
            if self.listener is not None:
                self.listener(event)

        transaction.after_commit(tell)


def _imported_key(row: sqlite3.Row) -> ImportedKey:
    key = UserPublicKey(KeyType(row["type"]), row["size"], row["blob"], row["comment"])
    return ImportedKey(row["user"], row["number"], key, datetime.fromisoformat(row["imported"]))
