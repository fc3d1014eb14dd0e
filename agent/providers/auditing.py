"""Rpcs that matter for the security of the device leave an audit event, whether they succeed or not."""

from __future__ import annotations

from agent.clock import Clock
from agent.events import EventBus
from agent.northbound.contract import Record, RpcContext, RpcFunction
from agent.northbound.errors import ProviderError
from agent.providers.system.events import audit_event


def audited(
    action: str, function: RpcFunction, clock: Clock, bus: EventBus, *, target: str | None = None
) -> RpcFunction:
    """`function`, telling of each call as `action` afterwards. `target` names the input leaf that is acted on."""

    def call(request: Record, context: RpcContext) -> Record | None:
        acted_on = None if target is None else request.get(target)
        subject = None if acted_on is None else str(acted_on)
        try:
            answer = function(request, context)
        except ProviderError as error:
            bus.publish(audit_event(clock.now(), context.caller, action, target=subject, reason=error.message))
            raise
        bus.publish(audit_event(clock.now(), context.caller, action, target=subject))
        return answer

    return call
