"""The key pairs that a configuration asks for: its nodes as specifications, and where each node is.

Only RSA key pairs have labels in the configuration; the others are those with the default label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import ConfigView, Record
from agent.pki.keys import DEFAULT_LABEL, KeyType, KeyUsage, check_size
from agent.providers.keys.vocabulary import KEY_TYPES

KEYS: Final = "/trustconf-keys:keys"
FIPS_MODE: Final = f"{KEYS}/fips-mode"


@dataclass(frozen=True, slots=True)
class KeySpecification:
    """A key pair that the configuration asks for. Two that are equal need no new key pair."""

    type: KeyType
    label: str
    size: int
    usage: KeyUsage = KeyUsage.GENERAL


def _rsa(record: Record) -> KeySpecification:
    return KeySpecification(KeyType.RSA, record["label"], record["size"], KeyUsage(record["usage"]))


def _dsa(record: Record) -> KeySpecification:
    return KeySpecification(KeyType.DSA, DEFAULT_LABEL, record["size"])


def _ecdsa(record: Record) -> KeySpecification:
    key_type = KEY_TYPES[record["curve"]]
    return KeySpecification(key_type, DEFAULT_LABEL, check_size(key_type, None))


def _ed25519(record: Record) -> KeySpecification:
    return KeySpecification(KeyType.ED25519, DEFAULT_LABEL, check_size(KeyType.ED25519, None))


#: Schema path of each node that asks for a key pair -> what it asks for.
SPECIFYING: Final[Mapping[str, Callable[[Record], KeySpecification]]] = MappingProxyType(
    {
        f"{KEYS}/rsa-key": _rsa,
        f"{KEYS}/dsa-key": _dsa,
        f"{KEYS}/ecdsa-key": _ecdsa,
        f"{KEYS}/ed25519-key": _ed25519,
    }
)


def specification(path: str, record: Record | None) -> KeySpecification | None:
    """What the node at the instance path `path` asks for; None for no node."""
    return None if record is None else SPECIFYING[path.partition("[")[0]](record)


def configured_keys(view: ConfigView) -> Iterator[KeySpecification]:
    """All that a configuration asks for."""
    for path, specify in SPECIFYING.items():
        found = view.get(path)
        for record in found if isinstance(found, list) else [] if found is None else [found]:
            yield specify(record)
