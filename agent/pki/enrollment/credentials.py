"""Keys and certificates by which a trustpoint asks: those of the request, and those that prove who asks.

Reading private keys is not for an event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from agent.pki.certificates import CertificateRole
from agent.pki.chain_errors import ChainError
from agent.pki.chains import check_validity
from agent.pki.enrollment.context import Context
from agent.pki.enrollment.errors import KeyPairSharedError
from agent.pki.enrollment.orders import Holder, Order
from agent.pki.enrollment.records import CertificateRequest, Enrollment
from agent.pki.errors import KeyChangedError, KeyNotFoundError
from agent.pki.kept_keys import KeySlot
from agent.pki.key_holders import is_held_by_tpm
from agent.pki.key_store import NewKeyPair
from agent.pki.keys import KeyPurpose, PrivateKey
from agent.pki.scep.messages import MessageSigner
from agent.pki.trustpoint import EnrollmentMethod, TrustpointConfig
from agent.pki.trustpoint_store import StoredCertificate, is_key_of

#: The keys that can prove who asks: SCEP is made for RSA, and TLS has no DSA any more.
_HOLDING_KEYS: Final = {
    EnrollmentMethod.SCEP: (rsa.RSAPrivateKey,),
    EnrollmentMethod.EST: (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey),
}


class Credentials:
    """Of all trustpoints. Any thread may call it."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def new_pair(self, config: TrustpointConfig) -> NewKeyPair:
        """A new key pair like the one that the trustpoint has now, which must not serve others too.

        Raises KeyPairSharedError, KeyNotFoundError, and as KeyStore.make does.
        """
        others = [name for name in self._context.store.names_with_key(config.keypair) if name != config.name]
        if others:
            raise KeyPairSharedError(config.name, others)
        pair = self._context.key_store.find(config.keypair.type, config.keypair.label)
        if pair is None:
            raise KeyNotFoundError(config.keypair.type.value, config.keypair.label)
        return self._context.key_store.make(
            pair.type, pair.label, size=pair.size, usage=pair.usage, held_by=pair.held_by
        )

    def keys_in_service(self, config: TrustpointConfig) -> list[tuple[KeyPurpose, PrivateKey]]:
        """The keys that a request is for, with their purposes. Raises KeyNotFoundError."""
        store, reference = self._context.key_store, config.keypair
        pair = store.find(reference.type, reference.label)
        if pair is None:
            raise KeyNotFoundError(reference.type.value, reference.label)
        return [
            (purpose, store.private_key(reference.type, reference.label, purpose=purpose)) for purpose, _ in pair.parts
        ]

    def holder(self, config: TrustpointConfig, current: Sequence[StoredCertificate]) -> Holder | None:
        """The certificate that can prove who asks for another one: general-purpose, valid, and with its key."""
        own = next((stored for stored in current if stored.role is CertificateRole.ROUTER), None)
        if own is None or own.key is None:
            return None
        try:
            check_validity(own.certificate, self._context.clock.now())
            key = self._context.key_store.private_key(own.key.type, own.key.label)
        except (ChainError, KeyNotFoundError):
            return None
        # TLS takes keys that it can see.
        is_unseen = config.method is EnrollmentMethod.EST and is_held_by_tpm(key)
        if not isinstance(key, _HOLDING_KEYS[config.method]) or is_unseen:
            return None
        return Holder(key, own.certificate) if is_key_of(key, own.certificate) else None

    def order_again(self, config: TrustpointConfig, enrollment: Enrollment, record: CertificateRequest) -> Order:
        """The order of a request that was sent before, maybe by an earlier process.

        Raises KeyNotFoundError, KeyChangedError.
        """
        holder = self.holder(config, self._context.store.stored(config.name)) if enrollment.renewal else None
        if record.signer is None:
            return Order(record, record.request, holder)
        if record.signer_key is not None:
            return Order(record, record.request, holder, MessageSigner.restore(record.signer_key, record.signer))
        signer = MessageSigner.holder(self._signing_key(config, enrollment, record, record.signer), record.signer)
        return Order(record, record.request, holder, signer)

    def _signing_key(
        self, config: TrustpointConfig, enrollment: Enrollment, record: CertificateRequest, signer: bytes
    ) -> PrivateKey:
        """The key of a request's signer: of a renewal the one in service, else the one that the request is for.

        Raises KeyNotFoundError, KeyChangedError.
        """
        name, reference = config.name, config.keypair
        incoming = self._context.kept_keys.private_key(name, KeySlot.INCOMING, record.purpose)
        if incoming is not None and not enrollment.renewal:
            return incoming
        key = self._context.key_store.private_key(reference.type, reference.label, purpose=record.purpose)
        if not is_key_of(key, x509.load_der_x509_certificate(signer)):
            raise KeyChangedError(name, "router")
        return key
