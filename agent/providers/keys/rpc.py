"""generate-key-pair and zeroize-key-pair."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, RpcContext
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyUsage
from agent.providers.keys.operations import generate, zeroize
from agent.providers.keys.vocabulary import KEY_TYPES, key_facts, key_name

_LEAVES: Final = MappingProxyType({"type": "type", "label": "label", "size": "size"})


class KeyRpcs:
    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def generate_key_pair(self, request: Record, context: RpcContext) -> Record:
        pair = generate(
            self._key_store,
            KEY_TYPES[request["type"]],
            request["label"],
            size=request.get("size"),
            usage=KeyUsage(request["usage"]),
            leaves=_LEAVES,
        )
        return {**key_name(pair), **key_facts(pair)}

    def zeroize_key_pair(self, request: Record, context: RpcContext) -> Record:
        # Without a label the input has `all`: the choice is mandatory.
        pairs = zeroize(self._key_store, KEY_TYPES[request["type"]], request.get("label"), leaves=_LEAVES)
        return {"zeroized": [key_name(pair) for pair in pairs]}
