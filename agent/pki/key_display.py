"""A key pair as the guide's `show crypto key mypubkey` and its log messages have it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from agent.pki.keys import KeyPurpose, KeyType

_HEX_DIGITS_A_GROUP: Final = 8
_GROUPS_A_LINE: Final = 8

#: The line "Type" of each kind.
_TYPE_NAMES: Final = {
    KeyType.RSA: {
        KeyPurpose.GENERAL: "RSA General purpose",
        KeyPurpose.SIGNATURE: "RSA Signature",
        KeyPurpose.ENCRYPTION: "RSA Encryption",
    },
    KeyType.DSA: {KeyPurpose.GENERAL: "DSA"},
    KeyType.ECDSA_NISTP256: {KeyPurpose.GENERAL: "ECDSA General Curve Nistp256"},
    KeyType.ECDSA_NISTP384: {KeyPurpose.GENERAL: "ECDSA General Curve Nistp384"},
    KeyType.ECDSA_NISTP521: {KeyPurpose.GENERAL: "ECDSA General Curve Nistp521"},
    KeyType.ED25519: {KeyPurpose.GENERAL: "ED25519"},
}


class KeyAction(StrEnum):
    GENERATED = "generated"
    ZEROIZED = "zeroized"


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A key pair was generated or zeroized (the guide's SECURITY-CEPKI-6-KEY_INFO). `size` is in bits."""

    action: KeyAction
    type: KeyType
    label: str
    size: int
    time: datetime

    @property
    def text(self) -> str:
        """The message text, e.g. "crypto key ECDSA_NISTP256 generated, label:the_default, modBits:256"."""
        name = self.type.value.upper().replace("-", "_")
        text = f"crypto key {name} {self.action.value}, label:{self.label}"
        return f"{text}, modBits:{self.size}" if self.action is KeyAction.GENERATED else text


def type_name(key_type: KeyType, purpose: KeyPurpose = KeyPurpose.GENERAL) -> str:
    """What stands in the line "Type" of a key pair."""
    return _TYPE_NAMES[key_type][purpose]


def size_name(key_type: KeyType) -> str:
    """The name of the line that tells the size in bits: ECDSA keys have a degree."""
    return "Degree" if key_type.value.startswith("ecdsa") else "Size"


def public_key_display_bytes(public_key_der: bytes) -> bytes:
    """What stands in hex under "Data", from a SubjectPublicKeyInfo: RSA and DSA as they are, ECDSA the uncompressed
    point (X9.62), Ed25519 the 32 bytes of RFC 8032."""
    key = load_der_public_key(public_key_der)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key.public_bytes_raw()
    return public_key_der


def hex_layout(data: bytes) -> str:
    """Groups of 8 upper-case hex digits, 8 groups a line; no newline at the end."""
    digits = data.hex().upper()
    groups = [digits[at : at + _HEX_DIGITS_A_GROUP] for at in range(0, len(digits), _HEX_DIGITS_A_GROUP)]
    lines = [" ".join(groups[at : at + _GROUPS_A_LINE]) for at in range(0, len(groups), _GROUPS_A_LINE)]
    return "\n".join(lines)
