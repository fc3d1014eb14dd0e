"""Cisco-IOS-XR-crypto-act: the same operations as our own rpcs have, under Cisco's names. None has an output."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, RpcContext, RpcFunction
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyType, KeyUsage
from agent.providers.keys.operations import generate, zeroize
from agent.providers.trustpoints.operations import TrustpointOperations

MODULE: Final = "Cisco-IOS-XR-crypto-act"

KEY_LEAF: Final = "key-label"
TRUSTPOINT_LEAF: Final = "server-name"
_SIZE_LEAF: Final = "key-modulus"
_LEAVES: Final = MappingProxyType({"label": KEY_LEAF, "size": _SIZE_LEAF})

#: key-modulus of the ECDSA rpcs -> key type.
_CURVES: Final = MappingProxyType(
    {
        "nistp256": KeyType.ECDSA_NISTP256,
        "nistp384": KeyType.ECDSA_NISTP384,
        "nistp521": KeyType.ECDSA_NISTP521,
    }
)


@dataclass(frozen=True, slots=True)
class _KeyKind:
    """What an rpc makes or deletes; `key_type` None: the curve in key-modulus says it."""

    key_type: KeyType | None
    usage: KeyUsage = KeyUsage.GENERAL

    def type_of(self, request: Record) -> KeyType:
        return self.key_type or _CURVES[request[_SIZE_LEAF]]

    def size_of(self, request: Record) -> int | None:
        return None if self.key_type is None else request.get(_SIZE_LEAF)


_GENERATED: Final = MappingProxyType(
    {
        "key-generate-rsa": _KeyKind(KeyType.RSA),
        "key-generate-rsa-general-keys": _KeyKind(KeyType.RSA),
        "key-generate-rsa-usage-keys": _KeyKind(KeyType.RSA, KeyUsage.USAGE),
        "key-generate-dsa": _KeyKind(KeyType.DSA),
        "key-generate-ecdsa": _KeyKind(None),
        "key-generate-ed25519": _KeyKind(KeyType.ED25519),
    }
)
_ZEROIZED: Final = MappingProxyType(
    {
        "key-zeroize-rsa": _KeyKind(KeyType.RSA),
        "key-zeroize-dsa": _KeyKind(KeyType.DSA),
        "key-zeroize-ecdsa": _KeyKind(None),
        "key-zeroize-ed25519": _KeyKind(KeyType.ED25519),
    }
)


def key_rpcs(key_store: KeyStore) -> dict[str, RpcFunction]:
    """Name -> function, for the rpcs on key pairs."""
    generating = {name: _generating(key_store, kind) for name, kind in _GENERATED.items()}
    zeroizing = {name: _zeroizing(key_store, kind) for name, kind in _ZEROIZED.items()}
    return {**generating, **zeroizing}


def trustpoint_rpcs(operations: TrustpointOperations) -> dict[str, RpcFunction]:
    """Name -> function, for the rpcs on trustpoints."""

    def authenticate(request: Record, context: RpcContext) -> None:
        operations.authenticate(request[TRUSTPOINT_LEAF], TRUSTPOINT_LEAF)

    def enroll(request: Record, context: RpcContext) -> None:
        operations.enroll(request[TRUSTPOINT_LEAF], TRUSTPOINT_LEAF)

    def clear(request: Record, context: RpcContext) -> None:
        operations.clear(request[TRUSTPOINT_LEAF])

    return {"ca-authenticate": authenticate, "ca-enroll": enroll, "ca-clear-certificates": clear}


def _generating(key_store: KeyStore, kind: _KeyKind) -> RpcFunction:
    def call(request: Record, context: RpcContext) -> None:
        generate(
            key_store,
            kind.type_of(request),
            request.get(KEY_LEAF),
            size=kind.size_of(request),
            usage=kind.usage,
            leaves=_LEAVES,
        )

    return call


def _zeroizing(key_store: KeyStore, kind: _KeyKind) -> RpcFunction:
    def call(request: Record, context: RpcContext) -> None:
        # No label, and an empty one, mean all of the type (the guide: "crypto key zeroize rsa").
        zeroize(key_store, kind.type_of(request), request.get(KEY_LEAF) or None, leaves=_LEAVES)

    return call
