"""Certification authorities of the tests' making: chains of any length and defect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

START = datetime(2024, 3, 1, 12, tzinfo=UTC)


@cache
def rsa_key(number):
    """One of several RSA keys, made once."""
    return rsa.generate_private_key(65537, 2048)


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def key_usage(**wanted):
    return x509.KeyUsage(**{usage: wanted.get(usage, False) for usage in _USAGES})


def make_certificate(
    subject, issuer, public_key, signing_key, *, issuer_key=None, ca=False, path_length=None, usage=None,
    start=START, days=365, extensions=(), identifiers=True, serial=None,
):  # fmt: skip
    issuer_key = issuer_key or signing_key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    if identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    for extension in extensions:
        if not isinstance(extension.value, x509.KeyUsage) or usage is None:
            builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(signing_key, hashes.SHA256())


@dataclass(frozen=True)
class Authority:
    """A certificate with its RSA key."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def root(cls, common_name, key=0, **options):
        private = rsa_key(key)
        usage = options.pop("usage", key_usage(key_cert_sign=True, crl_sign=True, digital_signature=True))
        options = {"ca": True, "usage": usage} | options
        subject = name(common_name)
        return cls(private, make_certificate(subject, subject, private.public_key(), private, **options))

    def sub(self, common_name, key=1, **options):
        """A CA below this one."""
        private = rsa_key(key)
        usage = options.pop("usage", key_usage(key_cert_sign=True, crl_sign=True))
        options = {"ca": True, "usage": usage} | options
        return Authority(
            private,
            make_certificate(name(common_name), self.certificate.subject, private.public_key(), self.key, **options),
        )

    def registrar(self, common_name, key=2, **usages):
        """A registration authority."""
        return self.sub(common_name, key, ca=False, usage=key_usage(**usages))

    def issue(self, subject, public_key, extensions=(), **options):
        """A certificate for somebody."""
        options = {"extensions": extensions, **options}
        return make_certificate(subject, self.certificate.subject, public_key, self.key, **options)


def of_today(days=30):
    """Options for certificates that are valid by the machine's clock, since yesterday."""
    return {"start": datetime.now(UTC).replace(microsecond=0) - timedelta(days=1), "days": days}


def line(tiers, name="Tier", key=0, **options):
    """A chain of so many CAs, the root first; they share two keys, from the number `key` on."""
    chain = [Authority.root(f"{name} 1", key, **options)]
    for tier in range(2, tiers + 1):
        chain.append(chain[-1].sub(f"{name} {tier}", key=key + (tier + 1) % 2, **options))
    return chain
