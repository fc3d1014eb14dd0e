"""Fingerprints of certificates and requests: those that people paste, and those that are printed for them to compare.

A fingerprint is pasted from a web page, a mail, openssl's output or the guide's dialogues, so any layout of the hex
digits is taken; which digest it is follows from their number. MD5 and SHA-1 are the guide's; to find another
certificate with a given one of them is still out of reach, unlike finding two that have the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from typing import Final

from cryptography.hazmat.primitives import hashes

from agent.pki.errors import InvalidFingerprintError

#: Characters of a fingerprint as pasted: SHA-256 with two separators a pair and a name is less than 200.
PASTED_MAX_LENGTH: Final = 256

#: "SHA256 Fingerprint=", "sha1:", "Fingerprint:", "MD5 ".
_PREFIX: Final = re.compile(r"(?:(?P<algorithm>SHA-?256|SHA-?1|MD-?5)(?:[ \t]+fingerprint)?|fingerprint)[\s:=]+", re.I)
_BETWEEN: Final = re.compile(r"[\s:-]+")
#: What dialogues and web pages put around text, and nobody sees: zero-width characters, a byte order mark.
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u2060\ufeff"))
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_DIGITS_A_GROUP: Final = 8


class FingerprintAlgorithm(StrEnum):
    """The digest of a fingerprint."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"


_HASHES: Final[dict[FingerprintAlgorithm, hashes.HashAlgorithm]] = {
    FingerprintAlgorithm.MD5: hashes.MD5(),  # noqa: S303
    FingerprintAlgorithm.SHA1: hashes.SHA1(),  # noqa: S303
    FingerprintAlgorithm.SHA256: hashes.SHA256(),
}
_BY_LENGTH: Final = {digest.digest_size: algorithm for algorithm, digest in _HASHES.items()}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A digest over the DER of something."""

    algorithm: FingerprintAlgorithm
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """A fingerprint in hex, as people paste it. Raises InvalidFingerprintError."""
        if len(text) > PASTED_MAX_LENGTH:
            raise InvalidFingerprintError(f"it has more than {PASTED_MAX_LENGTH} characters")
        digits = text.translate(_INVISIBLE).strip()
        named = None
        if prefix := _PREFIX.match(digits):
            named = prefix["algorithm"]
            digits = digits[prefix.end() :]
        digits = _BETWEEN.sub("", digits)
        if not digits:
            raise InvalidFingerprintError("it is empty")
        if not _HEX.fullmatch(digits):
            raise InvalidFingerprintError("it is not made of pairs of hexadecimal digits")
        digest = bytes.fromhex(digits)
        algorithm = _BY_LENGTH.get(len(digest))
        if algorithm is None:
            raise InvalidFingerprintError(f"it has {len(digits)} digits")
        if named is not None and named.replace("-", "").lower() != algorithm.value:
            raise InvalidFingerprintError(f"it says {named.upper()}, and has {len(digits)} digits")
        return cls(algorithm, digest)

    @classmethod
    def of(cls, der: bytes, algorithm: FingerprintAlgorithm = FingerprintAlgorithm.SHA256) -> Fingerprint:
        """The fingerprint of a certificate or request in DER."""
        state = hashes.Hash(_HASHES[algorithm])
        state.update(der)
        return cls(algorithm, state.finalize())

    @property
    def text(self) -> str:
        """Upper-case hex, no separators."""
        return self.digest.hex().upper()

    def matches(self, der: bytes) -> bool:
        """Whether it is the fingerprint of this certificate or request in DER; takes the same time for every answer."""
        return compare_digest(self.digest, Fingerprint.of(der, self.algorithm).digest)


def sha256_text(der: bytes) -> str:
    """The SHA-256 fingerprint: 64 upper-case hex digits."""
    return Fingerprint.of(der, FingerprintAlgorithm.SHA256).text


def sha1_text(der: bytes) -> str:
    """The SHA-1 fingerprint, the one that the guide's `show` commands print: 40 upper-case hex digits."""
    return Fingerprint.of(der, FingerprintAlgorithm.SHA1).text


def md5_groups(der: bytes) -> str:
    """The MD5 fingerprint as the guide prints that of a request: `17D8B38D ED2BDF2E DF8ADB7F A7DBE35A`."""
    digits = Fingerprint.of(der, FingerprintAlgorithm.MD5).text
    return " ".join(digits[at : at + _DIGITS_A_GROUP] for at in range(0, len(digits), _DIGITS_A_GROUP))
