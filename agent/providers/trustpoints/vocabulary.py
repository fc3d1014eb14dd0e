"""Certificates in the words of trustconf-trustpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from agent.clock import yang_date_and_time
from agent.northbound.contract import Record
from agent.pki.certificates import CertificateRole, CertificateView


def enrollment_state(certificates: Iterable[CertificateView]) -> str:
    """How far a trustpoint with these certificates has come."""
    roles = {certificate.role for certificate in certificates}
    if CertificateRole.CA not in roles:
        return "not-authenticated"
    return "authenticated" if roles == {CertificateRole.CA} else "enrolled"


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


def certificate_status(certificate: CertificateView, now: datetime) -> str:
    """Whether the certificate can be used at `now`."""
    if now < certificate.not_before:
        return "not-yet-valid"
    return "expired" if now > certificate.not_after else "available"
