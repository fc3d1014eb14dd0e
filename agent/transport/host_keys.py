"""The SSH server's own identity: one key of each kind that clients may know, made on the first start.

Older clients know no rsa-sha2 host keys and newer ones prefer Ed25519, so all three are offered at once. The files are
OpenSSH private keys, mode 0600, in a folder of mode 0700; they are complete or absent, never half written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.storage.state_folder import replace_file

RSA_BITS = 3072


@dataclass(frozen=True, slots=True)
class _Kind:
    file_name: str
    generate: Callable[[], PrivateKeyTypes]
    load: Callable[[str], paramiko.PKey]


_KINDS = (
    _Kind("ssh_host_ed25519_key", ed25519.Ed25519PrivateKey.generate, paramiko.Ed25519Key.from_private_key_file),
    _Kind(
        "ssh_host_ecdsa_key",
        lambda: ec.generate_private_key(ec.SECP256R1()),
        paramiko.ECDSAKey.from_private_key_file,
    ),
    _Kind(
        "ssh_host_rsa_key",
        lambda: rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS),
        paramiko.RSAKey.from_private_key_file,
    ),
)


class HostKeyError(Exception):
    """A host key file can't be used; the message names the file and says what to do."""


def load_or_create(folder: Path) -> list[paramiko.PKey]:
    """The host keys kept in `folder`; those that are missing are made. Raises HostKeyError for an unusable file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [_load(folder, kind) for kind in _KINDS]


def _load(folder: Path, kind: _Kind) -> paramiko.PKey:
    path = folder / kind.file_name
    if not path.exists():
        pem = kind.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        replace_file(path, pem)
    if path.stat().st_mode & 0o077:
        raise HostKeyError(f"{path} can be read by others: set its mode to 0600")
    try:
        return kind.load(str(path))
    except (paramiko.SSHException, ValueError, OSError) as error:
        raise HostKeyError(f"{path} is not a usable host key: remove it and a new one is made at the start") from error
