"""The key pairs that a configuration asks for, and where: the nodes of trustconf-keys and those of
Cisco-IOS-XR-um-crypto-cfg, which are two ways to say the same.

Only RSA key pairs have labels in the configuration; the others are those with the default label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import ConfigView, Record
from agent.pki.keys import DEFAULT_LABEL, KeyPurpose, KeyType, KeyUsage, check_size
from agent.providers.keys.vocabulary import KEY_TYPES

_OURS: Final = "/trustconf-keys:keys"
_CISCO: Final = "/Cisco-IOS-XR-um-crypto-cfg:crypto"

#: The device is in FIPS mode when one of them is there.
FIPS_MODES: Final = (f"{_OURS}/fips-mode", f"{_CISCO}/fips-mode")


@dataclass(frozen=True, slots=True)
class KeySpecification:
    """A key pair that the configuration asks for. Two that are equal need no new key pair."""

    type: KeyType
    label: str
    size: int
    usage: KeyUsage = KeyUsage.GENERAL


@dataclass(frozen=True, slots=True)
class KeyNode:
    """A node that asks for a key pair.

    Attributes:
        path: its schema path.
        specify: what its record asks for; None for nothing.
        leaves: "label" and "size" -> the leaf that says it. What has no leaf, the node itself says.
        shown: which leaf shows the public key for a purpose.
    """

    path: str
    specify: Callable[[Record], KeySpecification | None]
    leaves: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    shown: Mapping[KeyPurpose, str] = field(default_factory=lambda: MappingProxyType({}))


def _rsa(record: Record) -> KeySpecification:
    return KeySpecification(KeyType.RSA, record["label"], record["size"], KeyUsage(record["usage"]))


def _dsa(record: Record) -> KeySpecification:
    return KeySpecification(KeyType.DSA, DEFAULT_LABEL, record["size"])


def _ecdsa(record: Record) -> KeySpecification:
    return _of_one_size(KEY_TYPES[record["curve"]])


def _cisco_rsa(record: Record) -> KeySpecification:
    usage = KeyUsage.USAGE if "usage-keys" in record else KeyUsage.GENERAL
    return KeySpecification(KeyType.RSA, record["label-name"], record["key-module-size"], usage)


def _cisco_dsa(record: Record) -> KeySpecification | None:
    # A container without presence: only the leaf says that there is a key.
    size = record.get("number-of-bits")
    return None if size is None else KeySpecification(KeyType.DSA, DEFAULT_LABEL, size)


def _of_one_size(key_type: KeyType) -> KeySpecification:
    return KeySpecification(key_type, DEFAULT_LABEL, check_size(key_type, None))


def _present(path: str, key_type: KeyType) -> KeyNode:
    """A node that says everything by being there."""
    return KeyNode(path, lambda record: _of_one_size(key_type))


_PEM: Final = "public-key-pem"
_SHOWN: Final = MappingProxyType({KeyPurpose.GENERAL: _PEM, KeyPurpose.SIGNATURE: _PEM})
_RSA_SHOWN: Final = MappingProxyType({**_SHOWN, KeyPurpose.ENCRYPTION: "encryption-public-key-pem"})
#: The model has one place a label; of usage keys, it is that of the pair that signs.
_CISCO_SHOWN: Final = MappingProxyType({KeyPurpose.GENERAL: "pubkey", KeyPurpose.SIGNATURE: "pubkey"})

#: Every node that asks for a key pair.
KEY_NODES: Final = (
    KeyNode(f"{_OURS}/rsa-key", _rsa, MappingProxyType({"label": "label", "size": "size"}), _RSA_SHOWN),
    KeyNode(f"{_OURS}/dsa-key", _dsa, MappingProxyType({"size": "size"}), _SHOWN),
    KeyNode(f"{_OURS}/ecdsa-key", _ecdsa, shown=_SHOWN),
    KeyNode(f"{_OURS}/ed25519-key", lambda record: _of_one_size(KeyType.ED25519), shown=_SHOWN),
    KeyNode(
        f"{_CISCO}/key/generate/rsa/label",
        _cisco_rsa,
        MappingProxyType({"label": "label-name", "size": "key-module-size"}),
        _CISCO_SHOWN,
    ),
    KeyNode(f"{_CISCO}/key/generate/dsa", _cisco_dsa, MappingProxyType({"size": "number-of-bits"})),
    _present(f"{_CISCO}/key/generate/ecdsa/nistp256", KeyType.ECDSA_NISTP256),
    _present(f"{_CISCO}/key/generate/ecdsa/nistp384", KeyType.ECDSA_NISTP384),
    _present(f"{_CISCO}/key/generate/ecdsa/nistp521", KeyType.ECDSA_NISTP521),
    _present(f"{_CISCO}/key/generate/ed25519", KeyType.ED25519),
)
_BY_PATH: Final = {node.path: node for node in KEY_NODES}


def node_at(path: str) -> KeyNode:
    """The node at an instance path of one of KEY_NODES."""
    return _BY_PATH[path.partition("[")[0]]


def specification(path: str, record: Record | None) -> KeySpecification | None:
    """What the node at the instance path `path` asks for; None for nothing, and for no node."""
    return None if record is None else node_at(path).specify(record)


def configured_keys(view: ConfigView) -> Iterator[KeySpecification]:
    """All that a configuration asks for."""
    for _, wanted in specifying_nodes(view):
        yield wanted


def specifying_nodes(view: ConfigView) -> Iterator[tuple[KeyNode, KeySpecification]]:
    """The nodes that ask for a key pair, and for which."""
    for node in KEY_NODES:
        found = view.get(node.path)
        for record in found if isinstance(found, list) else [] if found is None else [found]:
            wanted = node.specify(record)
            if wanted is not None:
                yield node, wanted
