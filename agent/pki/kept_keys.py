"""Key pairs beside the ones in service: those that wait for a certificate, and those of the previous certificates.

A trustpoint that enrolls with a new key pair keeps it as `incoming` until the certificate is there; then both go into
service together, and the old pair becomes `previous`, so that restoring the previous certificates brings their keys
back. Sealed keys move as they are: their place (type, label, purpose) stays the same. Zeroizing a key pair removes its
kept ones too (key_store.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from agent.pki.key_store import KeyStore, NewKeyPair
from agent.pki.keys import KeyPurpose, PrivateKey
from agent.storage.database import Database, Transaction

_COLUMNS: Final = "type, label, usage, size, origin, created, held_by, purpose, public_key, sealed_private_key"
_IN_SERVICE: Final = (
    "SELECT k.type, k.label, k.usage, k.size, k.origin, k.created, k.held_by, p.purpose, p.public_key,"
    " p.sealed_private_key"
    " FROM key_pairs AS k JOIN key_parts AS p USING (type, label) WHERE k.type = ? AND k.label = ?"
)


class KeySlot(StrEnum):
    """Where a kept key pair is."""

    INCOMING = "incoming"
    PREVIOUS = "previous"


class KeptKeys:
    """The kept key pairs of all trustpoints. Safe to use from any number of threads."""

    def __init__(self, database: Database, key_store: KeyStore) -> None:
        self._database = database
        self._key_store = key_store

    def keep(self, trustpoint: str, new: NewKeyPair, transaction: Transaction) -> None:
        """Keep a new key pair as incoming, in place of one that waits there."""
        self.discard(trustpoint, KeySlot.INCOMING, transaction)
        pair = new.pair
        for purpose, public_key, sealed in self._key_store.sealed_parts(new):
            created = pair.created.isoformat()
            values = (pair.type, pair.label, pair.usage, pair.size, pair.origin, created, pair.held_by, purpose)
            transaction.execute(
                f"INSERT INTO kept_key_parts (trustpoint, slot, {_COLUMNS})"  # noqa: S608 # a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (trustpoint, KeySlot.INCOMING.value, *map(_plain, values), public_key, sealed),
            )

    def has(self, trustpoint: str, slot: KeySlot, transaction: Transaction | None = None) -> bool:
        """Whether a key pair is kept there."""
        return bool(
            (transaction or self._database).query(
                "SELECT 1 FROM kept_key_parts WHERE trustpoint = ? AND slot = ?", (trustpoint, slot.value)
            )
        )

    def private_key(self, trustpoint: str, slot: KeySlot, purpose: KeyPurpose) -> PrivateKey | None:
        """The key with this purpose of a kept pair; None if there is none. Raises SealingError, MasterKeyError."""
        rows = self._database.query(
            "SELECT type, label, held_by, sealed_private_key FROM kept_key_parts"
            " WHERE trustpoint = ? AND slot = ? AND purpose = ?",
            (trustpoint, slot.value, purpose.value),
        )
        return self._key_store.open_sealed(rows[0], purpose) if rows else None

    def put_into_service(self, trustpoint: str, transaction: Transaction) -> None:
        """The incoming pair takes the place of the one in service, which becomes the previous one."""
        self._exchange(trustpoint, KeySlot.INCOMING, transaction)

    def bring_back(self, trustpoint: str, transaction: Transaction) -> None:
        """The previous pair and the one in service change places."""
        self._exchange(trustpoint, KeySlot.PREVIOUS, transaction)

    def discard(self, trustpoint: str, slot: KeySlot, transaction: Transaction) -> None:
        """Forget a kept pair."""
        transaction.execute("DELETE FROM kept_key_parts WHERE trustpoint = ? AND slot = ?", (trustpoint, slot.value))

    def _exchange(self, trustpoint: str, source: KeySlot, transaction: Transaction) -> None:
        kept = transaction.query(
            f"SELECT {_COLUMNS} FROM kept_key_parts WHERE trustpoint = ? AND slot = ?",  # noqa: S608 # a constant
            (trustpoint, source.value),
        )
        if not kept:
            return
        place = (kept[0]["type"], kept[0]["label"])
        in_service = transaction.query(_IN_SERVICE, place)
        self.discard(trustpoint, source, transaction)
        self.discard(trustpoint, KeySlot.PREVIOUS, transaction)
        for row in in_service:
            transaction.execute(
                f"INSERT INTO kept_key_parts (trustpoint, slot, {_COLUMNS})"  # noqa: S608 # a constant
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (trustpoint, KeySlot.PREVIOUS.value, *row),
            )
        self._key_store.store_sealed(kept, transaction)


def _plain(value: object) -> object:
    return value.value if isinstance(value, StrEnum) else value
