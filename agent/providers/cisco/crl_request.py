"""ca-crl-request of Cisco-IOS-XR-crypto-act: the latest revocation list of a distribution point, for whoever asks.

It is checked against the certification authorities of all trustpoints, and not kept.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.northbound.contract import Record, RpcContext
from agent.pki.certificates import CertificateRole
from agent.pki.crls import check_crl, fetch_crl
from agent.providers.pki_errors import PKI_REFUSALS
from agent.providers.refusals import refusing
from agent.providers.services import Services

URL_LEAF: Final = "uri"
#: Seconds; whoever asks waits for the answer.
TIMEOUT: Final = 5.0

_LEAVES: Final = {"crl_url": URL_LEAF}


class CrlRequest:
    """The rpc."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def __call__(self, request: Record, context: RpcContext) -> Record:
        services = self._services
        with refusing(PKI_REFUSALS, _LEAVES):
            fetching = services.enroller.context.scheduler.run(lambda: fetch_crl(request[URL_LEAF], timeout=TIMEOUT))
            crl = fetching.result()
            check_crl(crl, self._authorities(), services.clock.now())
        return {"certificate": crl.public_bytes(Encoding.PEM).decode()}

    def _authorities(self) -> list[x509.Certificate]:
        store = self._services.trustpoint_store
        return [
            stored.certificate
            for name in store.names()
            for stored in store.stored(name)
            if stored.role is CertificateRole.CA
        ]
