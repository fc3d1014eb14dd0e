"""The lists of key pairs and of users' keys."""

from __future__ import annotations

from collections.abc import Iterator

from agent.northbound.contract import Record, StateQuery
from agent.pki.key_store import KeyPair, KeyStore
from agent.pki.user_key_store import UserKeyStore
from agent.providers.keys.vocabulary import key_facts, key_name, type_identity, user_key_facts, user_key_name


class KeyState:
    def __init__(self, key_store: KeyStore, user_key_store: UserKeyStore) -> None:
        self._key_store = key_store
        self._user_key_store = user_key_store

    def key_pairs(self, query: StateQuery) -> Iterator[Record]:
        for pair in self._key_store.list():
            if _is_wanted(pair, query):
                yield {**key_name(pair), "origin": pair.origin, **key_facts(pair)}

    def user_keys(self, query: StateQuery) -> Iterator[Record]:
        for imported in self._user_key_store.list(query.keys.get("user")):
            yield {**user_key_name(imported), **user_key_facts(imported)}


def _is_wanted(pair: KeyPair, query: StateQuery) -> bool:
    names = {"type": type_identity(pair.type), "label": pair.label, "origin": pair.origin}
    return all(names[key] == wanted for key, wanted in query.keys.items())
