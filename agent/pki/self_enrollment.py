"""The two certificates of `enrollment self`: a self-signed root, and the leaf that it signs (RFC 5280).

Pure functions: what they need is passed in, and nothing is kept. A certificate is valid from `now` (whole seconds) for
its lifetime; a leaf whose lifetime reaches beyond its root's end ends with the root, because it could not be verified
afterwards.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509

from agent.pki.certificate_parts import key_usage_extension, signing_digest
from agent.pki.errors import RootNotValidError
from agent.pki.keys import PrivateKey, PublicKey
from agent.pki.trustpoint import CertificateUsage, TrustpointConfig


def build_root(config: TrustpointConfig, key: PrivateKey, serial: int, now: datetime) -> x509.Certificate:
    """The self-signed root. Raises KeyTooSmallError, DigestNotSupportedError."""
    digest = signing_digest(config.message_digest, key)
    start = now.replace(microsecond=0)
    subject = config.ca_subject
    builder = (
        _certificate(subject, subject, key.public_key(), serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=config.ca_lifetime))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage_extension(config.ca_usages), critical=True)
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
    digest = signing_digest(config.message_digest, root_key)
    end = min(start + timedelta(days=config.lifetime), root.not_valid_after_utc)
    root_key_identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _certificate(config.subject, root.subject, public_key, serial)
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage_extension(usages), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_key_identifier), critical=False
        )
    )
    if config.extended_key_usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(config.extended_key_usage), critical=False)
    if config.alternative_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(config.alternative_names), critical=False)
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
