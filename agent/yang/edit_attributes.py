"""The XML attributes of an edit: `operation` (RFC 6241 section 7.2), and `insert`, `key` and `value` for what the user
orders (RFC 7950 sections 7.7.9 and 7.8.6). Any other attribute is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from lxml import etree

from agent.yang.errors import BadAttributeError, MissingAttributeError
from agent.yang.ordering import Place
from agent.yang.schema import Kind, SchemaNode
from agent.yang.xml_codec import unknown_attribute

NETCONF_NAMESPACE: Final = "urn:ietf:params:xml:ns:netconf:base:1.0"
YANG_NAMESPACE: Final = "urn:ietf:params:xml:ns:yang:1"

OPERATION: Final = f"{{{NETCONF_NAMESPACE}}}operation"
INSERT: Final = f"{{{YANG_NAMESPACE}}}insert"
KEY: Final = f"{{{YANG_NAMESPACE}}}key"
VALUE: Final = f"{{{YANG_NAMESPACE}}}value"

#: Values of the operation attribute; "none" is only a default-operation.
OPERATIONS: Final = frozenset({"merge", "replace", "create", "delete", "remove"})
DEFAULT_OPERATIONS: Final = frozenset({"merge", "replace", "none"})
#: Operations after which the node is not there.
REMOVALS: Final = frozenset({"delete", "remove"})

#: Which attribute names the neighbour for insert="before" and "after".
_NEIGHBOUR = {Kind.LIST: KEY, Kind.LEAF_LIST: VALUE}


@dataclass(frozen=True, slots=True)
class Insertion:
    """Where an entry or value is to go; `neighbour` is the attribute text for "before" and "after"."""

    place: Place
    neighbour: str | None = None


@dataclass(frozen=True, slots=True)
class EditAttributes:
    operation: str | None = None
    insertion: Insertion | None = None


_NONE = EditAttributes()


def read_attributes(element: etree._Element, schema: SchemaNode) -> EditAttributes:
    """The attributes of an edit's element for `schema`. Raises UnknownAttributeError, BadAttributeError or
    MissingAttributeError."""
    if not element.keys():
        return _NONE
    attributes = {str(name): str(value) for name, value in element.items()}
    operation = attributes.pop(OPERATION, None)
    if operation is not None and operation not in OPERATIONS:
        raise BadAttributeError(
            f"There is no operation {operation!r}; use one of {', '.join(sorted(OPERATIONS))}.", bad_name="operation"
        )
    insertion = _read_insertion(attributes, schema)
    for name in attributes:
        raise unknown_attribute(name, element)
    if insertion is not None and operation in REMOVALS:
        raise BadAttributeError(f"insert has no meaning together with operation {operation}.", bad_name="insert")
    return EditAttributes(operation, insertion)


def _read_insertion(attributes: dict[str, str], schema: SchemaNode) -> Insertion | None:
    """Take the insert attribute, and the one that belongs to it, out of `attributes`."""
    if not schema.user_ordered or schema.kind not in _NEIGHBOUR or INSERT not in attributes:
        return None
    place = attributes.pop(INSERT)
    if place not in get_args(Place):
        raise BadAttributeError(
            f"insert can't be {place!r}; use one of {', '.join(get_args(Place))}.", bad_name="insert"
        )
    if place in ("first", "last"):
        return Insertion("first" if place == "first" else "last")
    name = _NEIGHBOUR[schema.kind]
    neighbour = attributes.pop(name, None)
    if neighbour is None:
        local = etree.QName(name).localname
        raise MissingAttributeError(f'insert="{place}" needs the attribute {local} as well.', bad_name=local)
    return Insertion("before" if place == "before" else "after", neighbour)
