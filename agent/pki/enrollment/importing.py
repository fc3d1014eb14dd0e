"""Certificates that come and go by hand: imported for a request, with their key as PKCS #12, brought back, cleared (the
guide: "Configure Certificate Enrollment Using Cut-and-Paste", "Regenerate the Certificate").
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.chain_errors import ChainError
from agent.pki.chains import check_validity, is_ca, order_chain, verify_issued, verify_links
from agent.pki.enrollment.context import Context
from agent.pki.enrollment.enrolling import Enrolling, changes_of
from agent.pki.enrollment.errors import (
    CertificateMismatchError,
    ExportNotAllowedError,
    NothingRequestedError,
    NothingToRestoreError,
    UsageKeysNotExportedError,
    WrongKeyTypeError,
)
from agent.pki.enrolment_errors import EnrolmentError
from agent.pki.enrolment_outcome import Granted, check_grant
from agent.pki.errors import KeyChangedError, NotEnrolledError
from agent.pki.kept_keys import KeySlot
from agent.pki.key_holders import is_held_by_tpm
from agent.pki.keys import PREDEFINED_LABELS
from agent.pki.pkcs12 import Pkcs12Contents, write_pkcs12
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT, KeyReference, TrustpointConfig
from agent.pki.trustpoint_store import (
    Slot,
    StoredCertificate,
    authority_certificates,
    is_issued_by,
    is_key_of,
    public_key_der,
)
from agent.storage.database import Transaction


class Importing:
    """Imports, exports, brings back and clears certificates. Any thread may call it."""

    def __init__(self, context: Context, enrolling: Enrolling) -> None:
        self._context = context
        self._enrolling = enrolling

    def certificate(self, config: TrustpointConfig, certificates: Sequence[x509.Certificate]) -> None:
        """Take the certificate for an open request from what was pasted; others beside it are left alone.

        Raises NothingRequestedError, CertificateMismatchError, and what Enrolling.complete raises.
        """
        name = config.name
        with self._context.changing(name) as change:
            enrollment = self._context.records.find(name, change.transaction)
            if enrollment is None:
                raise NothingRequestedError(name)
            issuer = self._issuer(name, change.transaction)
            allow_sha1 = config.allows_weak
            granted = []
            for request in enrollment.requests:
                found = self._grant(certificates, request.request, issuer, allow_sha1=allow_sha1)
                if found is not None:
                    der = found.certificate.public_bytes(Encoding.DER)
                    granted.append(StoredCertificate(request.role, der, key=config.keypair, changes=changes_of(found)))
            if not granted:
                raise CertificateMismatchError(
                    f"The certificate is for another key than the request of trustpoint {name}: nothing is imported."
                    " Import the one that was issued for the request."
                )
            self._enrolling.complete(config, granted, change.transaction)

    def pkcs12(self, config: TrustpointConfig, contents: Pkcs12Contents) -> None:
        """Put a key pair, its certificate and the chain above it into service.

        Raises WrongKeyTypeError, CertificateMismatchError, what chains.py raises for the chain, and what
        KeyStore.adopt and store_sealed raise.
        """
        name, reference = config.name, config.keypair
        new = self._context.key_store.adopt(contents.key, reference.label)
        if new.pair.type is not reference.type:
            raise WrongKeyTypeError(
                f"The PKCS #12 has a key of type {new.pair.type.value}, and trustpoint {name} names one of type"
                f" {reference.type.value}: change keypair/type."
            )
        now = self._context.clock.now()
        cas = [certificate for certificate in contents.others if is_ca(certificate)]
        chain = order_chain(cas, partial=True)
        verify_links(chain, now, allow_sha1=config.allows_weak)
        _check_usable(contents.certificate, chain[-1], now, allow_sha1=config.allows_weak)
        der = contents.certificate.public_bytes(Encoding.DER)
        stored = StoredCertificate(CertificateRole.ROUTER, der, key=reference)
        authority = authority_certificates(chain)
        with self._context.changing(name) as change:
            self._enrolling.forget(name, change.transaction)
            self._context.kept_keys.keep(name, new, change.transaction)
            self._context.kept_keys.put_into_service(name, change.transaction)
            views = self._context.store.trust(name, authority, change.transaction)
            views += self._context.store.install(name, [stored], change.transaction)
            self._context.discard_useless_keys(name, change.transaction)
            self._context.records.succeeded(name, change.transaction)
            self._context.tell_installed(name, views, [*authority, stored], change.transaction)

    def export(self, config: TrustpointConfig, password: str) -> bytes:
        """The key pair with its certificate and the chain above it, encrypted.

        Raises ExportNotAllowedError, UsageKeysNotExportedError, NotEnrolledError, KeyNotFoundError,
        KeyChangedError, and what write_pkcs12 raises.
        """
        name = config.name
        current = self._context.store.stored(name)
        own = next((stored for stored in current if stored.role is CertificateRole.ROUTER), None)
        if name == SYSTEM_TRUSTPOINT or self._is_of_the_system(config.keypair if own is None else own.key):
            raise ExportNotAllowedError(
                "The key of the system trustpoint says who this device is, and never leaves it. Export another"
                " trustpoint's, with another key pair."
            )
        if any(stored.role is CertificateRole.ROUTER_SIGNATURE for stored in current):
            raise UsageKeysNotExportedError(name)
        if own is None or own.key is None:
            raise NotEnrolledError(name)
        key = self._context.key_store.private_key(own.key.type, own.key.label)
        if not is_key_of(key, own.certificate):
            raise KeyChangedError(name, "router")
        if is_held_by_tpm(key):
            raise ExportNotAllowedError(
                "The private part of this key pair is in the TPM, which never gives it away. Enroll with a key pair"
                " that the agent holds (held-by software) if it must be exported."
            )
        others = [stored.certificate for stored in current if stored.role is CertificateRole.CA]
        return write_pkcs12(name, key, own.certificate, others, password)

    def restore(self, config: TrustpointConfig) -> None:
        """The device's previous certificates, and the keys that were exchanged with them, change places with those in
        service. Raises NothingToRestoreError, and what KeyStore.store_sealed raises."""
        name, context = config.name, self._context
        with context.changing(name) as change:
            transaction = change.transaction
            previous = context.store.stored(name, Slot.PREVIOUS, transaction)
            if not previous:
                raise NothingToRestoreError(f"Trustpoint {name} has no previous certificates to go back to.")
            issuer = self._issuer(name, transaction)
            for stored in previous:
                try:
                    check_validity(stored.certificate, context.clock.now())
                except ChainError as error:
                    text = f"The previous certificates can't be used any more. {error.message}"
                    raise NothingToRestoreError(text) from error
                if not is_issued_by(stored.certificate, issuer):
                    raise NothingToRestoreError("The previous certificates are of another certification authority.")
            context.kept_keys.bring_back(name, transaction)
            if not context.has_keys_of(previous, transaction):
                raise NothingToRestoreError(
                    "The key pair of the previous certificates is not there any more: enroll again instead."
                )
            context.store.remove(name, Slot.PREVIOUS, transaction)
            views = context.store.install(name, previous, transaction)
            self._enrolling.forget(name, change.transaction)
            context.records.succeeded(name, transaction)
            context.tell_installed(name, views, previous, transaction)

    def clear(self, name: str) -> list[CertificateView]:
        """Remove everything but the key pairs in service; the certificates that were in service."""
        with self._context.changing(name) as change:
            return self.remove(name, change.transaction)

    def remove(self, name: str, transaction: Transaction) -> list[CertificateView]:
        """The same as a part of something else."""
        removed = self._context.store.clear(name, transaction)
        self._enrolling.forget(name, transaction)
        self._context.kept_keys.discard(name, KeySlot.PREVIOUS, transaction)
        self._context.records.forget(name, transaction)
        return removed

    def _is_of_the_system(self, key: KeyReference | None) -> bool:
        """Whether the system trustpoint signs with this key pair, or is there to do so: other trustpoints may name it
        as well."""
        if key is None:
            return False
        system = self._context.configs.find(SYSTEM_TRUSTPOINT)
        named = set() if system is None else {system.keypair, system.ca_keypair}
        used = {stored.key for stored in self._context.store.stored(SYSTEM_TRUSTPOINT)}
        return key in named | used or key.label in PREDEFINED_LABELS

    def _issuer(self, name: str, transaction: Transaction) -> x509.Certificate:
        current = self._context.store.stored(name, Slot.CURRENT, transaction)
        return next(stored.certificate for stored in current if stored.role is CertificateRole.CA)

    def _grant(
        self, certificates: Sequence[x509.Certificate], request: bytes, issuer: x509.Certificate, *, allow_sha1: bool
    ) -> Granted | None:
        """The certificate for a request, if there is one. Raises CertificateMismatchError if it is of no use."""
        wanted = public_key_der(x509.load_der_x509_csr(request).public_key())
        if not any(public_key_der(certificate.public_key()) == wanted for certificate in certificates):
            return None
        try:
            found = check_grant(certificates, request, issuer, allow_sha1=allow_sha1)
        except EnrolmentError as error:
            raise CertificateMismatchError(error.message) from error
        _check_usable(found.certificate, issuer, self._context.clock.now(), allow_sha1=allow_sha1)
        return found


def _check_usable(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, *, allow_sha1: bool) -> None:
    try:
        verify_issued(certificate, issuer, allow_sha1=allow_sha1)
        check_validity(certificate, now)
    except ChainError as error:
        raise CertificateMismatchError(f"The certificate can't be used. {error.message}") from error
