"""Certification requests that somebody else has written and a key of the device signs (RFC 2986 section 4.1).

What is signed is exactly what was given. It is signed only if it is a CertificationRequestInfo in DER that can be read
to the end and asks for a certificate for the very key that signs: a key must not sign what somebody may take for
anything else. What is asked for besides is between the requester and the CA, which is asked.
"""

from __future__ import annotations

from typing import Final

from asn1crypto import algos, core, csr
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.pki.errors import PkiError
from agent.pki.keys import KeyType, PrivateKey
from agent.pki.signer import sign

#: Bytes of a CertificationRequestInfo. The largest RSA key takes 550 of them; the rest is for names and extensions.
MAX_REQUEST_INFO: Final = 16 * 1024

#: How signer.py signs, by asn1crypto's names.
_ALGORITHMS: Final = {
    KeyType.RSA: "sha256_rsa",
    KeyType.DSA: "sha256_dsa",
    KeyType.ECDSA_NISTP256: "sha256_ecdsa",
    KeyType.ECDSA_NISTP384: "sha384_ecdsa",
    KeyType.ECDSA_NISTP521: "sha512_ecdsa",
    KeyType.ED25519: "ed25519",
}


class InvalidRequestInfoError(PkiError):
    """What is to be signed is no CertificationRequestInfo."""


class RequestForAnotherKeyError(PkiError):
    """The public key in a CertificationRequestInfo is not that of the key that is to sign it."""

    def __init__(self) -> None:
        super().__init__(
            "The request is for another public key than that of the key pair that is to sign it. Read the public key of"
            " the key pair, and put it into the request as it is."
        )


def sign_request_info(info: bytes, key_type: KeyType, key: PrivateKey) -> bytes:
    """The PKCS #10 request in DER: `info`, a CertificationRequestInfo, signed by `key`.

    Raises InvalidRequestInfoError, RequestForAnotherKeyError.
    """
    if len(info) > MAX_REQUEST_INFO:
        raise InvalidRequestInfoError(
            f"A CertificationRequestInfo may have {MAX_REQUEST_INFO} bytes; this one has {len(info)}."
        )
    # The library reads whole requests only: this one has no signature yet.
    request = _read(_request(info, key_type, b""))
    if request.tbs_certrequest_bytes != info:
        raise _not_one()
    encoding, form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if request.public_key().public_bytes(encoding, form) != key.public_key().public_bytes(encoding, form):
        raise RequestForAnotherKeyError
    return _request(info, key_type, sign(key, info))


def _request(info: bytes, key_type: KeyType, signature: bytes) -> bytes:
    algorithm = algos.SignedDigestAlgorithm({"algorithm": _ALGORITHMS[key_type]})
    if key_type is KeyType.RSA:
        algorithm["parameters"] = core.Null()
    try:
        content = csr.CertificationRequestInfo.load(info, strict=True)
        return bytes(
            csr.CertificationRequest(
                {"certification_request_info": content, "signature_algorithm": algorithm, "signature": signature}
            ).dump()
        )
    except (ValueError, TypeError) as error:
        raise _not_one() from error


def _read(request: bytes) -> x509.CertificateSigningRequest:
    try:
        read = x509.load_der_x509_csr(request)
        # The library reads these when they are first asked for: now, while its failures are expected.
        _ = read.subject, read.extensions, read.public_key()
    except Exception as error:
        # On hostile bytes it raises whatever its code happens to run into.
        raise _not_one() from error
    return read


def _not_one() -> InvalidRequestInfoError:
    return InvalidRequestInfoError(
        "This is no CertificationRequestInfo in DER (RFC 2986 section 4.1) that can be read to the end. It is what is"
        " signed in a PKCS #10 request: version, subject, subjectPKInfo and attributes, without the signature."
    )
