"""Signing data with the key of a certificate.

The algorithm follows from the key alone, so that a verifier needs to know nothing of the configuration: RSA with
PKCS #1 v1.5 and SHA-256, DSA with SHA-256, ECDSA with the SHA-2 of the curve's strength (RFC 5480 section 4), Ed25519.
ECDSA and DSA signatures are DER (RFC 3279 section 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from agent.pki.keys import KeyType, PrivateKey

_ECDSA_DIGESTS: Final[dict[str, hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_ALGORITHMS: Final = {
    KeyType.RSA: "rsa-pkcs1-sha256",
    KeyType.DSA: "dsa-sha256",
    KeyType.ECDSA_NISTP256: "ecdsa-sha256",
    KeyType.ECDSA_NISTP384: "ecdsa-sha384",
    KeyType.ECDSA_NISTP521: "ecdsa-sha512",
    KeyType.ED25519: "ed25519",
}


@dataclass(frozen=True, slots=True)
class CertificateSigner:
    """Signs with the key of `chain[0]`.

    Attributes:
        algorithm: the name of the algorithm, e.g. "ecdsa-sha384".
        chain: certificates in DER, the signer's own first, the root last.
    """

    algorithm: str
    chain: tuple[bytes, ...]
    _key: PrivateKey

    @classmethod
    def of(cls, key_type: KeyType, key: PrivateKey, chain: tuple[bytes, ...]) -> CertificateSigner:
        return cls(_ALGORITHMS[key_type], chain, key)

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""
        return sign(self._key, data)

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over what has this digest, by the hash of the algorithm; not with Ed25519."""
        return sign_digest(self._key, digest)


def sign(key: PrivateKey, data: bytes) -> bytes:
    """The signature of `key` over `data`."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(data, hashes.SHA256())
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(_ECDSA_DIGESTS[key.curve.name]))
    return key.sign(data)


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """The signature of `key` over what has this digest. Ed25519 signs data only: TypeError."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(digest, Prehashed(hashes.SHA256()))
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(digest, ec.ECDSA(Prehashed(_ECDSA_DIGESTS[key.curve.name])))
    raise TypeError("an Ed25519 key signs no digests")
