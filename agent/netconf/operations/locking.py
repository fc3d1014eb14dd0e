"""lock and unlock (RFC 6241 sections 7.5 and 7.6)."""

from __future__ import annotations

from agent.netconf.messages import OK, Reply
from agent.netconf.operations.datastore_names import read_target
from agent.netconf.operations.request import Parameters, Request


def lock(request: Request) -> Reply:
    target = read_target(Parameters(request.operation, ("target",)))
    request.services.datastores.lock(target, caller=request.caller)
    return OK


def unlock(request: Request) -> Reply:
    target = read_target(Parameters(request.operation, ("target",)))
    request.services.datastores.unlock(target, caller=request.caller)
    return OK
