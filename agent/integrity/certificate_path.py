"""Does a signer's certificate chain to a trust anchor? RFC 5280 section 6, as far as a system trustpoint needs it.

The chain is the one in the envelope, in its order: nothing is fetched, nothing is reordered, and every certificate in
it must have its place. A trust anchor is trusted as it stands: only its name, key and validity matter. Extensions that
are critical and unknown here, and name constraints, make a chain untrusted. Revocation is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)

_KNOWN_EXTENSIONS = frozenset(
    {
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
        x509.SubjectAlternativeName.oid,
        x509.SubjectKeyIdentifier.oid,
        x509.AuthorityKeyIdentifier.oid,
    }
)
#: What reading a malformed or exotic certificate may raise.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class PathFault(Enum):
    """What is wrong with a chain."""

    UNREADABLE = "a certificate can't be read"
    UNTRUSTED = "the chain does not lead to the trust anchor"
    WRONG_USAGE = "the key usage of the signing certificate does not allow signing data"
    NOT_YET_VALID = "a certificate is not valid yet"
    EXPIRED = "a certificate has expired"


@dataclass(frozen=True, slots=True)
class PathResult:
    """The signer's certificate (None if it can't be read), and all that is wrong with its chain, worst first."""

    leaf: x509.Certificate | None
    faults: tuple[PathFault, ...]


def load_anchors(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM text; raises ValueError if there is none or one can't be read."""
    try:
        return [_fully_parsed(certificate) for certificate in x509.load_pem_x509_certificates(pem)]
    except _UNREADABLE:
        raise ValueError("the trust anchor is not a PEM file of certificates") from None


def check_path(chain: Sequence[bytes], anchors: Sequence[x509.Certificate], at: datetime) -> PathResult:
    """Judge `chain` (DER, the signer's certificate first; not empty) at the moment `at`."""
    try:
        certificates = [_fully_parsed(x509.load_der_x509_certificate(der)) for der in chain]
    except _UNREADABLE:
        return PathResult(None, (PathFault.UNREADABLE,))
    leaf = certificates[0]
    faults: list[PathFault] = []
    path = _path_to_anchor(certificates, anchors)
    if path is None:
        faults.append(PathFault.UNTRUSTED)
    usage = _extension(leaf, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        faults.append(PathFault.WRONG_USAGE)
    dated = certificates if path is None else path
    if any(at < certificate.not_valid_before_utc for certificate in dated):
        faults.append(PathFault.NOT_YET_VALID)
    if any(at > certificate.not_valid_after_utc for certificate in dated):
        faults.append(PathFault.EXPIRED)
    return PathResult(leaf, tuple(faults))


def _fully_parsed(certificate: x509.Certificate) -> x509.Certificate:
    """The same certificate; what is malformed in it raises here and not later (parts are parsed when asked for)."""
    certificate.public_key()
    _ = (certificate.serial_number, certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    for name in (certificate.subject, certificate.issuer):
        name.rfc4514_string()
    list(certificate.extensions)
    # The count of unused bits before the signature is not under the signature, and the parser takes 1 for 0 if that bit
    # is 0. Signatures are whole bytes: refuse anything else, so that a certificate has one text only.
    signature = certificate.signature
    der = certificate.public_bytes(serialization.Encoding.DER)
    if not der.endswith(b"\0" + signature):
        raise ValueError("the signature is not a whole number of bytes")
    return certificate


def _path_to_anchor(
    certificates: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate]
) -> list[x509.Certificate] | None:
    """The given certificates up to and with an anchor, or None."""
    path = list(certificates)
    if path[-1] not in anchors:
        anchor = next((anchor for anchor in anchors if _issued(anchor, path[-1])), None)
        if anchor is None:
            return None
        path.append(anchor)
    for below, certificate in enumerate(path[1:]):
        # The number of authorities between this one and the leaf is what pathLenConstraint limits.
        if not _is_authority(certificate, below) or not _issued(certificate, path[below]):
            return None
    if any(not _is_understood(certificate) for certificate in path[:-1]):
        return None
    return path


def _issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate, below: int) -> bool:
    basic = _extension(certificate, x509.BasicConstraints)
    usage = _extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca or (usage is not None and not usage.key_cert_sign):
        return False
    return basic.path_length is None or below <= basic.path_length


def _is_understood(certificate: x509.Certificate) -> bool:
    return all(not extension.critical or extension.oid in _KNOWN_EXTENSIONS for extension in certificate.extensions)


def _extension(certificate: x509.Certificate, kind: type[ExtensionT]) -> ExtensionT | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
