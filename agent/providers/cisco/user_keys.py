"""Cisco-IOS-XR-crypto-act: importing and zeroizing the RSA public keys that users log in with.

The originals read the key from a path. Here a path is the bare name of a file in the import folder, and nothing else.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, RpcContext, RpcFunction
from agent.pki.keys import KeyType
from agent.pki.user_keys import MAX_KEY_BYTES
from agent.providers.keys.user_keys import UserKeyOperations
from agent.storage.import_folder import ImportFolder

_USER_LEAF: Final = "username"
_PATH_LEAF: Final = "path"
_NUMBER_LEAF: Final = "key-num"
_LEAVES: Final = MappingProxyType(
    {
        "user": _USER_LEAF,
        "number": _NUMBER_LEAF,
        **dict.fromkeys(("key", "file", "announced_type", "type", "size"), _PATH_LEAF),
    }
)

#: key-num -> number; without it, the first key is meant.
_NUMBERS: Final = MappingProxyType({None: 1, "second": 2, "third": 3, "fourth": 4})

_IMPORT: Final = "key-import-authentication-rsa"
_ZEROIZE: Final = "key-zeroize-authentication-rsa"


def user_key_rpcs(operations: UserKeyOperations, folder: ImportFolder) -> dict[str, RpcFunction]:
    """Name -> function. Each leaves its audit event."""
    rpcs: dict[str, RpcFunction] = {}
    # For the caller, who is in no leaf, and for the user who is named.
    for suffix in ("", "-username"):
        rpcs[_IMPORT + suffix] = _importing(operations, folder, _IMPORT + suffix)
        rpcs[_ZEROIZE + suffix] = _zeroizing(operations, _ZEROIZE + suffix)

    def zeroize_all(request: Record, context: RpcContext) -> None:
        operations.zeroize_all(context.caller, f"{_ZEROIZE}-all", key_type=KeyType.RSA)

    return {**rpcs, f"{_ZEROIZE}-all": zeroize_all}


def _importing(operations: UserKeyOperations, folder: ImportFolder, name: str) -> RpcFunction:
    def call(request: Record, context: RpcContext) -> None:
        operations.import_key(
            context.caller,
            name,
            request.get(_USER_LEAF),
            _NUMBERS[request.get(_NUMBER_LEAF)],
            lambda: folder.read(request[_PATH_LEAF], MAX_KEY_BYTES),
            announced_type=KeyType.RSA,
            leaves=_LEAVES,
        )

    return call


def _zeroizing(operations: UserKeyOperations, name: str) -> RpcFunction:
    def call(request: Record, context: RpcContext) -> None:
        operations.zeroize(
            context.caller,
            name,
            request.get(_USER_LEAF),
            _NUMBERS[request.get(_NUMBER_LEAF)],
            key_type=KeyType.RSA,
            leaves=_LEAVES,
        )

    return call
