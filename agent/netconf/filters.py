"""Subtree filters, compiled onto the schema (RFC 6241 section 6).

A filter becomes a few `Selection`s that say the same. What can never match anything (an unknown name, a value outside
the leaf's type, an attribute) is no error: it selects nothing (section 6.2). Equal parts of a filter are united, so
that its cost is bounded by the schema and by the values that it names, not by how often a client repeats itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Final

from lxml import etree

from agent.netconf.errors import RequestError, RpcError
from agent.netconf.namespaces import local_name, namespace_of
from agent.yang.schema import Kind, Schema, SchemaNode
from agent.yang.selection import Selection
from agent.yang.types import TypeViolation

#: In how many ways the content matches of one element may be read: a name without namespace can stand for nodes of
#: several modules, and the ways multiply.
MAX_READINGS: Final = 1000

_VALUES = frozenset({Kind.LEAF, Kind.LEAF_LIST})
_OPAQUE = frozenset({Kind.ANYDATA, Kind.ANYXML})


def compile_filter(element: etree._Element, schema: Schema, max_nodes: int) -> tuple[Selection, ...]:
    """The selections of data that the children of a <filter> element make; () selects nothing.

    Raises RequestError when the filter has more than `max_nodes` elements, or names that can mean too much.
    """
    _check_size(element, max_nodes)
    return _united(
        selection for child in element for selection in _compile(child, _named(schema.root.data_children, child))
    )


def _check_size(element: etree._Element, max_nodes: int) -> None:
    for count, _ in enumerate(element.iterdescendants()):
        if count >= max_nodes:
            raise RequestError(
                RpcError("too-big", f"A subtree filter may have at most {max_nodes} elements.", "protocol")
            )


def _named(pool: dict[str, SchemaNode], element: etree._Element) -> list[SchemaNode]:
    """What an element can mean: the node of that name; in any module when it has no namespace (section 6.2.1)."""
    if namespace_of(element.tag):
        node = pool.get(element.tag)
        return [] if node is None else [node]
    name = local_name(element.tag)
    return [node for node in pool.values() if node.name == name]


def _compile(element: etree._Element, nodes: Iterable[SchemaNode]) -> list[Selection]:
    """The selections that a filter element makes as one of these nodes."""
    return [selection for node in nodes for selection in _compile_as(element, node)]


def _compile_as(element: etree._Element, node: SchemaNode) -> list[Selection]:
    attributes = tuple((str(name), str(value)) for name, value in element.attrib.items())
    if node.kind in _OPAQUE:
        return [Selection(node, everything=True, attributes=attributes)]
    if attributes:
        # No other node of YANG data has attributes (section 6.2.2).
        return []
    if node.kind in _VALUES:
        return _compile_value(element, node)
    if len(element):
        return _compile_siblings(element, node)
    return [] if _content(element) else [Selection(node, everything=True)]


def _compile_value(element: etree._Element, node: SchemaNode) -> list[Selection]:
    """A leaf or leaf-list: selected, or, with content, only where it has that value."""
    if len(element):
        return []
    if not _content(element):
        return [Selection(node, everything=True)]
    match = _match(element, node)
    return [] if match is None else [Selection(node, matches=(match,), everything=True)]


def _compile_siblings(element: etree._Element, node: SchemaNode) -> list[Selection]:
    """A containment node: content matches decide about the instance, the rest says what of it is wanted (6.2.5)."""
    alternatives: list[list[tuple[SchemaNode, str]]] = []
    wanted: list[Selection] = []
    only_matches = True
    for child in element:
        candidates = _named(node.data_children, child)
        if _is_content_match(child, candidates):
            found = [match for candidate in candidates if (match := _match(child, candidate)) is not None]
            if not found or child.attrib:
                return []
            alternatives.append(found)
        else:
            only_matches = False
            wanted += _compile(child, candidates)
    alternatives = [list(found) for found in dict.fromkeys(map(tuple, alternatives))]
    if prod(map(len, alternatives)) > MAX_READINGS:
        raise RequestError(
            RpcError(
                "too-big", f"The names in {node.name} can mean too much: give them with their namespaces.", "protocol"
            )
        )
    return [
        selection
        for matches in product(*alternatives)
        if (selection := _with_matches(node, matches, wanted, only_matches)) is not None
    ]


def _with_matches(
    node: SchemaNode, matches: Sequence[tuple[SchemaNode, str]], wanted: Sequence[Selection], only_matches: bool
) -> Selection | None:
    matches = tuple(dict.fromkeys(matches))
    if only_matches:
        return Selection(node, matches=matches, everything=True)
    # The matched leaves are part of the answer, and whoever supplies the data must know that they are needed.
    children = _united([*(Selection(leaf, ((leaf, text),), everything=True) for leaf, text in matches), *wanted])
    return Selection(node, matches=matches, children=children) if children else None


def _is_content_match(element: etree._Element, candidates: Sequence[SchemaNode]) -> bool:
    """True for an element with simple content. What has content but is no leaf here can't be true of anything."""
    return not len(element) and bool(_content(element)) and not any(node.kind in _OPAQUE for node in candidates)


def _match(element: etree._Element, node: SchemaNode) -> tuple[SchemaNode, str] | None:
    """The content match as canonical text; None when the leaf can't have such a value."""
    if node.kind not in _VALUES or node.type is None:
        return None
    text = element.text or ""
    # White space around the value doesn't count (section 6.2.5), unless the type says that it is the value.
    for lexical in (text.strip(), text):
        try:
            return node, node.type.canonical(lexical, element.nsmap)
        except TypeViolation:
            continue
    return None


def _content(element: etree._Element) -> str:
    return (element.text or "").strip()


def _united(selections: Iterable[Selection]) -> tuple[Selection, ...]:
    """The same selections with equal ones made one: the union of what they want."""
    grouped: dict[object, list[Selection]] = {}
    for selection in selections:
        condition = (selection.schema, frozenset(selection.matches), selection.attributes)
        grouped.setdefault(condition, []).append(selection)
    return tuple(_union(group) for group in grouped.values())


def _union(group: Sequence[Selection]) -> Selection:
    first = group[0]
    if len(group) == 1:
        return first
    if any(selection.whole for selection in group):
        return replace(first, children=(), everything=True)
    return replace(first, children=_united(child for selection in group for child in selection.children))
