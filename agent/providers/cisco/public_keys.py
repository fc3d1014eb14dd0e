"""Cisco-IOS-XR-crypto-cepki-new-oper: public keys, one list a type. Ed25519 has none in any release of the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from agent.northbound.contract import Record, StateQuery
from agent.pki.key_display import type_name
from agent.pki.key_store import KeyPair, KeyStore
from agent.pki.keys import KeyType
from agent.providers.cisco.names import is_cisco_name
from agent.providers.keys.vocabulary import display_data

_MYPUBKEY: Final = "/Cisco-IOS-XR-crypto-cepki-new-oper:crypto-cepki/mypubkey"


@dataclass(frozen=True, slots=True)
class KeyList:
    """A list of the model: where it is, which keys are in it, and what its leaves for name and size are called."""

    path: str
    key_type: KeyType
    name_leaf: str
    size_leaf: str


KEY_LISTS: Final = (
    KeyList(f"{_MYPUBKEY}/rsa-keys/rsa-key", KeyType.RSA, "rsa-key-name", "key-size"),
    KeyList(f"{_MYPUBKEY}/dsa-keys/dsa-key", KeyType.DSA, "dsa-key-name", "key-size"),
    KeyList(f"{_MYPUBKEY}/ecdsa/nistp256-keys/nistp256-key", KeyType.ECDSA_NISTP256, "key-name", "degree"),
    KeyList(f"{_MYPUBKEY}/ecdsa/nistp384-keys/nistp384-key", KeyType.ECDSA_NISTP384, "key-name", "degree"),
    KeyList(f"{_MYPUBKEY}/ecdsa/nistp521-keys/nistp521-key", KeyType.ECDSA_NISTP521, "key-name", "degree"),
)


class PublicKeyState:
    """One of the lists."""

    def __init__(self, key_store: KeyStore, key_list: KeyList) -> None:
        self._key_store = key_store
        self._list = key_list

    def keys(self, query: StateQuery) -> Iterator[Record]:
        for pair in self._key_store.list():
            if pair.type is self._list.key_type and is_cisco_name(pair.label):
                yield self._record(pair)

    def _record(self, pair: KeyPair) -> Record:
        return {
            self._list.name_leaf: pair.label,
            "key-label": pair.label,
            "key-type": type_name(pair.type, pair.parts[0][0]),
            self._list.size_leaf: pair.size,
            "key-creation-time": int(pair.created.timestamp()),
            "key-data": display_data(pair),
        }
