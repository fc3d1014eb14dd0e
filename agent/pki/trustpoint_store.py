"""The certificates of trustpoints: kept, listed, exchanged, used to sign, cleared.

A trustpoint has certificates in four slots. What is in service is `current`. New certificates of the device take the
place of the current ones in one transaction, and those become `previous`, so that one step goes back; while only one
of the two certificates of usage keys is there, it waits as `granted`. CA certificates that nobody has accepted yet are
`offered`.

How certificates are got is not known here: enrollment/ does that, and tells whose they are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.clock import Clock
from agent.pki.certificates import VIEWS_REMEMBERED, CertificateRole, CertificateView
from agent.pki.chain_errors import ChainError
from agent.pki.chains import verify_issued
from agent.pki.errors import KeyChangedError, NotEnrolledError
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyPurpose, KeyType, PrivateKey
from agent.pki.signer import CertificateSigner
from agent.pki.trustpoint import KeyReference
from agent.storage.database import Database, Transaction


class Slot(StrEnum):
    """Where a certificate of a trustpoint is."""

    CURRENT = "current"
    PREVIOUS = "previous"
    GRANTED = "granted"
    OFFERED = "offered"


#: A key pair's purpose -> the role of its certificate.
ROLES: Final = {
    KeyPurpose.GENERAL: CertificateRole.ROUTER,
    KeyPurpose.SIGNATURE: CertificateRole.ROUTER_SIGNATURE,
    KeyPurpose.ENCRYPTION: CertificateRole.ROUTER_ENCRYPTION,
}
PURPOSES_OF_ROLES: Final = {role: purpose for purpose, role in ROLES.items()}
#: The device's own certificates, and the certification authority's.
ROUTER_ROLES: Final = frozenset(ROLES.values())
AUTHORITY_ROLES: Final = frozenset({CertificateRole.CA, CertificateRole.RA})
#: The certificates that can sign for the trustpoint.
_SIGNING_ROLES: Final = (CertificateRole.ROUTER, CertificateRole.ROUTER_SIGNATURE)
_ROLE_ORDER: Final = {role: position for position, role in enumerate(CertificateRole)}


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate with what it is to its trustpoint.

    Attributes:
        position: among those with the same role; of a chain, 0 is the nearest to the device.
        key: the key pair that it was made for; None for those of others.
        changes: what the certification authority changed of what was asked for.
    """

    role: CertificateRole
    der: bytes
    position: int = 0
    key: KeyReference | None = None
    changes: tuple[str, ...] = ()

    @property
    def certificate(self) -> x509.Certificate:
        return _load(self.der)

    @property
    def view(self) -> CertificateView:
        return CertificateView.from_der(self.role, self.der)


def authority_certificates(
    chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate] = (), key: KeyReference | None = None
) -> list[StoredCertificate]:
    """What is stored of a certification authority: its chain, the top first, and its registration authorities."""
    nearest_first = enumerate(reversed(chain))
    return [
        *(StoredCertificate(CertificateRole.CA, _der(ca), position, key) for position, ca in nearest_first),
        *(StoredCertificate(CertificateRole.RA, _der(ra), position) for position, ra in enumerate(authorities)),
    ]


class TrustpointStore:
    """All certificates of trustpoints, in a database. Safe to use from any number of threads."""

    def __init__(self, database: Database, key_store: KeyStore, clock: Clock) -> None:
        self._database = database
        self._key_store = key_store
        self._clock = clock

    def names(self) -> list[str]:
        """The trustpoints that have certificates, sorted."""
        rows = self._database.query("SELECT DISTINCT trustpoint FROM trustpoint_certificates ORDER BY trustpoint")
        return [row["trustpoint"] for row in rows]

    def names_with_key(self, key: KeyReference) -> list[str]:
        """The trustpoints that have certificates in service for this key pair, sorted."""
        rows = self._database.query(
            "SELECT DISTINCT trustpoint FROM trustpoint_certificates"
            " WHERE slot = ? AND key_type = ? AND key_label = ? ORDER BY trustpoint",
            (Slot.CURRENT.value, key.type.value, key.label),
        )
        return [row["trustpoint"] for row in rows]

    def certificates(self, name: str, slot: Slot = Slot.CURRENT) -> list[CertificateView]:
        """The trustpoint's certificates in a slot: the chain first, the issuing CA before those above it."""
        return [stored.view for stored in self.stored(name, slot)]

    def stored(
        self, name: str, slot: Slot = Slot.CURRENT, transaction: Transaction | None = None
    ) -> list[StoredCertificate]:
        """The same with what is known of each."""
        rows = (transaction or self._database).query(
            "SELECT * FROM trustpoint_certificates WHERE trustpoint = ? AND slot = ?", (name, slot.value)
        )
        return sorted(map(_stored, rows), key=lambda found: (_ROLE_ORDER[found.role], found.position))

    def put(
        self, name: str, slot: Slot, certificates: Iterable[StoredCertificate], transaction: Transaction
    ) -> list[CertificateView]:
        """Store certificates, in place of those of the same role and position."""
        views = []
        for stored in certificates:
            transaction.execute(
                "INSERT OR REPLACE INTO trustpoint_certificates"
                " (trustpoint, slot, role, position, der, key_type, key_label, issued, changes)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    name,
                    slot.value,
                    stored.role.value,
                    stored.position,
                    stored.der,
                    stored.key.type.value if stored.key else None,
                    stored.key.label if stored.key else None,
                    self._clock.now().isoformat(),
                    "\n".join(stored.changes),
                ),
            )
            views.append(stored.view)
        return views

    def remove(
        self, name: str, slot: Slot, transaction: Transaction, roles: Iterable[CertificateRole] = tuple(CertificateRole)
    ) -> None:
        """Remove what has these roles from a slot."""
        for role in roles:
            transaction.execute(
                "DELETE FROM trustpoint_certificates WHERE trustpoint = ? AND slot = ? AND role = ?",
                (name, slot.value, role.value),
            )

    def trust(
        self, name: str, authority: Sequence[StoredCertificate], transaction: Transaction
    ) -> list[CertificateView]:
        """Make these the certificates of the certification authority.

        What the device has, and could go back to, of another authority is removed.
        """
        issuing = next(stored for stored in authority if stored.role is CertificateRole.CA)
        for slot in (Slot.CURRENT, Slot.PREVIOUS):
            for stored in self.stored(name, slot, transaction):
                if stored.role in ROUTER_ROLES and not _remains(stored, issuing):
                    self.remove(name, slot, transaction, (stored.role,))
        self.remove(name, Slot.GRANTED, transaction)
        self.remove(name, Slot.OFFERED, transaction)
        self.remove(name, Slot.CURRENT, transaction, AUTHORITY_ROLES)
        return self.put(name, Slot.CURRENT, authority, transaction)

    def install(
        self, name: str, certificates: Sequence[StoredCertificate], transaction: Transaction
    ) -> list[CertificateView]:
        """Put the device's new certificates into service; those that were, become the previous ones."""
        replaced = [stored for stored in self.stored(name, Slot.CURRENT, transaction) if stored.role in ROUTER_ROLES]
        if replaced:
            self.remove(name, Slot.PREVIOUS, transaction)
            self.put(name, Slot.PREVIOUS, replaced, transaction)
        self.remove(name, Slot.CURRENT, transaction, ROUTER_ROLES)
        self.remove(name, Slot.GRANTED, transaction)
        return self.put(name, Slot.CURRENT, certificates, transaction)

    def clear(self, name: str, transaction: Transaction | None = None) -> list[CertificateView]:
        """Remove all certificates of the trustpoint, not its keys; gives those that were in service."""
        if transaction is None:
            with self._database.transaction() as own:
                return self.clear(name, own)
        removed = [stored.view for stored in self.stored(name, Slot.CURRENT, transaction)]
        transaction.execute("DELETE FROM trustpoint_certificates WHERE trustpoint = ?", (name,))
        return removed

    def signer(self, name: str) -> CertificateSigner:
        """Signs with the trustpoint's certificate; the chain begins with it and ends with the root.

        Raises NotEnrolledError, KeyNotFoundError (zeroized since), KeyChangedError (replaced since).
        """
        current = self.stored(name)
        own = next((stored for role in _SIGNING_ROLES for stored in current if stored.role is role), None)
        if own is None or own.key is None:
            raise NotEnrolledError(name)
        key = self._key_store.private_key(own.key.type, own.key.label)
        if not is_key_of(key, own.certificate):
            raise KeyChangedError(name, "router")
        chain = (own.der, *(stored.der for stored in current if stored.role is CertificateRole.CA))
        return CertificateSigner.of(own.key.type, key, chain)


def is_key_of(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the certificate is for this key."""
    return public_key_der(key.public_key()) == public_key_der(certificate.public_key())


def public_key_der(key: object) -> bytes:
    """SubjectPublicKeyInfo of a public key of the cryptography library."""
    encoded: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return encoded


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed the certificate."""
    try:
        verify_issued(certificate, issuer, allow_sha1=True)
    except ChainError:
        return False
    return True


def _remains(own: StoredCertificate, issuing: StoredCertificate) -> bool:
    """Whether a certificate of the device is of use under this CA. Our own root is made to outlive its leaf."""
    certificate, issuer = own.certificate, issuing.certificate
    outlives = issuing.key is not None and certificate.not_valid_after_utc > issuer.not_valid_after_utc
    return is_issued_by(certificate, issuer) and not outlives


@lru_cache(maxsize=VIEWS_REMEMBERED)
def _load(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def _stored(row: sqlite3.Row) -> StoredCertificate:
    key = None if row["key_type"] is None else KeyReference(KeyType(row["key_type"]), row["key_label"])
    changes = tuple(row["changes"].split("\n")) if row["changes"] else ()
    return StoredCertificate(CertificateRole(row["role"]), row["der"], row["position"], key, changes)
