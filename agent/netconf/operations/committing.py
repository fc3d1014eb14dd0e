"""commit, discard-changes and validate (RFC 6241 sections 8.3.4 and 8.6.4)."""

from __future__ import annotations

from typing import Final

from agent.netconf.messages import OK, Reply
from agent.netconf.operations.datastore_names import read_source
from agent.netconf.operations.request import Parameters, Request, not_supported

#: Parameters of a confirmed commit (RFC 6241 section 8.4).
CONFIRMED_COMMIT: Final = ("confirmed", "confirm-timeout", "persist", "persist-id")


def commit(request: Request) -> Reply:
    parameters = Parameters(request.operation, CONFIRMED_COMMIT)
    for name in CONFIRMED_COMMIT:
        if name in parameters:
            raise not_supported(f"Confirmed commits are not supported; commit without {name}.")
    request.services.datastores.commit(caller=request.caller)
    return OK


def discard_changes(request: Request) -> Reply:
    Parameters(request.operation, ())
    request.services.datastores.discard(caller=request.caller)
    return OK


def validate(request: Request) -> Reply:
    source = read_source(Parameters(request.operation, ("source",)))
    request.services.datastores.validate(source)
    return OK
