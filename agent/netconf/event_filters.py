"""Filters on notifications (RFC 5277 section 3.6): an event passes whole, or not at all.

For a filter the document is what is sent: the notification's element stands at the top, where configuration has its
top-level nodes, or below the data nodes that it belongs to. So both kinds of filters work on the schema of such
documents (agent/yang/notifications.py).
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from agent.netconf.filters import compile_filter
from agent.yang.notifications import notification_schema
from agent.yang.schema import Schema
from agent.yang.selection import select
from agent.yang.tree import Inner
from agent.yang.xpath import XPathEvaluator

#: True for the document of a notification that is wanted.
EventFilter = Callable[[Inner], bool]


def subtree_event_filter(element: etree._Element, schema: Schema, max_nodes: int) -> EventFilter:
    """The filter that the children of a <filter> element make. Raises RequestError when it is too big."""
    selections = compile_filter(element, notification_schema(schema), max_nodes)
    return lambda event: bool(select(event, selections).children)


def xpath_event_filter(text: str, nsmap: dict[str, str], schema: Schema) -> EventFilter:
    """The filter that lets events pass in which the expression selects something. Raises InvalidValueError."""
    evaluator = XPathEvaluator(notification_schema(schema))
    # What is wrong with the expression must be told now, not found with the first event.
    evaluator.superset(text, nsmap)
    return lambda event: bool(evaluator.select(event, text, nsmap))
