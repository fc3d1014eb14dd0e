"""The signature algorithms of the envelope, by the names that stand in it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | dsa.DSAPublicKey


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A way to sign.

    Attributes:
        name: as it stands in "signature-algorithm".
        digest: as it stands in "digest-algorithm": what the payload is digested by, and also what the signature uses.
        hash: of the signature; None where data are signed as a whole (Ed25519).
        verify: raises InvalidSignature, or TypeError if the key is not of the algorithm's kind. Gets the key, the
            signature and the digest of the data by `hash`; the data themselves if there is none.
    """

    name: str
    digest: str
    hash: hashes.HashAlgorithm | None
    verify: Callable[[object, bytes, bytes], None]


class UnsupportedKeyError(ValueError):
    """No algorithm of the envelope signs with this kind of key."""


def _rsa(key: object, signature: bytes, digest: bytes) -> None:
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError("not an RSA key")
    key.verify(signature, digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))


def _dsa(key: object, signature: bytes, digest: bytes) -> None:
    if not isinstance(key, dsa.DSAPublicKey):
        raise TypeError("not a DSA key")
    key.verify(signature, digest, Prehashed(hashes.SHA256()))


def _ed25519(key: object, signature: bytes, data: bytes) -> None:
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise TypeError("not an Ed25519 key")
    key.verify(signature, data)


def _ecdsa(algorithm: hashes.HashAlgorithm) -> Callable[[object, bytes, bytes], None]:
    def verify(key: object, signature: bytes, digest: bytes) -> None:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError("not an EC key")
        key.verify(signature, digest, ec.ECDSA(Prehashed(algorithm)))

    return verify


#: Bytes of a message that is signed as a whole: it has to be in memory, more than once.
MAX_WHOLE_BYTES = 24 * 1024 * 1024

#: What a payload may be digested by.
DIGESTS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
#: name -> algorithm.
ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("rsa-pkcs1-sha256", "sha256", hashes.SHA256(), _rsa),
        Algorithm("ecdsa-sha256", "sha256", hashes.SHA256(), _ecdsa(hashes.SHA256())),
        Algorithm("ecdsa-sha384", "sha384", hashes.SHA384(), _ecdsa(hashes.SHA384())),
        Algorithm("ecdsa-sha512", "sha512", hashes.SHA512(), _ecdsa(hashes.SHA512())),
        Algorithm("ed25519", "sha512", None, _ed25519),
        Algorithm("dsa-sha256", "sha256", hashes.SHA256(), _dsa),
    )
}

#: The hash that goes with a curve (RFC 5480 section 4: of the curve's strength).
_ECDSA_BY_CURVE = {"secp256r1": "ecdsa-sha256", "secp384r1": "ecdsa-sha384", "secp521r1": "ecdsa-sha512"}
_BY_KEY_CLASS: tuple[tuple[type, str], ...] = (
    (rsa.RSAPublicKey, "rsa-pkcs1-sha256"),
    (ed25519.Ed25519PublicKey, "ed25519"),
    (dsa.DSAPublicKey, "dsa-sha256"),
)


def algorithm_for(public_key: object) -> str:
    """The name of the algorithm that a signer with this key uses; raises UnsupportedKeyError."""
    if isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name in _ECDSA_BY_CURVE:
        return _ECDSA_BY_CURVE[public_key.curve.name]
    for key_class, name in _BY_KEY_CLASS:
        if isinstance(public_key, key_class):
            return name
    raise UnsupportedKeyError("envelopes are signed with RSA, DSA, ECDSA (P-256, P-384, P-521) or Ed25519 keys")


def message_digest(algorithm: Algorithm, message: Iterable[bytes]) -> bytes:
    """The digest of a message in pieces by the hash of the algorithm, which must have one."""
    assert algorithm.hash is not None
    digest = hashes.Hash(algorithm.hash)
    for piece in message:
        digest.update(piece)
    return digest.finalize()


def is_valid(algorithm: Algorithm, key: object, signature: bytes, data: bytes) -> bool:
    """Whether `signature` is `key`'s over `data`; False also if the key is of another kind than the algorithm."""
    return is_valid_over(algorithm, key, signature, (data,))


def is_valid_over(algorithm: Algorithm, key: object, signature: bytes, message: Iterable[bytes]) -> bool:
    """The same over a message that comes in pieces. False as well if it would have to be held and is larger than
    MAX_WHOLE_BYTES."""
    signed = _held(message) if algorithm.hash is None else message_digest(algorithm, message)
    if signed is None:
        return False
    try:
        algorithm.verify(key, signature, signed)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _held(message: Iterable[bytes]) -> bytes | None:
    pieces: list[bytes] = []
    room = MAX_WHOLE_BYTES
    for piece in message:
        room -= len(piece)
        if room < 0:
            return None
        pieces.append(piece)
    return b"".join(pieces)
