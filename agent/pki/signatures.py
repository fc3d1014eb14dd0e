"""Whether a signature in a certificate or CRL was made by a key, SHA-1 included where somebody allows it.

The library's own checks refuse SHA-1, which old CAs still use, so that the raw signature is checked here. MD5 never
passes.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

#: Digests that a signature may use; SHA-1 besides, on request.
STRONG_DIGESTS = frozenset({"sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512"})
SHA1 = "sha1"


class WeakSignatureError(Exception):
    """The signature uses an algorithm that is not allowed: `algorithm`."""

    def __init__(self, algorithm: str) -> None:
        super().__init__(algorithm)
        self.algorithm = algorithm


def check_digest(digest: hashes.HashAlgorithm | None, *, allow_sha1: bool) -> None:
    """Raises WeakSignatureError. None is a scheme with a digest of its own, as Ed25519."""
    if digest is None or digest.name in STRONG_DIGESTS or (allow_sha1 and digest.name == SHA1):
        return
    raise WeakSignatureError(digest.name)


def is_signed_by(
    key: object,
    signature: bytes,
    data: bytes,
    digest: hashes.HashAlgorithm | None,
    scheme: object = None,
) -> bool:
    """Whether `key` made `signature` over `data`.

    `scheme`: the RSA padding or ECDSA scheme of the signature, as the library's `signature_algorithm_parameters` has
    it; for RSA without one PKCS #1 v1.5. A key that can't be used so is one that did not sign.
    """
    check = _checker(key, digest, scheme)
    if check is None:
        return False
    try:
        check(signature, data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _checker(key: object, digest: hashes.HashAlgorithm | None, scheme: object) -> Callable[[bytes, bytes], None] | None:
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return key.verify if digest is None else None
    if digest is None:
        return None
    if isinstance(key, rsa.RSAPublicKey):
        chosen = scheme if isinstance(scheme, padding.PSS) else padding.PKCS1v15()
        return lambda signature, data: key.verify(signature, data, chosen, digest)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return lambda signature, data: key.verify(signature, data, ec.ECDSA(digest))
    if isinstance(key, dsa.DSAPublicKey):
        return lambda signature, data: key.verify(signature, data, digest)
    return None
