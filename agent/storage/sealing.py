"""Secrets at rest: AES-256-GCM under a master key that is not in the database.

A sealed secret says where it belongs: the `context` (table, type, label ...) is authenticated with it, so that a sealed
key copied to another row does not open there. Format, version 1:

    1 byte version (1) | 8 bytes id of the master key | 12 bytes nonce | ciphertext and 16 bytes tag

The nonce is random: a collision needs some 2^32 secrets under one master key (NIST SP 800-38D section 8.3), a number
that no agent seals in its life.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.storage.database import Database
from agent.storage.errors import MasterKeyError, SealingError
from agent.storage.state_folder import StateFolder, create_file

MASTER_KEY_BYTES: Final = 32
#: Name of the systemd credential (LoadCredential=, LoadCredentialEncrypted=) that takes the place of the file.
CREDENTIAL_NAME: Final = "trustconf-master-key"

_VERSION: Final = b"\x01"
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES


class Sealer:
    """Seals and opens secrets under one master key. Safe to use from any number of threads."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            raise MasterKeyError(f"The master key must have {MASTER_KEY_BYTES} bytes, this one has {len(master_key)}.")
        self._cipher = AESGCM(master_key)
        #: Tells keys apart without telling anything about the key.
        self.key_id = hmac.digest(master_key, b"trustconf master key id", hashlib.sha256)[:_KEY_ID_BYTES]

    @classmethod
    def from_state_folder(cls, folder: StateFolder) -> Self:
        """With the systemd credential if there is one, else with the folder's key file, made when it is missing.

        Raises MasterKeyError.
        """
        credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        if credentials and (credential := Path(credentials) / CREDENTIAL_NAME).exists():
            return cls(_read(credential))
        return cls(_read_or_create(folder.master_key))

    def seal(self, secret: bytes, context: bytes) -> bytes:
        header = _VERSION + self.key_id
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return header + nonce + self._cipher.encrypt(nonce, secret, header + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """The secret again. Raises MasterKeyError for another key's secret, SealingError for a damaged one."""
        header, nonce = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES : _HEADER_BYTES + _NONCE_BYTES]
        if len(sealed) < _HEADER_BYTES + _NONCE_BYTES + _TAG_BYTES or not header.startswith(_VERSION):
            raise SealingError("A sealed secret in the database is damaged or of an unknown version.")
        if header[len(_VERSION) :] != self.key_id:
            raise MasterKeyError("A secret in the database was sealed under another master key; restore that key.")
        try:
            return self._cipher.decrypt(nonce, sealed[_HEADER_BYTES + _NONCE_BYTES :], header + context)
        except InvalidTag:
            raise SealingError("A sealed secret in the database is damaged, or not where it belongs.") from None


def claim_master_key(database: Database, sealer: Sealer) -> None:
    """Note in a new database which master key it is sealed with; in any other, raise MasterKeyError for another key.

    Tells at start what would otherwise come out when the first secret is needed, or never: new secrets sealed with a
    second key.
    """
    with database.transaction() as transaction:
        transaction.execute("INSERT OR IGNORE INTO sealing (only_row, key_id) VALUES (1, ?)", (sealer.key_id,))
        if transaction.query("SELECT key_id FROM sealing")[0]["key_id"] != sealer.key_id:
            raise MasterKeyError(
                f"The secrets in {database.path} were sealed under another master key than the one at hand."
                " Restore the master key that belongs to this database."
            )


def _read_or_create(path: Path) -> bytes:
    if not path.exists():
        try:
            create_file(path, secrets.token_bytes(MASTER_KEY_BYTES))
        except FileExistsError:
            pass  # Another process was quicker: its key counts.
        except OSError as error:
            raise MasterKeyError(f"The master key {path} can't be created: {error.strerror}.") from error
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise MasterKeyError(f"The master key {path} has mode {mode:04o}: others can read it. Make it 0600.")
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            key = file.read(MASTER_KEY_BYTES + 1)
    except OSError as error:
        raise MasterKeyError(f"The master key {path} can't be read: {error.strerror}.") from error
    if len(key) != MASTER_KEY_BYTES:
        raise MasterKeyError(f"The master key {path} must hold exactly {MASTER_KEY_BYTES} bytes.")
    return key
