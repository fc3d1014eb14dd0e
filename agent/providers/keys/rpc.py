"""generate-key-pair and zeroize-key-pair, import-user-key and zeroize-user-key."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, RpcContext
from agent.pki.key_holders import HeldBy
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyUsage
from agent.providers.keys.operations import generate, zeroize
from agent.providers.keys.user_keys import UserKeyOperations
from agent.providers.keys.vocabulary import KEY_TYPES, key_facts, key_name, user_key_facts, user_key_name

_LEAVES: Final = MappingProxyType({"type": "type", "label": "label", "size": "size", "held_by": "held-by"})


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
            held_by=HeldBy(request["held-by"]),
            leaves=_LEAVES,
        )
        return {**key_name(pair), **key_facts(pair)}

    def zeroize_key_pair(self, request: Record, context: RpcContext) -> Record:
        # Without a label the input has `all`: the choice is mandatory.
        pairs = zeroize(self._key_store, KEY_TYPES[request["type"]], request.get("label"), leaves=_LEAVES)
        return {"zeroized": [key_name(pair) for pair in pairs]}


class UserKeyRpcs:
    def __init__(self, operations: UserKeyOperations) -> None:
        self._operations = operations

    def import_user_key(self, request: Record, context: RpcContext) -> Record:
        # The choice is mandatory: one of the two is there.
        form, data = ("key", request["key"].encode()) if "key" in request else ("key-data", request["key-data"])
        imported = self._operations.import_key(
            context.caller,
            "import-user-key",
            request.get("user"),
            request["key-number"],
            lambda: data,
            announced_type=KEY_TYPES[request["type"]] if "type" in request else None,
            leaves={"user": "user", "announced_type": "type", "key": form, "type": form, "size": form},
        )
        return {**user_key_name(imported), **user_key_facts(imported)}

    def zeroize_user_key(self, request: Record, context: RpcContext) -> Record:
        if "all-users" in request:
            removed = self._operations.zeroize_all(context.caller, "zeroize-user-key")
        else:
            # Without a number the input has `all`: the choice is mandatory.
            removed = self._operations.zeroize(
                context.caller,
                "zeroize-user-key",
                request.get("user"),
                request.get("key-number"),
                leaves={"user": "user", "number": "key-number"},
            )
        return {"zeroized": [user_key_name(imported) for imported in removed]}
