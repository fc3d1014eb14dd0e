"""Keys that only one TPM can use: made in it, kept outside as a blob that it alone can open, and used by it.

The blob is two sized buffers: the private area (TPM2B_PRIVATE, encrypted by the TPM under its
storage key) and the public area (TPM2B_PUBLIC). It is useless anywhere else, and after the TPM's owner was cleared.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from agent.tpm.commands import OWNER, Commands
from agent.tpm.device import Tpm
from agent.tpm.errors import RC_INTEGRITY, RC_SIZE, RC_TAG, TpmKeyLostError, TpmRefusedError
from agent.tpm.structures import (
    HASHES,
    Algorithm,
    ecc_signing_key,
    public_key_der,
    rsa_key,
    storage_parent,
)
from agent.tpm.wire import Reader, WireError, sized

_MAX_AREA: Final = 2048
#: What the TPM says of a blob that is not its own.
_NOT_OURS: Final = frozenset({RC_INTEGRITY, RC_SIZE, RC_TAG})


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A key of a TPM, as it is kept: private area (encrypted by the TPM) and public area."""

    private: bytes
    public: bytes

    @property
    def blob(self) -> bytes:
        return sized(self.private) + sized(self.public)

    @property
    def public_key_der(self) -> bytes:
        """SubjectPublicKeyInfo. Raises WireError."""
        return public_key_der(self.public)

    @classmethod
    def from_blob(cls, blob: bytes) -> WrappedKey:
        """Raises TpmKeyLostError for what is no blob."""
        reader = Reader(blob)
        try:
            key = cls(reader.sized(_MAX_AREA), reader.sized(_MAX_AREA))
            reader.end()
        except WireError as error:
            raise TpmKeyLostError("The stored key is damaged. Generate the key pair again.") from error
        return key


def make_ecc_key(tpm: Tpm) -> WrappedKey:
    """A new key on P-256. Raises TpmError."""
    return _make(tpm, ecc_signing_key())


def make_rsa_key(tpm: Tpm, bits: int) -> WrappedKey:
    """A new RSA key; a TPM takes its time for it. Raises TpmError."""
    return _make(tpm, rsa_key(bits))


def _make(tpm: Tpm, public: bytes) -> WrappedKey:
    with tpm.session() as commands, commands.primary(OWNER, storage_parent()) as (parent, _):
        return WrappedKey(*commands.create(parent, public))


def sign(tpm: Tpm, key: WrappedKey, digest: bytes, scheme: Algorithm, hash_name: str) -> bytes:
    """The signature of the key over a digest: PKCS #1 v1.5 or PSS for RSA, DER for ECDSA.

    Raises TpmError; TpmKeyLostError if the key is not one of this TPM.
    """
    with _loaded(tpm, key) as (commands, handle):
        return commands.sign(handle, digest, scheme, HASHES[hash_name]).value


def decrypt(tpm: Tpm, key: WrappedKey, encrypted: bytes) -> bytes:
    """What was encrypted for an RSA key with PKCS #1 v1.5.

    Raises TpmError; TpmKeyLostError if the key is not one of this TPM; ValueError for what was not encrypted so.
    """
    with _loaded(tpm, key) as (commands, handle):
        try:
            return commands.decrypt(handle, encrypted)
        except TpmRefusedError as error:
            # TPMs differ in how they refuse: with a value, a size, or a failure of their own.
            raise ValueError("not encrypted for this key") from error


@contextmanager
def _loaded(tpm: Tpm, key: WrappedKey) -> Iterator[tuple[Commands, int]]:
    with tpm.session() as commands, commands.primary(OWNER, storage_parent()) as (parent, _):
        try:
            with commands.loaded(parent, key.private, key.public) as handle:
                yield commands, handle
        except TpmRefusedError as error:
            if error.command == "Load" and error.base in _NOT_OURS:
                raise TpmKeyLostError(
                    "The key belongs to another TPM, or the owner of this one was cleared since. Generate the key pair"
                    " again, and authenticate and enroll the trustpoints that use it."
                ) from error
            raise
