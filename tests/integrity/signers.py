"""Signers for tests: a root and a leaf below it, with the key in the process."""

import functools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.x509.oid import NameOID

from agent.integrity.signatures import algorithm_for

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "dsa": lambda: dsa.generate_private_key(2048),
}
HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


@dataclass(frozen=True)
class Authority:
    key: object
    certificate: x509.Certificate

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class SoftwareSigner:
    key: object
    chain: tuple

    @property
    def algorithm(self):
        return algorithm_for(self.key.public_key())

    def sign_digest(self, digest):
        name = self.algorithm
        prehashed = Prehashed(HASHES[name.rpartition("-")[2]]())
        if name.startswith("rsa"):
            return self.key.sign(digest, padding.PKCS1v15(), prehashed)
        return self.key.sign(digest, ec.ECDSA(prehashed) if name.startswith("ecdsa") else prehashed)

    def sign(self, data):
        name = self.algorithm
        if name == "ed25519":
            return self.key.sign(data)
        digest = HASHES[name.rpartition("-")[2]]()
        if name.startswith("rsa"):
            return self.key.sign(data, padding.PKCS1v15(), digest)
        return self.key.sign(data, ec.ECDSA(digest) if name.startswith("ecdsa") else digest)


def name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def key_usage(*, sign_data, sign_certificates):
    return x509.KeyUsage(
        digital_signature=sign_data,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def certificate(
    key,
    subject,
    issuer=None,
    *,
    ca=False,
    start=NOW - DAY,
    end=NOW + 30 * DAY,
    path_length=None,
    sign_data=True,
    extra=(),
):
    """A certificate for `key`, signed by `issuer` (an Authority; None: by itself)."""
    signing_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(issuer.certificate.subject if issuer else name(subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .add_extension(key_usage(sign_data=sign_data, sign_certificates=ca), critical=True)
    )
    for extension in extra:
        builder = builder.add_extension(extension, critical=True)
    digest = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signing_key, digest)


def authority(subject="root", issuer=None, **options):
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, certificate(key, subject, issuer, ca=True, **options))


def signer(root, *, kind="p256", above=(), **options):
    """A signer whose leaf is issued by the last of `above` (authorities between it and the root), or by the root."""
    key = KEYS[kind]()
    path = [root, *above]
    leaf = Authority(key, certificate(key, "leaf", path[-1], **options))
    return SoftwareSigner(key, (leaf.der, *(each.der for each in reversed(path))))


@functools.cache
def usual(kind="p256"):
    """A root and a signer below it, both with keys of this kind, made once in a test run."""
    key = KEYS[kind]()
    root = Authority(key, certificate(key, "root", ca=True))
    return root, signer(root, kind=kind)
