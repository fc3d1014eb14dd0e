"""Who holds the private part of a key pair: the agent, or the machine's TPM.

Both are used alike: a private key of the cryptography library. One of a TPM signs, an RSA key also decrypts, and it is
never seen; what is stored of it is a blob that its TPM alone can open (agent/tpm/keys.py), sealed by the agent like
every private key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Final, NoReturn, Protocol, Self, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from agent.pki.errors import DigestNotSupportedError, NotHeldByTpmError, NoTpmError, TpmFailedError, TpmKeyLostError
from agent.pki.keys import KeyType, PrivateKey, generate_private_key
from agent.tpm import errors as tpm_errors
from agent.tpm.device import Tpm
from agent.tpm.keys import WrappedKey, decrypt, make_ecc_key, make_rsa_key, sign
from agent.tpm.structures import Algorithm, public_key

#: Bits of an RSA key in a TPM: every TPM has these, and few have others.
TPM_RSA_BITS: Final = 2048
#: The hashes that every TPM 2.0 signs with.
_TPM_HASHES: Final = frozenset({"sha256", "sha384", "sha512"})


class HeldBy(StrEnum):
    """Who holds the private part of a key pair."""

    SOFTWARE = "software"
    TPM = "tpm"


class KeyHolder(Protocol):
    """Makes private keys, and keeps them in a form that may be stored sealed."""

    def make(self, key_type: KeyType, size: int) -> PrivateKey:
        """A new key; takes up to seconds. Raises PkiError."""

    def dump(self, key: PrivateKey) -> bytes:
        """What is stored of a key of `make` or `load`. A secret."""

    def load(self, secret: bytes) -> PrivateKey:
        """The key of which `dump` gave this. Raises TpmKeyLostError."""


class SoftwareHolder:
    """Private keys are PKCS #8, and in the agent's memory while they are used."""

    def make(self, key_type: KeyType, size: int) -> PrivateKey:
        return generate_private_key(key_type, size)

    def dump(self, key: PrivateKey) -> bytes:
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def load(self, secret: bytes) -> PrivateKey:
        # Sealing vouches for the key; proving again that it is a sound RSA key takes a hundred times as long.
        return cast(PrivateKey, load_der_private_key(secret, password=None, unsafe_skip_rsa_key_validation=True))


class TpmHolder:
    """Private keys never leave the TPM in a form that is of use elsewhere."""

    def __init__(self, tpm: Tpm) -> None:
        self._tpm = tpm

    def make(self, key_type: KeyType, size: int) -> PrivateKey:
        with _telling():
            if key_type is KeyType.ECDSA_NISTP256:
                return TpmEccKey(self._tpm, make_ecc_key(self._tpm))
            if key_type is KeyType.RSA and size == TPM_RSA_BITS:
                return TpmRsaKey(self._tpm, make_rsa_key(self._tpm, size))
        raise NotHeldByTpmError(
            f"The TPM holds key pairs of type ecdsa-nistp256, and of type rsa with {TPM_RSA_BITS} bits; choose one of"
            " them."
        )

    def dump(self, key: PrivateKey) -> bytes:
        assert isinstance(key, _TpmKey), "made by this holder"
        return key.wrapped.blob

    def load(self, secret: bytes) -> PrivateKey:
        with _telling():
            wrapped = WrappedKey.from_blob(secret)
            try:
                is_rsa = isinstance(public_key(wrapped.public), rsa.RSAPublicKey)
            except ValueError as error:
                raise TpmKeyLostError("The stored key is damaged. Generate the key pair again.") from error
        return TpmRsaKey(self._tpm, wrapped) if is_rsa else TpmEccKey(self._tpm, wrapped)


def is_held_by_tpm(key: object) -> bool:
    """Whether a private key is in a TPM: it can't be seen, and is slow."""
    return isinstance(key, _TpmKey)


class _TpmKey:
    """What the keys of a TPM have in common. There is one of each: a copy is itself."""

    def __init__(self, tpm: Tpm, wrapped: WrappedKey) -> None:
        self._tpm = tpm
        self.wrapped = wrapped

    def private_numbers(self) -> NoReturn:
        _refuse()

    def private_bytes(self, *arguments: Any) -> NoReturn:
        _refuse()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class TpmEccKey(_TpmKey, ec.EllipticCurvePrivateKey):
    """A key on P-256 in a TPM."""

    def sign(self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:  # type: ignore[override]
        """Raises NoTpmError, TpmFailedError, TpmKeyLostError."""
        with _telling():
            digest, name = _digest(data, signature_algorithm.algorithm)
            return sign(self._tpm, self.wrapped, digest, Algorithm.ECDSA, name)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return cast(ec.EllipticCurvePublicKey, public_key(self.wrapped.public))

    @property
    def curve(self) -> ec.EllipticCurve:
        return self.public_key().curve

    @property
    def key_size(self) -> int:
        return self.curve.key_size

    def exchange(self, *arguments: Any) -> NoReturn:
        _refuse()


class TpmRsaKey(_TpmKey, rsa.RSAPrivateKey):
    """An RSA key in a TPM."""

    def sign(self, data: bytes, scheme: object, algorithm: object) -> bytes:
        """PKCS #1 v1.5. Raises NoTpmError, TpmFailedError, TpmKeyLostError."""
        if not isinstance(scheme, padding.PKCS1v15):
            raise UnsupportedAlgorithm("a key in a TPM signs with PKCS #1 v1.5 only")
        with _telling():
            digest, name = _digest(data, algorithm)
            return sign(self._tpm, self.wrapped, digest, Algorithm.RSASSA, name)

    def public_key(self) -> rsa.RSAPublicKey:
        return cast(rsa.RSAPublicKey, public_key(self.wrapped.public))

    @property
    def key_size(self) -> int:
        return self.public_key().key_size

    def decrypt(self, ciphertext: bytes, scheme: object) -> bytes:
        """PKCS #1 v1.5. Raises as `sign` does, and ValueError for what was not encrypted for this key."""
        if not isinstance(scheme, padding.PKCS1v15):
            raise UnsupportedAlgorithm("a key in a TPM decrypts with PKCS #1 v1.5 only")
        with _telling():
            return decrypt(self._tpm, self.wrapped, ciphertext)


def _digest(data: bytes, algorithm: object) -> tuple[bytes, str]:
    """The digest to sign, and hashlib's name of its hash. Raises DigestNotSupportedError."""
    prehashed = isinstance(algorithm, utils.Prehashed)
    found = algorithm._algorithm if isinstance(algorithm, utils.Prehashed) else algorithm
    if not isinstance(found, hashes.HashAlgorithm) or found.name not in _TPM_HASHES:
        raise DigestNotSupportedError(
            "message_digest", "A key in the TPM signs with sha256, sha384 and sha512, and with no weaker digest."
        )
    return (data if prehashed else hashlib.new(found.name, data).digest()), found.name


def _refuse() -> NoReturn:
    # Callers look at who holds a key before they ask for more than a signature.
    raise UnsupportedAlgorithm("the private part of this key is in the TPM")


#: What the TPM's room raises -> what this room raises.
_ERRORS: Final = (
    (tpm_errors.TpmAbsentError, NoTpmError),
    (tpm_errors.TpmKeyLostError, TpmKeyLostError),
    (tpm_errors.TpmError, TpmFailedError),
)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except tpm_errors.TpmError as error:
        raise next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))(error.message) from error
