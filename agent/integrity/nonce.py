"""Nonces: what a verifier chooses so that an answer can't be an old one.

1 to 128 printable ASCII characters (0x20 to 0x7e). That there is no NUL in it is what makes the signed bytes of an
envelope unambiguous (docs/envelope.md).
"""

from __future__ import annotations

MAX_NONCE_LENGTH = 128


class NonceError(ValueError):
    """The nonce is not 1 to 128 printable ASCII characters."""

    def __init__(self) -> None:
        super().__init__(f"a nonce is 1 to {MAX_NONCE_LENGTH} printable ASCII characters")


def check_nonce(nonce: str | None) -> str | None:
    """`nonce` if it is one, or None; else NonceError."""
    if nonce is None:
        return None
    if not 1 <= len(nonce) <= MAX_NONCE_LENGTH or not all(" " <= character <= "~" for character in nonce):
        raise NonceError
    return nonce
