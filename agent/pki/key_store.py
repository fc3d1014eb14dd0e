"""The key pairs of the device: made, kept sealed, listed, used, zeroized.

Under a type and a label there is at most one key pair (for RSA usage keys: the two pairs that belong together). A new
one replaces the old one in one transaction: the old key is gone only when the new one is durable. Keys that the
configuration made (origin "config") are replaced and deleted by the configuration alone; it may replace others (the
guide, "Public Key-Pair Generation in XR Config Mode").

Making a key is slow and holds no lock; storing it is quick and a part of a transaction. `make` and `store` are the two
steps for whoever has a transaction of its own, `generate` is both.

A private key leaves this room as an object to sign with, never as bytes. Who holds it, the agent or a TPM, is a matter
of key_holders.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, TypeAlias

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.clock import Clock
from agent.pki.errors import (
    KeyNotFoundError,
    KeyOwnedByConfigurationError,
    NotHeldByTpmError,
    ReservedLabelError,
    TooManyKeysError,
)
from agent.pki.fips import check_fips, require_fips_compliance
from agent.pki.key_display import KeyAction, KeyEvent
from agent.pki.key_holders import HeldBy, KeyHolder, SoftwareHolder, TpmHolder
from agent.pki.keys import (
    PREDEFINED_LABELS,
    PURPOSES,
    KeyPurpose,
    KeyType,
    KeyUsage,
    PrivateKey,
    check_label,
    check_size,
    check_usage,
    identify_key,
)
from agent.storage.database import Database, Transaction
from agent.storage.sealing import Sealer, claim_master_key
from agent.tpm.device import NO_TPM, Tpm

#: Key pairs that the store holds at most.
MAX_KEY_PAIRS: Final = 1000

Origin: TypeAlias = Literal["exec", "config"]
KeyListener: TypeAlias = Callable[[KeyEvent], None]

#: The order of listings: keys made by commands first (the guide), then by type, then as they were made.
_TYPE_ORDER: Final = {key_type: position for position, key_type in enumerate(KeyType)}
_PAIR_COLUMNS: Final = ("type", "label", "usage", "size", "origin", "created", "held_by")
_SELECT: Final = (
    "SELECT k.*, p.purpose, p.public_key FROM key_pairs AS k JOIN key_parts AS p USING (type, label)"
    " WHERE (? IS NULL OR k.type = ?) AND (? IS NULL OR k.label = ?)"
)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The public side of a key pair.

    Attributes:
        type, label: what names it.
        usage: general-purpose, or usage keys.
        size: bits of the modulus or of the curve.
        created: when it was made, UTC.
        public_key_der: SubjectPublicKeyInfo; of usage keys, the one that signs.
        origin: "exec" when a command or rpc made it, "config" when a commit did.
        encryption_public_key_der: the second SubjectPublicKeyInfo of usage keys.
        held_by: who holds the private part.
    """

    type: KeyType
    label: str
    usage: KeyUsage
    size: int
    created: datetime
    public_key_der: bytes
    origin: Origin
    encryption_public_key_der: bytes | None = None
    held_by: HeldBy = HeldBy.SOFTWARE

    @property
    def parts(self) -> tuple[tuple[KeyPurpose, bytes], ...]:
        """Each pair's purpose and SubjectPublicKeyInfo, the signing one first."""
        keys = (self.public_key_der, self.encryption_public_key_der)
        return tuple((purpose, key) for purpose, key in zip(PURPOSES[self.usage], keys, strict=False) if key)


@dataclass(frozen=True, slots=True)
class NewKeyPair:
    """A key pair that was made and is not stored yet; lost if it never is."""

    pair: KeyPair
    private_keys: Sequence[tuple[KeyPurpose, PrivateKey]] = field(repr=False)


#: (The class below has a method called `list`.)
KeyPairs: TypeAlias = list[KeyPair]


class KeyStore:
    """All key pairs, in a database. Safe to use from any number of threads.

    Raises MasterKeyError when the database was sealed with another master key. Without `tpm`, the device has none.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        clock: Clock,
        listener: KeyListener | None = None,
        tpm: Tpm | None = None,
    ) -> None:
        claim_master_key(database, sealer)
        self._holders: dict[HeldBy, KeyHolder] = {
            HeldBy.SOFTWARE: SoftwareHolder(),
            HeldBy.TPM: TpmHolder(tpm or Tpm(NO_TPM, clock)),
        }
        self._database = database
        self._sealer = sealer
        self._clock = clock
        #: Told of every key that was made or zeroized, after that is durable. May be set later.
        self.listener = listener

    def generate(
        self,
        type: KeyType,
        label: str | None,
        *,
        size: int | None = None,
        usage: KeyUsage = KeyUsage.GENERAL,
        origin: Origin = "exec",
        held_by: HeldBy = HeldBy.SOFTWARE,
    ) -> KeyPair:
        """Make a key pair, in place of the one under this type and label if there is one. Takes up to seconds.

        Raises as `make` and `store` do.
        """
        new = self.make(type, label, size=size, usage=usage, origin=origin, held_by=held_by)
        with self._database.transaction() as transaction:
            return self.store(new, transaction)

    def make(
        self,
        type: KeyType,
        label: str | None,
        *,
        size: int | None = None,
        usage: KeyUsage = KeyUsage.GENERAL,
        origin: Origin = "exec",
        held_by: HeldBy = HeldBy.SOFTWARE,
    ) -> NewKeyPair:
        """Make a key pair for `store`; nothing is stored. Takes up to seconds: not while a transaction is open.

        Raises InvalidLabelError, InvalidKeySizeError, KeyGenerationNotSupportedError, ReservedLabelError; for a key
        pair of the TPM also NoTpmError, TpmFailedError; and, as far as it can be known already, what `store` raises.
        """
        label = check_label(label)
        size = check_size(type, size)
        check_usage(type, usage)
        if held_by is HeldBy.TPM and usage is not KeyUsage.GENERAL:
            raise NotHeldByTpmError("The TPM holds key pairs that sign; usage keys also encrypt. Choose usage general.")
        if origin == "config" and label in PREDEFINED_LABELS:
            raise ReservedLabelError(f"The label {label} is for keys that are generated by an rpc or command.")
        # Asked before the work and again before storing: somebody may have been quicker.
        self._require_replaceable(type, label, origin, None)
        if origin == "exec" and self.is_fips_mode():
            # A commit may be about to change the mode: its keys are for what the mode will be, which `store` sees.
            check_fips(type, size)
        made = [(purpose, self._holders[held_by].make(type, size)) for purpose in PURPOSES[usage]]
        return self._new_pair(type, label, usage, size, origin, made, held_by)

    def adopt(self, key: PrivateKey, label: str) -> NewKeyPair:
        """A general-purpose key pair for `store` from a private key that was made elsewhere.

        Raises as `make` does.
        """
        identified = identify_key(key)
        assert identified is not None, "a PrivateKey is of a type of keys.py"
        type, size = identified
        self._require_replaceable(type, check_label(label), "exec", None)
        check_size(type, size)
        if self.is_fips_mode():
            check_fips(type, size)
        return self._new_pair(type, label, KeyUsage.GENERAL, size, "exec", [(KeyPurpose.GENERAL, key)])

    def store(self, new: NewKeyPair, transaction: Transaction) -> KeyPair:
        """Store what `make` has made, in place of the key pair under this type and label if there is one.

        Raises KeyOwnedByConfigurationError, TooManyKeysError, NotFipsCompliantError.
        """
        pair = new.pair
        self._require_replaceable(pair.type, pair.label, pair.origin, transaction)
        if self.is_fips_mode(transaction):
            check_fips(pair.type, pair.size)
        self._write(new, transaction)
        self._tell(KeyAction.GENERATED, pair, transaction)
        return pair

    def zeroize(
        self,
        type: KeyType,
        label: str | None = None,
        *,
        origin: Origin = "exec",
        transaction: Transaction | None = None,
    ) -> KeyPairs:
        """Delete the key pair of this type and label, or with None all of the type; what was deleted.

        Only keys of `origin` are deleted. Raises KeyNotFoundError when the label names none of them, and
        KeyOwnedByConfigurationError when it names one of the configuration's and `origin` is "exec".
        """
        if transaction is None:
            with self._database.transaction() as own:
                return self.zeroize(type, label, origin=origin, transaction=own)
        found = self._select(type, label, transaction)
        if label is not None:
            if found and origin == "exec" and found[0].origin == "config":
                raise KeyOwnedByConfigurationError(type.value, label)
            if not found or found[0].origin != origin:
                raise KeyNotFoundError(
                    type.value, label, f"There is no {type.value} key pair {label}; nothing was zeroized."
                )
        doomed = [pair for pair in found if pair.origin == origin]
        for pair in doomed:
            place = (pair.type.value, pair.label)
            transaction.execute("DELETE FROM key_pairs WHERE type = ? AND label = ?", place)
            transaction.execute("DELETE FROM kept_key_parts WHERE type = ? AND label = ?", place)
            self._tell(KeyAction.ZEROIZED, pair, transaction)
        return doomed

    def list(self, transaction: Transaction | None = None) -> KeyPairs:
        """All key pairs: those made by commands first, then the configuration's; by type and label."""
        return self._select(None, None, transaction)

    def find(self, type: KeyType, label: str, transaction: Transaction | None = None) -> KeyPair | None:
        """The key pair of this type and label, or None."""
        found = self._select(type, label, transaction)
        return found[0] if found else None

    def private_key(
        self,
        type: KeyType,
        label: str,
        *,
        purpose: KeyPurpose | None = None,
        transaction: Transaction | None = None,
    ) -> PrivateKey:
        """The private key to use: with `purpose` None, the one that signs.

        Raises KeyNotFoundError, SealingError, MasterKeyError, TpmKeyLostError.
        """
        rows = (transaction or self._database).query(
            "SELECT type, label, purpose, held_by, sealed_private_key"
            " FROM key_parts JOIN key_pairs USING (type, label) WHERE type = ? AND label = ?",
            (type.value, label),
        )
        found = {KeyPurpose(row["purpose"]): row for row in rows}
        wanted = (purpose,) if purpose is not None else (KeyPurpose.GENERAL, KeyPurpose.SIGNATURE)
        for candidate in wanted:
            if candidate in found:
                return self.open_sealed(found[candidate], candidate)
        raise KeyNotFoundError(type.value, label)

    def sealed_parts(self, new: NewKeyPair) -> Iterator[tuple[KeyPurpose, bytes, bytes]]:
        """Purpose, SubjectPublicKeyInfo and sealed private key of each part, for kept_keys.py."""
        pair = new.pair
        for (purpose, key), (_, public_key) in zip(new.private_keys, pair.parts, strict=True):
            secret = self._holders[pair.held_by].dump(key)
            yield purpose, public_key, self._sealer.seal(secret, _context(pair.type, pair.label, purpose))

    def open_sealed(self, row: sqlite3.Row, purpose: KeyPurpose) -> PrivateKey:
        """The private key of a row with type, label, held_by and sealed_private_key.

        Raises SealingError, MasterKeyError, TpmKeyLostError.
        """
        secret = self._sealer.open(row["sealed_private_key"], _context(KeyType(row["type"]), row["label"], purpose))
        return self._holders[HeldBy(row["held_by"])].load(secret)

    def store_sealed(self, rows: Sequence[sqlite3.Row], transaction: Transaction) -> None:
        """Put the parts of one kept pair (kept_keys.py) into the place of the pair in service.

        Raises KeyOwnedByConfigurationError, TooManyKeysError, NotFipsCompliantError.
        """
        first = rows[0]
        pair_type, label = KeyType(first["type"]), first["label"]
        self._require_replaceable(pair_type, label, first["origin"], transaction)
        if self.is_fips_mode(transaction):
            check_fips(pair_type, first["size"])
        values = tuple(first[column] for column in _PAIR_COLUMNS)
        parts = [(row["purpose"], row["public_key"], row["sealed_private_key"]) for row in rows]
        self._write_sealed(values, parts, transaction)
        pair = self.find(pair_type, label, transaction)
        assert pair is not None
        self._tell(KeyAction.GENERATED, pair, transaction)

    def is_fips_mode(self, transaction: Transaction | None = None) -> bool:
        """Whether only the keys of FIPS mode can be made."""
        return bool((transaction or self._database).query("SELECT 1 FROM fips_mode"))

    def set_fips_mode(
        self, on: bool, transaction: Transaction, others: Iterable[tuple[KeyType, str, int]] = ()
    ) -> None:
        """Switch FIPS mode. `others`: keys besides the key pairs, as `require_fips_compliance` takes them.

        Raises KeysNotFipsCompliantError when that is not possible with the keys that are there.
        """
        transaction.execute("DELETE FROM fips_mode")
        if on:
            require_fips_compliance([*((pair.type, pair.label, pair.size) for pair in self.list(transaction)), *others])
            transaction.execute("INSERT INTO fips_mode (only_row) VALUES (1)")

    def _require_replaceable(
        self, key_type: KeyType, label: str, origin: Origin, transaction: Transaction | None
    ) -> None:
        existing = self.find(key_type, label, transaction)
        if existing is not None:
            if existing.origin == "config" and origin == "exec":
                raise KeyOwnedByConfigurationError(key_type.value, label)
            return
        count = (transaction or self._database).query("SELECT count(*) AS count FROM key_pairs")[0]["count"]
        if count >= MAX_KEY_PAIRS:
            raise TooManyKeysError(f"There are {MAX_KEY_PAIRS} key pairs already; zeroize those that are not used.")

    def _new_pair(
        self,
        type: KeyType,
        label: str,
        usage: KeyUsage,
        size: int,
        origin: Origin,
        made: Sequence[tuple[KeyPurpose, PrivateKey]],
        held_by: HeldBy = HeldBy.SOFTWARE,
    ) -> NewKeyPair:
        public = [key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for _, key in made]
        pair = KeyPair(type, label, usage, size, self._clock.now(), public[0], origin, _second(public), held_by)
        return NewKeyPair(pair, made)

    def _write(self, new: NewKeyPair, transaction: Transaction) -> None:
        pair = new.pair
        values = (
            pair.type.value, pair.label, pair.usage.value, pair.size, pair.origin, pair.created.isoformat(),
            pair.held_by.value,
        )  # fmt: skip
        parts = [(purpose.value, public_key, sealed) for purpose, public_key, sealed in self.sealed_parts(new)]
        self._write_sealed(values, parts, transaction)

    def _write_sealed(
        self, pair: Sequence[object], parts: Sequence[tuple[str, bytes, bytes]], transaction: Transaction
    ) -> None:
        """`pair`: what _PAIR_COLUMNS names; `parts`: purpose, public key, sealed private key."""
        place = tuple(pair[:2])
        transaction.execute("DELETE FROM key_pairs WHERE type = ? AND label = ?", place)
        transaction.execute(
            f"INSERT INTO key_pairs ({', '.join(_PAIR_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 # constants
            tuple(pair),
        )
        for part in parts:
            transaction.execute(
                "INSERT INTO key_parts (type, label, purpose, public_key, sealed_private_key) VALUES (?, ?, ?, ?, ?)",
                (*place, *part),
            )

    def _tell(self, action: KeyAction, pair: KeyPair, transaction: Transaction) -> None:
        event = KeyEvent(action, pair.type, pair.label, pair.size, self._clock.now())

        def tell() -> None:
            if self.listener is not None:
                self.listener(event)

        transaction.after_commit(tell)

    def _select(self, key_type: KeyType | None, label: str | None, transaction: Transaction | None) -> KeyPairs:
        wanted = None if key_type is None else key_type.value
        rows = (transaction or self._database).query(_SELECT, (wanted, wanted, label, label))
        parts: dict[tuple[str, str], dict[KeyPurpose, sqlite3.Row]] = {}
        for row in rows:
            parts.setdefault((row["type"], row["label"]), {})[KeyPurpose(row["purpose"])] = row
        pairs = [_key_pair(by_purpose) for by_purpose in parts.values()]
        return sorted(
            pairs, key=lambda pair: (pair.origin == "config", _TYPE_ORDER[pair.type], pair.created, pair.label)
        )


def _key_pair(by_purpose: dict[KeyPurpose, sqlite3.Row]) -> KeyPair:
    row = next(iter(by_purpose.values()))
    usage = KeyUsage(row["usage"])
    public = [by_purpose[purpose]["public_key"] for purpose in PURPOSES[usage]]
    return KeyPair(
        KeyType(row["type"]),
        row["label"],
        usage,
        row["size"],
        datetime.fromisoformat(row["created"]),
        public[0],
        row["origin"],
        _second(public),
        HeldBy(row["held_by"]),
    )


def _second(public: Sequence[bytes]) -> bytes | None:
    return public[1] if len(public) > 1 else None


def _context(key_type: KeyType, label: str, purpose: KeyPurpose) -> bytes:
    """Where a sealed key belongs. No part can hold a NUL, so that no two keys have the same one."""
    return "\0".join(("key_parts", key_type.value, label, purpose.value)).encode()
