"""Certificates and enrollments in the words of trustconf-trustpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.enrollment.context import Context
from agent.pki.enrollment.records import CertificateRequest, Enrollment
from agent.pki.trustpoint import SYSTEM_TRUSTPOINT, EnrollmentMethod
from agent.pki.trustpoint_store import Slot

#: Trustpoint -> the services of the device that use it.
_SERVICES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {SYSTEM_TRUSTPOINT: ("signatures of dossiers and of utility sign",)}
)


def services_using(trustpoint: str) -> tuple[str, ...]:
    """The services that use the trustpoint's certificates."""
    return _SERVICES.get(trustpoint, ())


def certificate_facts(certificate: CertificateView) -> Record:
    """grouping certificate-facts."""
    return {
        "serial-number": certificate.serial_text,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "valid-from": yang_date_and_time(certificate.not_before),
        "valid-to": yang_date_and_time(certificate.not_after),
        "sha1-fingerprint": certificate.sha1_fingerprint,
        "sha256-fingerprint": certificate.sha256_fingerprint,
    }


def certificate_entries(certificates: Iterable[CertificateView]) -> Iterator[tuple[CertificateView, Record]]:
    """Each certificate with the list entry that tells its facts: role, position among those of the role, facts."""
    positions: Counter[CertificateRole] = Counter()
    for certificate in certificates:
        position = positions[certificate.role]
        positions[certificate.role] += 1
        yield (
            certificate,
            {
                "role": certificate.role.value,
                "position": position,
                **certificate_facts(certificate),
            },
        )


def offered_entries(certificates: Iterable[CertificateView]) -> Iterator[Record]:
    """The chain among certificates as list entries: position, facts."""
    chain = (certificate for certificate in certificates if certificate.role is CertificateRole.CA)
    for position, certificate in enumerate(chain):
        yield {"position": position, **certificate_facts(certificate)}


def certificate_status(certificate: CertificateView, now: datetime) -> str:
    """Whether the certificate can be used at `now`."""
    if now < certificate.not_before:
        return "not-yet-valid"
    return "expired" if now > certificate.not_after else "available"


def request_under_way(context: Context, name: str) -> Record | None:
    """grouping request-facts of a trustpoint's enrollment, None if none is under way."""
    enrollment = context.records.find(name)
    if enrollment is None:
        return None
    granted = {stored.role for stored in context.store.stored(name, Slot.GRANTED)}
    return _request_facts(enrollment, granted, context.attempts_allowed(name))


def _request_facts(
    enrollment: Enrollment, granted: Collection[CertificateRole], attempts_allowed: int | None
) -> Record:
    """grouping request-facts. `granted`: the roles whose certificates are there already."""
    by_hand = enrollment.method is EnrollmentMethod.TERMINAL
    record: Record = {
        "method": enrollment.method.value,
        "started": yang_date_and_time(enrollment.started),
        "certificate-request": [
            _certificate_request(request, request.role in granted, by_hand=by_hand) for request in enrollment.requests
        ],
    }
    if attempts_allowed is not None:
        record |= {"attempts": enrollment.attempts, "attempts-allowed": attempts_allowed}
    if enrollment.next_attempt is not None:
        record["next-attempt"] = yang_date_and_time(enrollment.next_attempt)
    return record


def _certificate_request(request: CertificateRequest, granted: bool, *, by_hand: bool) -> Record:
    record: Record = {
        "role": request.role.value,
        "granted": granted,
        "md5-fingerprint": request.md5,
        "sha256-fingerprint": request.sha256,
    }
    if request.signer is not None:
        record["transaction-id"] = request.transaction_id
    if by_hand:
        record["pem"] = x509.load_der_x509_csr(request.request).public_bytes(Encoding.PEM).decode()
    return record
