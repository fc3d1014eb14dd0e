"""`enrollment self`: the device is its own certification authority (the guide: "Generate Root and Leaf Certificates").

Authenticating makes the root, enrolling makes the leaf under it; each is one transaction. The leaf's key pair can be
replaced and the trustpoint enrolled again under the same root; when the root's key pair is replaced, the trustpoint
must be authenticated again.

Serial numbers count up from a random start and are never used twice on this device: RFC 5280 section 4.1.2.2 wants them
unique for an issuer, and a device whose state was lost, but not its name, is the same issuer to others. They are
positive and have eight bytes.
"""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key

from agent.clock import Clock
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.errors import KeyChangedError, KeyNotFoundError, NotAuthenticatedError
from agent.pki.key_store import KeyStore
from agent.pki.keys import PrivateKey
from agent.pki.self_enrollment import build_leaf, build_root
from agent.pki.trustpoint import KeyReference, TrustpointConfig
from agent.pki.trustpoint_store import (
    ROLES,
    Slot,
    StoredCertificate,
    TrustpointStore,
    authority_certificates,
    is_key_of,
)
from agent.storage.database import Database, Transaction

#: Serial numbers start here or up to as much again higher: eight bytes, with room to count and the sign bit clear.
_SERIAL_START: Final = 1 << 61


class SelfAuthority:
    """Makes the certificates. Safe to use from any number of threads."""

    def __init__(self, database: Database, key_store: KeyStore, store: TrustpointStore, clock: Clock) -> None:
        self._database = database
        self._key_store = key_store
        self._store = store
        self._clock = clock

    def authenticate(self, config: TrustpointConfig, transaction: Transaction | None = None) -> CertificateView:
        """Make the root, in place of the one that there is.

        Certificates that the new root could not have signed are removed with the old one. Raises KeyNotFoundError,
        KeyTooSmallError.
        """
        if transaction is None:
            with self._database.transaction() as own:
                return self.authenticate(config, own)
        key = self._root_key(config, transaction)
        root = build_root(config, key, self._next_serial(transaction), self._clock.now())
        stored = authority_certificates((root,), key=config.ca_keypair)
        return self._store.trust(config.name, stored, transaction)[0]

    def enroll(self, config: TrustpointConfig, transaction: Transaction | None = None) -> list[CertificateView]:
        """Make the leaf under the root, in place of the one that there is; with RSA usage keys, the two leaves.

        Raises NotAuthenticatedError, KeyNotFoundError, KeyChangedError, KeyTooSmallError, RootNotValidError.
        """
        if transaction is None:
            with self._database.transaction() as own:
                return self.enroll(config, own)
        current = self._store.stored(config.name, Slot.CURRENT, transaction)
        root = next((stored.certificate for stored in current if stored.role is CertificateRole.CA), None)
        if root is None:
            raise NotAuthenticatedError(config.name)
        root_key = self._root_key(config, transaction)
        if not is_key_of(root_key, root):
            raise KeyChangedError(config.name, "ca")
        pair = self._key_store.find(config.keypair.type, config.keypair.label, transaction)
        if pair is None:
            raise KeyNotFoundError(config.keypair.type.value, config.keypair.label)
        made = []
        for purpose, public_key_der in pair.parts:
            public_key = load_der_public_key(public_key_der)
            leaf = build_leaf(
                config,
                public_key,  # type: ignore[arg-type] # only types of keys.py are stored
                config.usages_of(purpose),
                root,
                root_key,
                self._next_serial(transaction),
                self._clock.now(),
            )
            der = leaf.public_bytes(Encoding.DER)
            made.append(StoredCertificate(ROLES[purpose], der, key=config.keypair))
        return self._store.install(config.name, made, transaction)

    def _root_key(self, config: TrustpointConfig, transaction: Transaction) -> PrivateKey:
        reference: KeyReference | None = config.ca_keypair
        assert reference is not None, "TrustpointConfig demands it"
        return self._key_store.private_key(reference.type, reference.label, transaction=transaction)

    def _next_serial(self, transaction: Transaction) -> int:
        start = _SERIAL_START + secrets.randbelow(_SERIAL_START)
        transaction.execute("INSERT OR IGNORE INTO certificate_serial (only_row, next) VALUES (1, ?)", (start,))
        serial = transaction.query("SELECT next FROM certificate_serial")[0]["next"]
        transaction.execute("UPDATE certificate_serial SET next = next + 1")
        return int(serial)
