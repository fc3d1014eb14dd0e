"""collect-dossier and sign. Their answers may be larger than memory: a TextStream (northbound/contract.py)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from agent.integrity.content import BytesContent
from agent.integrity.dossier import DossierRequest
from agent.integrity.sections import asctime
from agent.integrity.sources.description import NODE_NAME
from agent.integrity.tpm.quoting import DEFAULT_REGISTERS
from agent.northbound.contract import Record, RpcContext
from agent.providers.integrity.operations import IntegrityOperations, SigningOptions


class IntegrityRpcs:
    def __init__(self, operations: IntegrityOperations) -> None:
        self._operations = operations

    def collect_dossier(self, request: Record, context: RpcContext) -> Record:
        nonce = request.get("nonce")
        wanted = DossierRequest(
            selectors=[_bare(identity) for identity in request.get("selector", ())],
            nonce=nonce,
            filesystem_inventory_options=_snapshots(request.get("filesystem-inventory")),
            incremental_ima=_events(request.get("incremental-ima")),
        )
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
        registers=tuple(request.get("quoted-register", ())) or DEFAULT_REGISTERS,
        form=request["form"],
        compression=request["compression"],
    )


def _snapshots(wanted: Record | None) -> dict[str, Any] | None:
    """The guide's filesystem-inventory-options."""
    if wanted is None:
        return None
    count = {"count": wanted["count"]} if "count" in wanted else {}
    return {NODE_NAME: {"block_start": wanted["block-start"], **count}}


def _events(wanted: Record | None) -> dict[str, Any] | None:
    """The guide's incremental-ima."""
    if wanted is None:
        return None
    time = wanted.get("start-time")
    start = {} if time is None else {"start_time": _in_words(time)}
    return {"ima_start": [{NODE_NAME: {"start_event": wanted["start-event"], **start}}]}


def _in_words(time: str) -> str:
    try:
        return asctime(datetime.fromisoformat(time))
    except (ValueError, OverflowError):
        # A leap second, or a year that no device has seen: the section says that it makes no sense.
        return time


def _bare(identity: str) -> str:
    """The selector's name: identities of selectors are called as the dossier's sections are."""
    return identity.partition(":")[2]
