"""Data trees as nested dicts: what RFC 7951 JSON and the records of the providers have in common.

json_codec.py and python_codec.py say how a value looks; everything else - names, lists, what may be there twice - is
here. Members are named as names.py has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.yang.building import check_cases, duplicate, entry_key, invalid_value, locate
from agent.yang.errors import DataError, InvalidValueError, UnknownAttributeError, UnknownElementError
from agent.yang.names import member_name, members
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import AnyNode, Inner, Leaf, LeafList, ListNode, Node
from agent.yang.types import TypeViolation


@dataclass(frozen=True, slots=True)
class Notation:
    """How values are written: canonical text of a leaf, and the XML of anydata and anyxml, to a value and back.

    The readers raise TypeViolation.
    """

    read_leaf: Callable[[SchemaNode, Any], str]
    write_leaf: Callable[[SchemaNode, str], Any]
    read_any: Callable[[SchemaNode, Any], bytes]
    write_any: Callable[[bytes], Any]


#: What a node has besides its own children when it is written (defaults in use).
Additions = Callable[[Inner], Iterator[Node]]


def read_inner(value: Any, schema: SchemaNode, notation: Notation, position: int = 1) -> Inner:
    """The container, entry (if `schema` is a list) or body that `value` describes. Raises DataError subclasses."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"{schema.name} must be an object with members.", bad_name=schema.name)
    known = members(schema)
    children: dict[SchemaNode, Node] = {}
    in_choice = False
    for name, content in value.items():
        child = known.get(name)
        if child is None:
            raise _unknown(str(name), schema)
        if child in children:
            raise duplicate(child)
        in_choice = in_choice or child.parent is not schema
        try:
            node = read_node(content, child, notation)
        except DataError as error:
            locate(error, child)
            raise
        if not _is_vacant(node):
            children[child] = node
    if in_choice:
        check_cases(children)
    return Inner(schema, children, entry_key(schema, children, position) if schema.kind is Kind.LIST else ())


def read_node(value: Any, schema: SchemaNode, notation: Notation) -> Node:
    """The node that a member's value describes; for a list, all its entries."""
    if schema.kind is Kind.LIST:
        return _read_list(value, schema, notation)
    try:
        if schema.kind is Kind.LEAF:
            return Leaf(schema, notation.read_leaf(schema, value))
        if schema.kind is Kind.LEAF_LIST:
            texts = tuple(notation.read_leaf(schema, item) for item in _items(value, schema))
            if schema.config and len(set(texts)) != len(texts):
                raise duplicate(schema)
            return LeafList(schema, texts)
        if schema.kind in (Kind.ANYDATA, Kind.ANYXML):
            return AnyNode(schema, notation.read_any(schema, value))
    except TypeViolation as violation:
        raise invalid_value(schema, violation) from None
    return read_inner(value, schema, notation)


def write_inner(node: Inner, notation: Notation, additions: Additions | None = None) -> dict[str, Any]:
    """The members of a container, entry or body, in schema order with keys first."""
    if additions is not None:
        node = Inner(node.schema, {**node.children, **{extra.schema: extra for extra in additions(node)}}, node.key)
    written = {}
    for child in node.ordered():
        value = write_node(child, notation, additions)
        # A container that was only asked for its defaults, and has none in use.
        if value == {} and isinstance(child, Inner) and not child.schema.presence:
            continue
        written[member_name(child.schema, node.schema)] = value
    return written


def write_node(node: Node, notation: Notation, additions: Additions | None = None) -> Any:
    """The value of one member: a dict, a list of dicts, a list of values or a value."""
    if isinstance(node, Leaf):
        return notation.write_leaf(node.schema, node.text)
    if isinstance(node, LeafList):
        return [notation.write_leaf(node.schema, text) for text in node.texts]
    if isinstance(node, ListNode):
        return [write_inner(entry, notation, additions) for entry in node.entries.values()]
    if isinstance(node, AnyNode):
        return notation.write_any(node.xml)
    return write_inner(node, notation, additions)


def _read_list(value: Any, schema: SchemaNode, notation: Notation) -> ListNode:
    entries: dict[tuple[str, ...], Inner] = {}
    for item in _items(value, schema):
        entry = read_inner(item, schema, notation, len(entries) + 1)
        if entry.key in entries:
            raise duplicate(schema)
        entries[entry.key] = entry
    return ListNode(schema, entries)


def _items(value: Any, schema: SchemaNode) -> Iterable[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidValueError(f"{schema.name} must be an array.", bad_name=schema.name)
    return value


def _is_vacant(node: Node) -> bool:
    """Whether the normal form of trees leaves the node out."""
    if isinstance(node, Inner):
        return not node.children and not node.schema.presence
    return (isinstance(node, ListNode) and not node.entries) or (isinstance(node, LeafList) and not node.texts)


def _unknown(name: str, schema: SchemaNode) -> DataError:
    if name.startswith("@"):
        return UnknownAttributeError(f"The annotation {name} is not defined here; remove it.", bad_name=name[1:])
    return UnknownElementError(f"{schema.name} has no member {name}.", bad_name=name)
