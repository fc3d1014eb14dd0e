"""Cisco-IOS-XR-crypto-cepki-oper: the certificates of trustpoints.

There is one place a role: of a chain it has the issuing certification authority. A registration authority has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from agent.northbound.contract import Record, StateQuery
from agent.pki.certificates import CertificateRole, CertificateView
from agent.pki.trustpoint_store import TrustpointStore
from agent.providers.cisco.names import is_cisco_name

TRUSTPOINTS: Final = "/Cisco-IOS-XR-crypto-cepki-oper:crypto-certificate-authority/trustpoints/trustpoint"

_CONTAINERS: Final = MappingProxyType(
    {
        CertificateRole.CA: "certificate-authority-certificate",
        CertificateRole.ROUTER: "router-certificate",
        CertificateRole.ROUTER_SIGNATURE: "router-signature-certificate",
        CertificateRole.ROUTER_ENCRYPTION: "router-encryption-certificate",
    }
)


class CertificateState:
    def __init__(self, store: TrustpointStore) -> None:
        self._store = store

    def trustpoints(self, query: StateQuery) -> Iterator[Record]:
        pinned = query.keys.get("name")
        for name in self._store.names() if pinned is None else (pinned,):
            containers: Record = {}
            for certificate in self._store.certificates(name) if is_cisco_name(name) else ():
                container = _CONTAINERS.get(certificate.role)
                # The one that is nearest to the device comes first.
                if container is not None and container not in containers:
                    containers[container] = _certificate(certificate)
            if containers:
                yield {"name": name, **containers}


def _certificate(certificate: CertificateView) -> Record:
    points = [{"index": index, "cdp-content": url} for index, url in enumerate(certificate.crl_distribution_points)]
    record: Record = {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "certificate-valid-from": int(certificate.not_before.timestamp()),
        "certificate-expires-on": int(certificate.not_after.timestamp()),
        "serial-num": certificate.serial_text,
        "finger-print": certificate.sha1_fingerprint,
        "certificate-data": certificate.pem,
    }
    if points:
        record["crl-distribution-points"] = {"crl-distribution-point": points}
    return record
