"""A certificate as it is shown: by `show crypto ca certificates`, and in operational data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from agent.pki.names import format_name


class CertificateRole(StrEnum):
    """What a certificate is to its trustpoint."""

    CA = "ca"
    ROUTER = "router"
    ROUTER_SIGNATURE = "router-signature"
    ROUTER_ENCRYPTION = "router-encryption"


#: The line "Key usage" of a router certificate.
KEY_USAGE_LINES: Final = {
    CertificateRole.ROUTER: "General Purpose",
    CertificateRole.ROUTER_SIGNATURE: "Signature",
    CertificateRole.ROUTER_ENCRYPTION: "Encryption",
}

#: Attribute of x509.KeyUsage -> name in RFC 5280 section 4.2.1.3, in the order of the bits.
_KEY_USAGE_NAMES: Final = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


@dataclass(frozen=True, slots=True)
class CertificateView:
    """The facts of one certificate.

    Attributes:
        role: what it is to its trustpoint.
        serial: the serial number; `serial_text` is how it is printed.
        subject, issuer: as `show` prints them (names.format_name).
        not_before, not_after: UTC.
        sha1_fingerprint, sha256_fingerprint: upper-case hex, no separators.
        key_usage: names of RFC 5280, in the order of the bits; empty when it does not say.
        crl_distribution_points: their URLs.
        der, pem: the certificate itself.
    """

    role: CertificateRole
    serial: int
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    sha1_fingerprint: str
    sha256_fingerprint: str
    key_usage: tuple[str, ...]
    crl_distribution_points: tuple[str, ...]
    der: bytes
    pem: str

    @property
    def serial_text(self) -> str:
        """Pairs of upper-case hex digits with colons between: 0B:62."""
        return self.serial.to_bytes(max(1, (self.serial.bit_length() + 7) // 8), "big").hex(":").upper()

    @classmethod
    def from_der(cls, role: CertificateRole, der: bytes) -> CertificateView:
        certificate = x509.load_der_x509_certificate(der)
        return cls(
            role=role,
            serial=certificate.serial_number,
            subject=format_name(certificate.subject),
            issuer=format_name(certificate.issuer),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            # A fingerprint names a certificate that we hold; the guide shows SHA-1.
            sha1_fingerprint=certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303
            sha256_fingerprint=certificate.fingerprint(hashes.SHA256()).hex().upper(),
            key_usage=_key_usage(certificate),
            crl_distribution_points=_distribution_points(certificate),
            der=der,
            pem=certificate.public_bytes(Encoding.PEM).decode(),
        )


def _key_usage(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ()
    return key_usage_names(usage)


def key_usage_names(usage: x509.KeyUsage) -> tuple[str, ...]:
    """The usages by their names in RFC 5280, in the order of the bits."""
    return tuple(name for attribute, name in _KEY_USAGE_NAMES.items() if getattr(usage, attribute))


def _distribution_points(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(
        name.value
        for point in points
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier)
    )
