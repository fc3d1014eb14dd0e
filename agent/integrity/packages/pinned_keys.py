"""The keys that somebody has pinned: OpenPGP keys of packagers, public keys of whoever says what is known good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from agent.integrity.packages.openpgp import Keyring, OpenPgpError

OPENPGP_SUFFIXES = (".asc", ".gpg", ".pgp")
PEM_SUFFIX = ".pem"
_SUFFIXES = ", ".join((*OPENPGP_SUFFIXES, PEM_SUFFIX))


@dataclass(frozen=True, slots=True)
class PinnedKeys:
    """Keys of packages, keys of known good values, and what is wrong with files that hold neither."""

    packages: Keyring
    known_good: tuple[object, ...]
    problems: tuple[str, ...]


def read_pinned_keys(files: Mapping[str, bytes]) -> PinnedKeys:
    """The keys in these files: names and contents. Never raises: a file that is no key is told as a problem."""
    keyring = Keyring()
    known_good: list[object] = []
    problems: list[str] = []
    for name, content in files.items():
        try:
            if name.endswith(OPENPGP_SUFFIXES):
                keyring.add(content)
            elif name.endswith(PEM_SUFFIX):
                known_good.append(serialization.load_pem_public_key(content))
            else:
                problems.append(f"{name} in the folder package-keys is ignored: its name must end in {_SUFFIXES}")
        except (OpenPgpError, ValueError, TypeError, UnsupportedAlgorithm):
            problems.append(f"{name} in the folder package-keys is ignored: it is not a public key")
    return PinnedKeys(keyring, tuple(known_good), tuple(problems))
