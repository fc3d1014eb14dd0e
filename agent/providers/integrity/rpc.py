"""collect-dossier and sign. Their answers may be larger than memory: a TextStream (northbound/contract.py)."""

from __future__ import annotations

from agent.integrity.content import BytesContent
from agent.integrity.dossier import DossierRequest
from agent.northbound.contract import Record, RpcContext
from agent.providers.integrity.operations import IntegrityOperations, SigningOptions


class IntegrityRpcs:
    def __init__(self, operations: IntegrityOperations) -> None:
        self._operations = operations

    def collect_dossier(self, request: Record, context: RpcContext) -> Record:
        nonce = request.get("nonce")
        wanted = DossierRequest(selectors=[_bare(identity) for identity in request.get("selector", ())], nonce=nonce)
        if "sign" not in request:
            return {"dossier": self._operations.collect(wanted, context.caller, context.abandoned)}
        options = _options(request["sign"], nonce)
        return {"envelope": self._operations.collect_signed(wanted, context.caller, context.abandoned, options)}

    def sign(self, request: Record, context: RpcContext) -> Record:
        return {"envelope": self._operations.sign(BytesContent(request["payload"]), _options(request, None))}


def _options(request: Record, nonce: str | None) -> SigningOptions:
    """What the leaves of the grouping signing-options say; `nonce` is the one to use if they have none."""
    return SigningOptions(
        nonce=request.get("nonce", nonce),
        include_certificate=request["include-certificate"],
        include_tpm_quote=request["include-tpm-quote"],
        form=request["form"],
        compression=request["compression"],
    )


def _bare(identity: str) -> str:
    """The selector's name: identities of selectors are called as the dossier's sections are."""
    return identity.partition(":")[2]
