"""generate-csr: a certification request of the caller's, signed by a key of the device."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, RpcContext
from agent.northbound.errors import ProviderError
from agent.pki.key_store import KeyStore
from agent.pki.request_info import sign_request_info
from agent.providers.keystore.vocabulary import parse_entry_name
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing

_LEAVES: Final = MappingProxyType({"request": "csr-info"})


class KeystoreActions:
    def __init__(self, key_store: KeyStore) -> None:
        self._key_store = key_store

    def generate_csr(self, request: Record, context: RpcContext) -> Record:
        name = context.instance_keys[-1]["name"]
        parsed = parse_entry_name(name)
        if parsed is None:
            raise ProviderError("data-missing", f"There is no key {name}.", app_tag="key-not-found")
        key_type, label, purpose = parsed
        with refusing(PKI_REFUSALS, _LEAVES):
            # Of usage keys, the one that encrypts signs its own request as well: it is the only proof of possession.
            key = self._key_store.private_key(key_type, label, purpose=purpose)
            return {"p10-csr": sign_request_info(request["csr-info"], key_type, key)}
