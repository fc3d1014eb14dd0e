"""What matters for the security of the device leaves an audit event, whether it succeeds or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agent.caller import Caller
from agent.northbound.contract import Record, RpcContext, RpcFunction
from agent.northbound.errors import ProviderError
from agent.providers.services import Services
from agent.providers.system.events import audit_event


@contextmanager
def auditing(services: Services, caller: Caller, action: str, target: str | None = None) -> Iterator[None]:
    """The block is `action` on `target` by `caller`; its end is told, and the reason if it ends with a
    ProviderError."""
    try:
        yield
    except ProviderError as error:
        event = audit_event(services.clock.now(), caller, action, target=target, reason=error.message)
        services.bus.publish(event)
        raise
    services.bus.publish(audit_event(services.clock.now(), caller, action, target=target))


def audited(services: Services, action: str, function: RpcFunction, *, target: str | None = None) -> RpcFunction:
    """`function` with an audit event for each call. `target` names the input leaf that is acted on; an action acts on
    the entry that it is called on."""

    def call(request: Record, context: RpcContext) -> Record | None:
        acted_on = request.get(target) if target is not None else _instance(context)
        with auditing(services, context.caller, action, None if acted_on is None else str(acted_on)):
            return function(request, context)

    return call


def _instance(context: RpcContext) -> str | None:
    """The list entry that an action is called on, by its keys; None for an rpc."""
    return " ".join(context.instance_keys[-1].values()) if context.instance_keys else None
