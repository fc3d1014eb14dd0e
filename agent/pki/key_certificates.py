"""Which certificates there are for which key: the trustpoints' certificates, seen from the keys of the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.pki.certificate_bags import write_certificate_bag
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.chains import path_to_top


class Trustpoints(Protocol):
    """What is needed of the trustpoints: those that have certificates, and the certificates of each."""

    def names(self) -> list[str]: ...

    def certificates(self, name: str) -> Sequence[CertificateView]: ...


@dataclass(frozen=True, slots=True)
class KeyCertificate:
    """A certificate that a trustpoint has.

    Attributes:
        trustpoint: its name.
        role: what the certificate is to it.
        certificate: the certificate itself.
        authorities: the CA certificates of the trustpoint.
    """

    trustpoint: str
    role: CertificateRole
    certificate: x509.Certificate
    authorities: tuple[x509.Certificate, ...]

    def bag(self) -> bytes:
        """A PKCS #7 bag of the certificate and its chain, and nothing else. Raises UnreadableCertificateError."""
        return write_certificate_bag(path_to_top(self.certificate, self.authorities))


def certificates_by_key(trustpoints: Trustpoints) -> dict[bytes, list[KeyCertificate]]:
    """SubjectPublicKeyInfo -> the certificates for that key, by trustpoint and role. Keys of others are among them."""
    found: dict[bytes, list[KeyCertificate]] = {}
    for name in trustpoints.names():
        loaded = [(view.role, x509.load_der_x509_certificate(view.der)) for view in trustpoints.certificates(name)]
        authorities = tuple(certificate for role, certificate in loaded if role is CertificateRole.CA)
        for role, certificate in loaded:
            public_key = _public_key(certificate)
            if public_key is not None:
                found.setdefault(public_key, []).append(KeyCertificate(name, role, certificate, authorities))
    return found


def _public_key(certificate: x509.Certificate) -> bytes | None:
    """The SubjectPublicKeyInfo; None for a key that the library doesn't know, which can't be the device's."""
    try:
        return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return None
