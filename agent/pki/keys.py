"""What kinds of key pairs there are, which sizes each has, how they are labelled, and making one (the guide: "Generate
Key Pair", "Public Key-Pair Generation in XR Config Mode" table 9).

Making a key can take seconds. It holds no lock, so that several threads may do it at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from agent.pki.errors import InvalidKeySizeError, InvalidLabelError, KeyGenerationNotSupportedError
from agent.pki.small_rsa import PUBLIC_EXPONENT, generate_small_rsa_key

PrivateKey: TypeAlias = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey: TypeAlias = rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

#: The label of a key pair that was generated without one.
DEFAULT_LABEL: Final = "the_default"
#: The labels for the keys of the system trustpoint.
SYSTEM_ROOT_KEY: Final = "system-root-key"
SYSTEM_ENROLL_KEY: Final = "system-enroll-key"
PREDEFINED_LABELS: Final = frozenset({SYSTEM_ROOT_KEY, SYSTEM_ENROLL_KEY})
LABEL_MAX_LENGTH: Final = 127

#: The shortest RSA modulus that the cryptography library makes.
_LIBRARY_RSA_MINIMUM: Final = 1024
#: No space: a label is one word of a command.
_LABEL: Final = re.compile(rf"[\x21-\x7e]{{1,{LABEL_MAX_LENGTH}}}")


class KeyType(StrEnum):
    """The type of a key pair; for ECDSA together with its curve."""

    RSA = "rsa"
    DSA = "dsa"
    ECDSA_NISTP256 = "ecdsa-nistp256"
    ECDSA_NISTP384 = "ecdsa-nistp384"
    ECDSA_NISTP521 = "ecdsa-nistp521"
    ED25519 = "ed25519"


class KeyUsage(StrEnum):
    """General-purpose keys are one pair for everything; usage keys are a pair to sign and a pair to encrypt."""

    GENERAL = "general"
    USAGE = "usage"


class KeyPurpose(StrEnum):
    """What one of the pairs under a label is for."""

    GENERAL = "general"
    SIGNATURE = "signature"
    ENCRYPTION = "encryption"


#: The pairs that are made for a usage; the first is the one that signs.
PURPOSES: Final = {
    KeyUsage.GENERAL: (KeyPurpose.GENERAL,),
    KeyUsage.USAGE: (KeyPurpose.SIGNATURE, KeyPurpose.ENCRYPTION),
}


@dataclass(frozen=True, slots=True)
class _Making:
    """How keys of one type are made.

    Attributes:
        default: size in bits when none is given.
        sizes: the sizes of the guide.
        unmakeable: those of them that no library here can make.
        make: from the size.
    """

    default: int
    sizes: range | tuple[int, ...]
    make: Callable[[int], PrivateKey]
    unmakeable: tuple[int, ...] = ()

    @property
    def allowed(self) -> str:
        if isinstance(self.sizes, range):
            return f"{self.sizes[0]} to {self.sizes[-1]}"
        return " or ".join(str(size) for size in self.sizes if size not in self.unmakeable)


def _make_rsa(size: int) -> PrivateKey:
    if size < _LIBRARY_RSA_MINIMUM:
        return generate_small_rsa_key(size)
    return rsa.generate_private_key(PUBLIC_EXPONENT, size)


def _on_curve(curve: ec.EllipticCurve) -> _Making:
    return _Making(curve.key_size, (curve.key_size,), lambda _size: ec.generate_private_key(curve))


_MAKING: Final[dict[KeyType, _Making]] = {
    KeyType.RSA: _Making(2048, range(512, 4097), _make_rsa),
    KeyType.DSA: _Making(1024, (512, 768, 1024, 2048), dsa.generate_private_key, unmakeable=(512, 768)),
    KeyType.ECDSA_NISTP256: _on_curve(ec.SECP256R1()),
    KeyType.ECDSA_NISTP384: _on_curve(ec.SECP384R1()),
    KeyType.ECDSA_NISTP521: _on_curve(ec.SECP521R1()),
    KeyType.ED25519: _Making(256, (256,), lambda _size: ed25519.Ed25519PrivateKey.generate()),
}


_RSA_OR_DSA: Final = (rsa.RSAPrivateKey, rsa.RSAPublicKey, dsa.DSAPrivateKey, dsa.DSAPublicKey)
_CURVES: Final[dict[str, KeyType]] = {
    ec.SECP256R1.name: KeyType.ECDSA_NISTP256,
    ec.SECP384R1.name: KeyType.ECDSA_NISTP384,
    ec.SECP521R1.name: KeyType.ECDSA_NISTP521,
}


def identify_key(key: object) -> tuple[KeyType, int] | None:
    """Type and size in bits of a private or public key, None for one of another type or curve. The size of an RSA or
    DSA key is not checked: see check_size."""
    if isinstance(key, _RSA_OR_DSA):
        return KeyType.RSA if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey) else KeyType.DSA, key.key_size
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name], key.key_size
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return KeyType.ED25519, _MAKING[KeyType.ED25519].default
    return None


def check_label(label: str | None) -> str:
    """The label to use: the default one for none or an empty one. Raises InvalidLabelError."""
    if not label:
        return DEFAULT_LABEL
    if not _LABEL.fullmatch(label):
        raise InvalidLabelError(
            f"A key label has 1 to {LABEL_MAX_LENGTH} printable ASCII characters and no spaces; choose another one."
        )
    return label


def check_size(key_type: KeyType, size: int | None) -> int:
    """The size in bits to make: the type's default for None.

    Raises InvalidKeySizeError, or KeyGenerationNotSupportedError for a size of the guide that can't be made.
    """
    making = _MAKING[key_type]
    if size is None:
        return making.default
    if size in making.unmakeable:
        raise KeyGenerationNotSupportedError(
            f"The cryptographic library does not make {key_type.value.upper()} keys of {size} bits:"
            f" they are too weak. Use {making.allowed} bits."
        )
    if size not in making.sizes:
        raise InvalidKeySizeError(f"The size of a key of type {key_type.value} is {making.allowed} bits, not {size}.")
    return size


def check_usage(key_type: KeyType, usage: KeyUsage) -> None:
    """Raises KeyGenerationNotSupportedError: only RSA has usage keys."""
    if usage is not KeyUsage.GENERAL and key_type is not KeyType.RSA:
        raise KeyGenerationNotSupportedError(
            f"Usage keys are of type rsa; a key of type {key_type.value} is general-purpose only."
        )


def generate_private_key(key_type: KeyType, size: int | None = None) -> PrivateKey:
    """A new private key. Takes up to seconds. Raises as `check_size` does."""
    return _MAKING[key_type].make(check_size(key_type, size))
