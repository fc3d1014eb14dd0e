"""Certification requests: PKCS #10 (RFC 2986) with the attributes of RFC 2985 and the extensions of RFC 5280.

A request is signed by the key that it is for, of any type, and by the algorithm that the key's type has in signer.py
unless the trustpoint wants another digest. A challenge password is in the request and nowhere else: whoever holds one
holds the password.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import AttributeOID

from agent.pki.certificate_parts import key_usage_extension, signing_digest
from agent.pki.errors import PkiError
from agent.pki.keys import PrivateKey
from agent.pki.trustpoint import CertificateUsage, MessageDigest

#: Characters of a challenge password (RFC 2985 section 5.4.1, pkcs-9-ub-challengePassword).
CHALLENGE_MAX_LENGTH: Final = 255
#: PrintableString, which RFC 2985 section 5.4.1 wants where it is enough.
_PRINTABLE: Final = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]+")
_CURVE_DIGESTS: Final[dict[str, MessageDigest]] = {
    "secp384r1": MessageDigest.SHA384,
    "secp521r1": MessageDigest.SHA512,
}


class InvalidRequestError(PkiError):
    """There is no request for such a certificate."""


class InvalidChallengeError(InvalidRequestError):
    """The challenge password can't be in a request. It is never repeated."""

    def __init__(self) -> None:
        super().__init__(f"A challenge password has at most {CHALLENGE_MAX_LENGTH} printable characters.")


@dataclass(frozen=True, slots=True)
class RequestedCertificate:
    """What a request asks for.

    Attributes:
        subject: attributes in the order of the certificate; may be empty if there is an alternative name.
        alternative_names: the subjectAltName, none if empty.
        key_usages: the keyUsage, none if empty; critical.
        extended_key_usages: the extendedKeyUsage, none if empty.
        challenge_password: the challengePassword attribute, none if empty. Never shown.
    """

    subject: x509.Name
    alternative_names: Sequence[x509.GeneralName] = ()
    key_usages: Collection[CertificateUsage] = ()
    extended_key_usages: Sequence[x509.ObjectIdentifier] = ()
    challenge_password: str = field(default="", repr=False)


def build_request(wanted: RequestedCertificate, key: PrivateKey, digest: MessageDigest | None = None) -> bytes:
    """The request in DER, signed by `key`; `digest` None is the one that suits the key.

    Raises InvalidRequestError for what can't be asked for, DigestNotSupportedError, KeyTooSmallError.
    """
    if not list(wanted.subject) and not wanted.alternative_names:
        raise InvalidRequestError("A certificate needs a subject name or an alternative name; set subject-name.")
    builder = x509.CertificateSigningRequestBuilder().subject_name(wanted.subject)
    if wanted.challenge_password:
        value, encoding = _challenge(wanted.challenge_password)
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, value, _tag=encoding)
    if wanted.key_usages:
        builder = builder.add_extension(key_usage_extension(wanted.key_usages), critical=True)
    if wanted.extended_key_usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(wanted.extended_key_usages), critical=False)
    if wanted.alternative_names:
        # RFC 5280 section 4.2.1.6: critical when the subject is empty.
        critical = not list(wanted.subject)
        builder = builder.add_extension(x509.SubjectAlternativeName(wanted.alternative_names), critical=critical)
    return builder.sign(key, signing_digest(digest or _default_digest(key), key)).public_bytes(Encoding.DER)


def _challenge(password: str) -> tuple[bytes, _ASN1Type]:
    if len(password) > CHALLENGE_MAX_LENGTH or not password.isprintable():
        raise InvalidChallengeError
    encoding = _ASN1Type.PrintableString if _PRINTABLE.fullmatch(password) else _ASN1Type.UTF8String
    return password.encode(), encoding


def _default_digest(key: PrivateKey) -> MessageDigest:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _CURVE_DIGESTS.get(key.curve.name, MessageDigest.SHA256)
    return MessageDigest.SHA256
