"""Filters on notifications (RFC 5277 section 3.6): an event passes whole, or not at all.

For a filter the document is the notification itself: its element stands at the top, where configuration has its
top-level nodes. So both kinds of filters work on a schema in which the notifications are the top-level nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lxml import etree

from agent.netconf.filters import compile_filter
from agent.yang.schema import Kind, Schema, SchemaNode
from agent.yang.selection import select
from agent.yang.tree import Inner
from agent.yang.xpath import XPathEvaluator

#: True for a notification that is wanted.
EventFilter = Callable[[Inner], bool]


def subtree_event_filter(element: etree._Element, schema: Schema, max_nodes: int) -> EventFilter:
    """The filter that the children of a <filter> element make. Raises RequestError when it is too big."""
    events = _event_schema(schema)
    selections = compile_filter(element, events, max_nodes)
    return lambda event: bool(select(_document(events, event), selections).children)


def xpath_event_filter(text: str, nsmap: dict[str, str], schema: Schema) -> EventFilter:
    """The filter that lets events pass in which the expression selects something. Raises InvalidValueError."""
    events = _event_schema(schema)
    evaluator = XPathEvaluator(events)
    # What is wrong with the expression must be told now, not found with the first event.
    evaluator.superset(text, nsmap)
    return lambda event: bool(evaluator.select(_document(events, event), text, nsmap))


def _event_schema(schema: Schema) -> Schema:
    events = {tag: node for tag, node in schema.root.operations.items() if node.kind is Kind.NOTIFICATION}
    root = SchemaNode(
        Kind.ROOT,
        schema.root.name,
        schema.root.module,
        children={(node.module.name, node.name): node for node in events.values()},
        data_children=events,
    )
    return replace(schema, root=root)


def _document(events: Schema, event: Inner) -> Inner:
    return Inner(events.root, {event.schema: event})
