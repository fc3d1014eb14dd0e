"""create-subscription (RFC 5277 section 2.1.1)."""

from __future__ import annotations

from typing import Final

from lxml import etree

from agent.netconf.errors import RequestError, RpcError
from agent.netconf.event_filters import EventFilter, subtree_event_filter, xpath_event_filter
from agent.netconf.messages import OK, Reply
from agent.netconf.operations.request import Parameters, Request, missing, not_supported
from agent.netconf.operations.retrieval import filter_type, xpath_of
from agent.netconf.subscriptions import Subscription

#: The only stream there is, as RFC 5277 prescribes it.
STREAM: Final = "NETCONF"


def create_subscription(request: Request) -> Reply:
    """Events flow from the moment of the reply, and after it. One subscription a session."""
    # ncclient and others write the filter as that of <get>.
    parameters = Parameters(request.operation, ("stream", "filter", "startTime", "stopTime"), base_too=("filter",))
    stream = parameters.text("stream")
    if stream is not None and stream != STREAM:
        raise RequestError(RpcError("invalid-value", f"There is no stream of that name; use {STREAM}."))
    if "startTime" in parameters:
        raise not_supported("Replay is not supported; subscribe without startTime.")
    if "stopTime" in parameters:
        raise missing("startTime", "A create-subscription with stopTime")
    session = request.session
    if session.subscription is not None:
        raise RequestError(
            RpcError("operation-failed", "This session has a subscription already; open another session for more.")
        )
    element = parameters.element("filter")
    wanted = None if element is None else _event_filter(request, element)
    subscription = Subscription(session, request.services, wanted)
    session.subscription = subscription
    session.after_reply(subscription.start)
    return OK


def _event_filter(request: Request, element: etree._Element) -> EventFilter:
    services = request.services
    if filter_type(element) == "subtree":
        return subtree_event_filter(element, services.schema, services.limits.filter_nodes)
    text, nsmap = xpath_of(element)
    return xpath_event_filter(text, nsmap, services.schema)
