"""RFC 7951 JSON values (as the json module makes them) to data trees and back.

anydata and anyxml are strings that hold their XML: data that no schema describes has no JSON form that leads back to
the same XML (RFC 7951 section 5.5 wants types that only a schema knows).
"""

from __future__ import annotations

from typing import Any

from lxml import etree

from agent.yang import mapping
from agent.yang.building import leaf_type
from agent.yang.schema import SchemaNode
from agent.yang.tree import Inner, Node
from agent.yang.types import TypeViolation
from agent.yang.xml_codec import serialized


def decode(value: dict[str, Any], schema: SchemaNode) -> Inner:
    """The members of a container, a list entry, the root or a body. Raises DataError subclasses.

    Empty containers without presence are left out (tree.py, normal form).
    """
    return mapping.read_inner(value, schema, _JSON)


def decode_node(value: Any, schema: SchemaNode) -> Node:
    """What `encode_node` wrote; for a list node's schema, `value` is the array of all entries."""
    return mapping.read_node(value, schema, _JSON)


def encode(node: Inner) -> dict[str, Any]:
    """The members of `node`, ready for json.dumps."""
    return mapping.write_inner(node, _JSON)


def encode_node(node: Node) -> Any:
    """The value of any node; a list entry is its members."""
    return mapping.write_node(node, _JSON)


def _read_leaf(schema: SchemaNode, value: Any) -> str:
    return leaf_type(schema).from_json(value, schema.module.name)


def _write_leaf(schema: SchemaNode, text: str) -> Any:
    return leaf_type(schema).to_json(text)


def _read_any(schema: SchemaNode, value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeViolation("it must be a string that holds the XML element.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        element = etree.fromstring(value.encode(), parser)
    except etree.XMLSyntaxError:
        raise TypeViolation("it must be a well-formed XML element.") from None
    if element.tag != schema.tag or element.getroottree().docinfo.internalDTD is not None:
        raise TypeViolation(f"it must be one XML element {schema.name}.")
    return serialized(element)


_JSON = mapping.Notation(
    read_leaf=_read_leaf,
    write_leaf=_write_leaf,
    read_any=_read_any,
    write_any=lambda xml: xml.decode(),
)
