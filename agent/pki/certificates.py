"""A certificate as it is shown: by `show crypto ca certificates`, and in operational data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.pki.alternative_names import format_alternative_name
from agent.pki.fingerprints import sha1_text, sha256_text
from agent.pki.names import format_name

#: Certificates that are read once and shown again and again.
VIEWS_REMEMBERED: Final = 2048


class CertificateRole(StrEnum):
    """What a certificate is to its trustpoint."""

    CA = "ca"
    RA = "ra"
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

#: Purpose -> name in RFC 5280 section 4.2.1.12, RFC 4945 and RFC 4556.
_EXTENDED_KEY_USAGE_NAMES: Final = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.IPSEC_IKE: "ipsecIKE",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "anyExtendedKeyUsage",
}

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


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
        crl_distribution_points: where its CRLs are: URLs (http, ldap), and names of directory entries as `show` prints
            names; in the order of the certificate.
        der, pem: the certificate itself.
        extended_key_usage: names of RFC 5280, object identifiers of those that have none; empty when it does not say.
        subject_alternative_names: each with its kind in front, as alternative_names.py prints them.
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
    extended_key_usage: tuple[str, ...] = ()
    subject_alternative_names: tuple[str, ...] = ()

    @property
    def serial_text(self) -> str:
        """Pairs of upper-case hex digits with colons between: 0B:62."""
        if self.serial < 0:
            # Which RFC 5280 forbids, and some have: as it is in the certificate.
            return self.serial.to_bytes(self.serial.bit_length() // 8 + 1, "big", signed=True).hex(":").upper()
        return self.serial.to_bytes(max(1, (self.serial.bit_length() + 7) // 8), "big").hex(":").upper()

    @classmethod
    @lru_cache(maxsize=VIEWS_REMEMBERED)
    def from_der(cls, role: CertificateRole, der: bytes) -> CertificateView:
        """The view of a certificate whose extensions can be read (chains.py, certificate_texts.py)."""
        certificate = x509.load_der_x509_certificate(der)
        return cls(
            role=role,
            serial=certificate.serial_number,
            subject=_visible(format_name(certificate.subject)),
            issuer=_visible(format_name(certificate.issuer)),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            sha1_fingerprint=sha1_text(der),
            sha256_fingerprint=sha256_text(der),
            key_usage=_key_usage(certificate),
            crl_distribution_points=_distribution_points(certificate),
            der=der,
            pem=certificate.public_bytes(Encoding.PEM).decode(),
            extended_key_usage=_extended_key_usage(certificate),
            subject_alternative_names=_alternative_names(certificate),
        )


@dataclass(frozen=True, slots=True)
class RequestView:
    """A certificate of the router that was requested, and is not there yet.

    Attributes:
        role: what it will be to its trustpoint.
        subject: that of the request, as `show` prints it.
        fingerprint: MD5 of the request, for the CA's administrator to compare (fingerprints.md5_groups).
    """

    role: CertificateRole
    subject: str
    fingerprint: str

    @classmethod
    def from_der(cls, role: CertificateRole, der: bytes, fingerprint: str) -> RequestView:
        """The view of a request of this device, PKCS #10 in DER."""
        return cls(role, _visible(format_name(x509.load_der_x509_csr(der).subject)), fingerprint)


def key_usage_names(usage: x509.KeyUsage) -> tuple[str, ...]:
    """The usages by their names in RFC 5280, in the order of the bits."""
    return tuple(name for attribute, name in _KEY_USAGE_NAMES.items() if getattr(usage, attribute))


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _key_usage(certificate: x509.Certificate) -> tuple[str, ...]:
    usage = _extension(certificate, x509.KeyUsage)
    return () if usage is None else key_usage_names(usage)


def _extended_key_usage(certificate: x509.Certificate) -> tuple[str, ...]:
    usage = _extension(certificate, x509.ExtendedKeyUsage)
    return tuple(_EXTENDED_KEY_USAGE_NAMES.get(purpose, purpose.dotted_string) for purpose in usage or ())


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    names = _extension(certificate, x509.SubjectAlternativeName)
    return tuple(_visible(format_alternative_name(name)) for name in names or ())


def _distribution_points(certificate: x509.Certificate) -> tuple[str, ...]:
    points = _extension(certificate, x509.CRLDistributionPoints)
    return tuple(_visible(place) for point in points or () for place in _places(point, certificate.issuer))


def _places(point: x509.DistributionPoint, issuer: x509.Name) -> Iterator[str]:
    """The places of one distribution point (RFC 5280 section 4.2.1.13): all have the same CRL."""
    for name in point.full_name or ():
        if isinstance(name, x509.UniformResourceIdentifier):
            yield name.value
        elif isinstance(name, x509.DirectoryName):
            yield format_name(name.value)
    if point.relative_name is not None:
        above = next((n.value for n in point.crl_issuer or () if isinstance(n, x509.DirectoryName)), issuer)
        yield format_name(x509.Name([*above.rdns, point.relative_name]))


def _visible(text: str) -> str:
    """What strangers wrote, without the characters that a terminal obeys or XML has not."""
    return "".join(character if character.isprintable() else "?" for character in text)
