"""What certificates and the requests for them have in common: the keyUsage extension, the digest to sign with, and the
public key."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.pki.errors import DigestNotSupportedError, KeyTooSmallError
from agent.pki.keys import PrivateKey
from agent.pki.trustpoint import SIGNING_DIGESTS, CertificateUsage, MessageDigest

#: Bytes that a PKCS #1 v1.5 signature needs besides the digest: padding (11) and DigestInfo (19).
_PKCS1_OVERHEAD_BYTES: Final = 30


def key_usage_extension(usages: Collection[CertificateUsage]) -> x509.KeyUsage:
    """The keyUsage extension for these usages."""
    return x509.KeyUsage(
        digital_signature=CertificateUsage.DIGITAL_SIGNATURE in usages,
        content_commitment=CertificateUsage.NON_REPUDIATION in usages,
        key_encipherment=CertificateUsage.KEY_ENCIPHERMENT in usages,
        data_encipherment=CertificateUsage.DATA_ENCIPHERMENT in usages,
        key_agreement=CertificateUsage.KEY_AGREEMENT in usages,
        key_cert_sign=CertificateUsage.KEY_CERT_SIGN in usages,
        crl_sign=CertificateUsage.CRL_SIGN in usages,
        encipher_only=False,
        decipher_only=False,
    )


def signing_digest(name: MessageDigest, key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """What `key` signs a certificate or request with; None for Ed25519, which has its own digest.

    Raises DigestNotSupportedError, KeyTooSmallError.
    """
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    digest = SIGNING_DIGESTS.get(name)
    if digest is None:
        raise DigestNotSupportedError("message_digest", f"Certificates are not signed with {name.value}.")
    if isinstance(key, rsa.RSAPrivateKey) and not rsa_can_sign(key, digest):
        raise KeyTooSmallError(
            f"An RSA key of {key.key_size} bits can't sign with {name.value}; use a longer key or another digest."
        )
    return digest


def rsa_can_sign(key: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm) -> bool:
    """Whether the modulus has room for a PKCS #1 v1.5 signature with this digest."""
    return (key.key_size + 7) // 8 >= digest.digest_size + _PKCS1_OVERHEAD_BYTES


def key_info(subject: x509.Certificate | x509.CertificateSigningRequest | PrivateKey) -> bytes:
    """SubjectPublicKeyInfo of what a certificate or request is for, or of a private key's public half; to compare.

    Empty for a key that the library doesn't know.
    """
    try:
        return subject.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return b""
