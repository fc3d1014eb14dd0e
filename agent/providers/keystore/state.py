"""The keystore as it is read: the key pairs of the device with the certificates that trustpoints have for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from agent.northbound.contract import Record, StateQuery
from agent.pki.key_certificates import KeyCertificate, certificates_by_key
from agent.pki.key_store import KeyPair, KeyStore
from agent.pki.trustpoint_store import TrustpointStore
from agent.providers.keystore.vocabulary import entries, key_record, named, parse_entry_name
from agent.providers.quotes.state import KEYSTORE_NAME


class KeystoreState:
    def __init__(
        self,
        key_store: KeyStore,
        trustpoint_store: TrustpointStore,
        attestation_key: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        """`attestation_key`: gives that of the TPM, a SubjectPublicKeyInfo, if there is one."""
        self._key_store = key_store
        self._trustpoint_store = trustpoint_store
        self._attestation_key = attestation_key

    def asymmetric_keys(self, query: StateQuery) -> Iterator[Record]:
        wanted = query.keys.get("name")
        found = [
            (name, public_key)
            for pair in self._pairs(wanted)
            for name, public_key in entries(pair)
            if wanted is None or name == wanted
        ]
        attestation_key = self._attestation_key() if wanted in (None, KEYSTORE_NAME) else None
        if attestation_key is not None:
            yield key_record(KEYSTORE_NAME, attestation_key)
        if not found:
            return
        certificates = certificates_by_key(self._trustpoint_store) if query.wants("certificates") else {}
        for name, public_key in found:
            yield key_record(name, public_key) | _certificates(certificates.get(public_key, ()))

    def _pairs(self, wanted: str | None) -> list[KeyPair]:
        if wanted is None:
            return self._key_store.list()
        parsed = parse_entry_name(wanted)
        pair = None if parsed is None else self._key_store.find(parsed[0], parsed[1])
        return [] if pair is None else [pair]


def _certificates(certificates: Sequence[KeyCertificate]) -> Record:
    if not certificates:
        return {}
    listed = [{"name": name, "cert-data": certificate.bag()} for name, certificate in named(certificates)]
    return {"certificates": {"certificate": listed}}
