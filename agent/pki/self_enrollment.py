"""The two certificates of `enrollment self`: a self-signed root, and the leaf that it signs (RFC 5280).

Pure functions: what they need is passed in, and nothing is kept. A certificate is valid from `now` (whole seconds) for
its lifetime; a leaf whose lifetime reaches beyond its root's end ends with the root, because it could not be verified
afterwards.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from agent.pki.errors import DigestNotSupportedError, KeyTooSmallError, RootNotValidError
from agent.pki.keys import PrivateKey, PublicKey
from agent.pki.trustpoint import SIGNING_DIGESTS, CertificateUsage, MessageDigest, TrustpointConfig

#: Bytes that a PKCS #1 v1.5 signature needs besides the digest: padding (11) and DigestInfo (19).
_PKCS1_OVERHEAD_BYTES: Final = 30


def build_root(config: TrustpointConfig, key: PrivateKey, serial: int, now: datetime) -> x509.Certificate:
    """The self-signed root. Raises KeyTooSmallError, DigestNotSupportedError."""
    digest = _signing_digest(config.message_digest, key)
    start = now.replace(microsecond=0)
    subject = config.ca_subject
    builder = (
        _certificate(subject, subject, key.public_key(), serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=config.ca_lifetime))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(config.ca_usages), critical=True)
    )
    return builder.sign(key, digest)


def build_leaf(
    config: TrustpointConfig,
    public_key: PublicKey,
    usages: frozenset[CertificateUsage],
    root: x509.Certificate,
    root_key: PrivateKey,
    serial: int,
    now: datetime,
) -> x509.Certificate:
    """A certificate for `public_key` under `root`.

    Raises RootNotValidError, KeyTooSmallError, DigestNotSupportedError.
    """
    start = now.replace(microsecond=0)
    if not root.not_valid_before_utc <= start < root.not_valid_after_utc:
        raise RootNotValidError(config.name)
    digest = _signing_digest(config.message_digest, root_key)
    end = min(start + timedelta(days=config.lifetime), root.not_valid_after_utc)
    root_key_identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _certificate(config.subject, root.subject, public_key, serial)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(usages), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_key_identifier), critical=False
        )
    )
    return builder.sign(root_key, digest)


def _certificate(subject: x509.Name, issuer: x509.Name, public_key: PublicKey, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(usages: frozenset[CertificateUsage]) -> x509.KeyUsage:
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


def _signing_digest(name: MessageDigest, key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """What to sign a certificate with; None for Ed25519, which has its own digest."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    digest = SIGNING_DIGESTS.get(name)
    if digest is None:
        raise DigestNotSupportedError("message_digest", f"Certificates are not signed with {name.value}.")
    if isinstance(key, rsa.RSAPrivateKey) and (key.key_size + 7) // 8 < digest.digest_size + _PKCS1_OVERHEAD_BYTES:
        raise KeyTooSmallError(
            f"An RSA key of {key.key_size} bits can't sign with {name.value}; use a longer key or another digest."
        )
    return digest
