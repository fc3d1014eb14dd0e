"""Cisco-IOS-XR-crypto-act: the same operations as our own rpcs have, under Cisco's names. None has an output."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, RpcContext, RpcFunction
from agent.northbound.errors import ProviderError
from agent.pki.certificate_texts import PASTED_MAX_BYTES
from agent.pki.key_store import KeyStore
from agent.pki.keys import KeyType, KeyUsage
from agent.providers.keys.operations import generate, zeroize
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.trustpoints.operations import TrustpointOperations
from agent.providers.trustpool.operations import URL_LEAF, TrustpoolOperations
from agent.storage.import_folder import ImportFolder

MODULE: Final = "Cisco-IOS-XR-crypto-act"

KEY_LEAF: Final = "key-label"
TRUSTPOINT_LEAF: Final = "server-name"
_SIZE_LEAF: Final = "key-modulus"
_LEAVES: Final = MappingProxyType({"label": KEY_LEAF, "size": _SIZE_LEAF})

_FILE_LEAF: Final = "file-path"
_FILE_LEAVES: Final = MappingProxyType({"file": _FILE_LEAF})
#: Input leaf of ours that is at fault -> the one of these rpcs.
_TRUSTPOINT_LEAVES: Final = MappingProxyType(
    {TRUSTPOINT_LEAF: TRUSTPOINT_LEAF, _FILE_LEAF: _FILE_LEAF, "certificate": _FILE_LEAF}
)
#: What the originals ask for in a dialogue, by the refusal that it is missing -> where it is given.
_INSTEAD: Final = MappingProxyType(
    {
        "certificate-missing": (
            "Give it to the rpcs authenticate and import-certificate of trustconf-trustpoints; or put it into a file in"
            " the folder 'import' of the agent's state folder, and name the file as file-path.",
        ),
        "challenge-password-missing": ("Only the rpc enroll of trustconf-trustpoints has an input for it.",),
        "not-authenticated": (
            "If certificates of the certification authority wait to be accepted, give the fingerprint of one of them"
            " to the rpc accept-ca of trustconf-trustpoints.",
        ),
    }
)

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


def trustpoint_rpcs(operations: TrustpointOperations, folder: ImportFolder) -> dict[str, RpcFunction]:
    """Name -> function, for the rpcs on trustpoints. Certificates are read from files in `folder`."""

    def authenticate(request: Record, context: RpcContext) -> None:
        operations.authenticate(request[TRUSTPOINT_LEAF], TRUSTPOINT_LEAF, pasted=_file(request, folder))

    def enroll(request: Record, context: RpcContext) -> None:
        operations.enroll(request[TRUSTPOINT_LEAF], TRUSTPOINT_LEAF)

    def cancel(request: Record, context: RpcContext) -> None:
        operations.cancel(request[TRUSTPOINT_LEAF], TRUSTPOINT_LEAF)

    def import_certificate(request: Record, context: RpcContext) -> None:
        certificate = _file(request, folder)
        if certificate is None:
            raise ProviderError("missing-element", "This rpc needs a certificate.", app_tag="certificate-missing")
        operations.import_certificate(request[TRUSTPOINT_LEAF], TRUSTPOINT_LEAF, certificate)

    def clear(request: Record, context: RpcContext) -> None:
        operations.clear(request[TRUSTPOINT_LEAF])

    return {
        "ca-authenticate": _explaining(authenticate),
        "ca-enroll": _explaining(enroll),
        "ca-cancel-enroll": cancel,
        "ca-import-certificate": _explaining(import_certificate),
        "ca-clear-certificates": clear,
    }


def trustpool_rpcs(operations: TrustpoolOperations) -> dict[str, RpcFunction]:
    """Name -> function, for the rpcs on the trustpool."""

    def import_bundle(request: Record, context: RpcContext) -> None:
        operations.import_bundle(request.get(URL_LEAF))

    def clean(request: Record, context: RpcContext) -> None:
        # All of it, whatever URL is named (the guide: "Manually Update Certificates in Trust Pool", step 1).
        operations.clean()

    return {"ca-trustpool-import-url": import_bundle, "ca-trustpool-import-url-clean": clean}


def _file(request: Record, folder: ImportFolder) -> bytes | None:
    """What the file that the request names holds; None if it names none. Raises ProviderError."""
    name = request.get(_FILE_LEAF)
    if name is None:
        return None
    with refusing(PKI_REFUSALS, _FILE_LEAVES):
        return folder.read(name, PASTED_MAX_BYTES)


def _explaining(function: RpcFunction) -> RpcFunction:
    """`function`, whose refusals name leaves of these rpcs, and where to give what these rpcs have no input for."""

    def call(request: Record, context: RpcContext) -> Record | None:
        try:
            return function(request, context)
        except ProviderError as error:
            message = " ".join((error.message, *_INSTEAD.get(error.app_tag or "", ())))
            path = _TRUSTPOINT_LEAVES.get(error.path or "")
            raise ProviderError(error.tag, message, path=path, app_tag=error.app_tag) from error

    return call


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
