"""authenticate, enroll and clear-certificates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.northbound.contract import Record, RpcContext
from agent.pki.certificates import CertificateView
from agent.providers.trustpoints.operations import TrustpointOperations
from agent.providers.trustpoints.vocabulary import certificate_entries

NAME_LEAF: Final = "trustpoint"


class TrustpointRpcs:
    def __init__(self, operations: TrustpointOperations) -> None:
        self._operations = operations

    def authenticate(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        return self._outcome(name, self._operations.authenticate(name, NAME_LEAF))

    def enroll(self, request: Record, context: RpcContext) -> Record:
        name = request[NAME_LEAF]
        return self._outcome(name, self._operations.enroll(name, NAME_LEAF))

    def clear_certificates(self, request: Record, context: RpcContext) -> Record:
        return {"cleared": self._operations.clear(request[NAME_LEAF])}

    def _outcome(self, name: str, certificates: Sequence[CertificateView]) -> Record:
        return {
            "enrollment-state": self._operations.state(name),
            "certificate": [entry for _, entry in certificate_entries(certificates)],
        }
