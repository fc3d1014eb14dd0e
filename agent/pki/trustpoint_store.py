"""The certificates of the trustpoints with `enrollment self`: made, kept, listed, used, cleared.

Authenticating makes the root, enrolling makes the leaf under it (the guide: "Generate Root and Leaf Certificates").
Each is one transaction. The leaf's key pair can be replaced and the trustpoint enrolled again under the same root; when
the root's key pair is replaced, the trustpoint must be authenticated again.

Serial numbers count up from a random start and are never used twice on this device: RFC 5280 section 4.1.2.2 wants them
unique for an issuer, and a device whose state was lost, but not its name, is the same issuer to others. They are
positive and have eight bytes.
"""

from __future__ import annotations

import secrets
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from agent.clock import Clock
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.errors import KeyChangedError, KeyNotFoundError, NotAuthenticatedError, NotEnrolledError
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyPurpose, KeyType, PrivateKey
from agent.pki.self_enrollment import build_leaf, build_root
from agent.pki.signer import CertificateSigner
from agent.pki.trustpoint import CertificateUsage, KeyReference, TrustpointConfig
from agent.storage.database import Database, Transaction

#: Serial numbers start here or up to as much again higher: eight bytes, with room to count and the sign bit clear.
_SERIAL_START: Final = 1 << 61

_ENCRYPTION_USAGES: Final = frozenset(
    {CertificateUsage.KEY_ENCIPHERMENT, CertificateUsage.DATA_ENCIPHERMENT, CertificateUsage.KEY_AGREEMENT}
)
#: A key pair's purpose -> the role of its certificate, and the key usages that are left to it.
_ROLES: Final = {
    KeyPurpose.GENERAL: (CertificateRole.ROUTER, frozenset(CertificateUsage)),
    KeyPurpose.SIGNATURE: (CertificateRole.ROUTER_SIGNATURE, frozenset(CertificateUsage) - _ENCRYPTION_USAGES),
    KeyPurpose.ENCRYPTION: (CertificateRole.ROUTER_ENCRYPTION, _ENCRYPTION_USAGES),
}
#: The certificates that can sign for the trustpoint.
_SIGNING_ROLES: Final = (CertificateRole.ROUTER, CertificateRole.ROUTER_SIGNATURE)
_ROLE_ORDER: Final = {role: position for position, role in enumerate(CertificateRole)}

Certificates: TypeAlias = dict[CertificateRole, x509.Certificate]


class TrustpointStore:
    """All certificates of trustpoints, in a database. Safe to use from any number of threads."""

    def __init__(self, database: Database, key_store: KeyStore, clock: Clock) -> None:
        self._database = database
        self._key_store = key_store
        self._clock = clock

    def authenticate(self, config: TrustpointConfig) -> CertificateView:
        """Make the root, in place of the one that there is.

        Certificates that the new root could not have signed are removed with the old one. Raises KeyNotFoundError,
        KeyTooSmallError.
        """
        with self._database.transaction() as transaction:
            key = self._private_key(config.ca_keypair, transaction)
            root = build_root(config, key, self._next_serial(transaction), self._clock.now())
            for role, certificate in self._load(config.name, transaction).items():
                if role is not CertificateRole.CA and not _is_valid_under(certificate, root):
                    self._delete(config.name, role, transaction)
            purpose = self._signing_purpose(config.ca_keypair, transaction)
            return self._store(config.name, CertificateRole.CA, root, config.ca_keypair, purpose, transaction)

    def enroll(self, config: TrustpointConfig) -> list[CertificateView]:
        """Make the leaf under the root, in place of the one that there is; with RSA usage keys, the two leaves.

        Raises NotAuthenticatedError, KeyNotFoundError, KeyChangedError, KeyTooSmallError, RootNotValidError.
        """
        with self._database.transaction() as transaction:
            existing = self._load(config.name, transaction)
            root = existing.pop(CertificateRole.CA, None)
            if root is None:
                raise NotAuthenticatedError(config.name)
            root_key = self._private_key(config.ca_keypair, transaction)
            if not _is_key_of(root_key, root):
                raise KeyChangedError(config.name, "ca")
            pair = self._key_store.find(config.keypair.type, config.keypair.label, transaction)
            if pair is None:
                raise KeyNotFoundError(config.keypair.type.value, config.keypair.label)
            for role in existing:
                self._delete(config.name, role, transaction)
            made = []
            for purpose, public_key_der in pair.parts:
                role, allowed = _ROLES[purpose]
                usages = config.usages & allowed or _only_usage(purpose)
                public_key = load_der_public_key(public_key_der)
                leaf = build_leaf(
                    config,
                    public_key,  # type: ignore[arg-type] # only types of keys.py are stored
                    usages,
                    root,
                    root_key,
                    self._next_serial(transaction),
                    self._clock.now(),
                )
                made.append(self._store(config.name, role, leaf, config.keypair, purpose, transaction))
            return made

    def clear(self, name: str, transaction: Transaction | None = None) -> list[CertificateView]:
        """Remove the trustpoint's certificates, not its keys; what was removed, [] if there was nothing."""
        if transaction is None:
            with self._database.transaction() as own:
                return self.clear(name, own)
        removed = _views(self._load(name, transaction))
        transaction.execute("DELETE FROM certificates WHERE trustpoint = ?", (name,))
        return removed

    def certificates(self, name: str) -> list[CertificateView]:
        """The trustpoint's certificates, the root first."""
        return _views(self._load(name, None))

    def names(self) -> list[str]:
        """The trustpoints that have certificates, sorted."""
        rows = self._database.query("SELECT DISTINCT trustpoint FROM certificates ORDER BY trustpoint")
        return [row["trustpoint"] for row in rows]

    def signer(self, name: str) -> CertificateSigner:
        """Signs with the trustpoint's leaf; the chain is leaf, root.

        Raises NotEnrolledError, KeyNotFoundError (zeroized since), KeyChangedError (replaced since).
        """
        rows = self._database.query("SELECT * FROM certificates WHERE trustpoint = ?", (name,))
        by_role = {CertificateRole(row["role"]): row for row in rows}
        row = next((by_role[role] for role in _SIGNING_ROLES if role in by_role), None)
        if row is None:
            raise NotEnrolledError(name)
        key_type = KeyType(row["key_type"])
        key = self._key_store.private_key(key_type, row["key_label"])
        if not _is_key_of(key, x509.load_der_x509_certificate(row["der"])):
            raise KeyChangedError(name, "router")
        return CertificateSigner.of(key_type, key, (row["der"], by_role[CertificateRole.CA]["der"]))

    def _private_key(self, reference: KeyReference, transaction: Transaction) -> PrivateKey:
        return self._key_store.private_key(reference.type, reference.label, transaction=transaction)

    def _signing_purpose(self, reference: KeyReference, transaction: Transaction) -> KeyPurpose:
        pair = self._key_store.find(reference.type, reference.label, transaction)
        if pair is None:
            raise KeyNotFoundError(reference.type.value, reference.label)
        return pair.parts[0][0]

    def _next_serial(self, transaction: Transaction) -> int:
        start = _SERIAL_START + secrets.randbelow(_SERIAL_START)
        transaction.execute("INSERT OR IGNORE INTO certificate_serial (only_row, next) VALUES (1, ?)", (start,))
        serial = transaction.query("SELECT next FROM certificate_serial")[0]["next"]
        transaction.execute("UPDATE certificate_serial SET next = next + 1")
        return int(serial)

    def _load(self, name: str, transaction: Transaction | None) -> Certificates:
        rows = (transaction or self._database).query("SELECT role, der FROM certificates WHERE trustpoint = ?", (name,))
        return {CertificateRole(row["role"]): x509.load_der_x509_certificate(row["der"]) for row in rows}

    def _delete(self, name: str, role: CertificateRole, transaction: Transaction) -> None:
        transaction.execute("DELETE FROM certificates WHERE trustpoint = ? AND role = ?", (name, role.value))

    def _store(
        self,
        name: str,
        role: CertificateRole,
        certificate: x509.Certificate,
        key: KeyReference,
        purpose: KeyPurpose,
        transaction: Transaction,
    ) -> CertificateView:
        der = certificate.public_bytes(Encoding.DER)
        transaction.execute(
            "INSERT OR REPLACE INTO certificates (trustpoint, role, der, key_type, key_label, key_purpose, issued)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, role.value, der, key.type.value, key.label, purpose.value, self._clock.now().isoformat()),
        )
        return CertificateView.from_der(role, der)


def _views(certificates: Certificates) -> list[CertificateView]:
    return [
        CertificateView.from_der(role, certificates[role].public_bytes(Encoding.DER))
        for role in sorted(certificates, key=_ROLE_ORDER.__getitem__)
    ]


def _only_usage(purpose: KeyPurpose) -> frozenset[CertificateUsage]:
    """For usage keys, when the configured usages leave nothing to one of the two."""
    if purpose is KeyPurpose.ENCRYPTION:
        return frozenset({CertificateUsage.KEY_ENCIPHERMENT})
    return frozenset({CertificateUsage.DIGITAL_SIGNATURE})


def _is_key_of(key: PrivateKey, certificate: x509.Certificate) -> bool:
    encoding, form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form) == certificate.public_key().public_bytes(encoding, form)


def _is_valid_under(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return certificate.not_valid_after_utc <= root.not_valid_after_utc
