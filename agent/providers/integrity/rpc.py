"""collect-dossier and sign."""

from __future__ import annotations

from agent.integrity.dossier import DossierRequest
from agent.northbound.contract import Record, RpcContext
from agent.providers.integrity.operations import IntegrityOperations


class IntegrityRpcs:
    def __init__(self, operations: IntegrityOperations) -> None:
        self._operations = operations

    def collect_dossier(self, request: Record, context: RpcContext) -> Record:
        nonce = request.get("nonce")
        wanted = DossierRequest(selectors=[_bare(identity) for identity in request.get("selector", ())], nonce=nonce)
        if "sign" not in request:
            return {"dossier": self._operations.collect(wanted, context.caller)}
        sign = request["sign"]
        envelope = self._operations.collect_signed(
            wanted,
            context.caller,
            nonce=sign.get("nonce", nonce),
            include_certificate=sign["include-certificate"],
            include_tpm_quote=sign["include-tpm-quote"],
        )
        return {"envelope": envelope}

    def sign(self, request: Record, context: RpcContext) -> Record:
        envelope = self._operations.sign(
            request["payload"],
            nonce=request.get("nonce"),
            include_certificate=request["include-certificate"],
            include_tpm_quote=request["include-tpm-quote"],
        )
        return {"envelope": envelope}


def _bare(identity: str) -> str:
    """The selector's name: identities of selectors are called as the dossier's sections are."""
    return identity.partition(":")[2]
