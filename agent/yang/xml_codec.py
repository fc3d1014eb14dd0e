"""XML elements to data trees, strictly by the schema, and back (RFC 7950 sections 7.5.7, 7.6.6, 7.7.8, 7.8.5).

`decode` reads; xml_writer.py writes and is offered here as `encode` and `encode_element`. What the schema doesn't
define is an error, as RFC 7950 section 8.3.1 has it; comments and processing instructions are passed over. Attributes
belong to edits (edit.py): here each of them is unknown. The parser that made the elements refuses DTDs and entities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from lxml import etree

from agent.yang.building import (
    check_cases,
    duplicate,
    entry_key,
    invalid_value,
    leaf_type,
    locate,
    names_modules,
    not_configuration,
)
from agent.yang.errors import (
    BadElementError,
    DataError,
    UnknownAttributeError,
    UnknownElementError,
    UnknownNamespaceError,
)
from agent.yang.names import known_modules
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import AnyNode, Inner, InstancePath, Key, Leaf, LeafList, ListNode, Node
from agent.yang.types import TypeViolation
from agent.yang.xml_writer import encode, encode_element

__all__ = [
    "any_node",
    "child_elements",
    "decode",
    "encode",
    "encode_element",
    "leaf_text",
    "plain_text",
    "serialized",
    "unknown_attribute",
]

_ROOT: Final = InstancePath()
_NO_NAMESPACES: Final[Mapping[str | None, str]] = {}


def decode(
    element: etree._Element, schema: SchemaNode, *, config_only: bool = False, path: InstancePath = _ROOT
) -> Inner:
    """The data children of `schema` that are the children of `element`, whatever `element` itself is called.

    With `config_only`, state data is refused. `path` is where `schema` is, for the paths of errors. Empty containers
    without presence are left out (tree.py, normal form). Raises DataError subclasses.
    """
    try:
        return _inner(element, schema, config_only, 1)
    except DataError as error:
        error.path = InstancePath((*path, *(error.path or ())))
        raise


def child_elements(element: etree._Element, schema: SchemaNode) -> Iterator[tuple[etree._Element, SchemaNode]]:
    """The child elements of `element` with their schema nodes, which are data children of `schema`.

    Raises UnknownElementError or UnknownNamespaceError for what isn't, BadElementError for text between elements.
    """
    if element.text is not None and not _is_space(element.text):
        raise _mixed(element)
    known = schema.data_children
    for child in element:
        if child.tail is not None and not _is_space(child.tail):
            raise _mixed(element)
        tag = child.tag
        child_schema = known.get(tag)
        if child_schema is not None:
            yield child, child_schema
        elif isinstance(tag, str):
            raise _unknown(tag, schema)
        else:
            _require_ignorable(child)


def leaf_text(element: etree._Element, schema: SchemaNode) -> str:
    """The canonical text of a leaf or of one leaf-list value. Raises InvalidValueError or UnknownElementError."""
    lexical = (element.text or "") if not len(element) else plain_text(element)
    try:
        return leaf_type(schema).canonical(lexical, element.nsmap if names_modules(schema) else _NO_NAMESPACES)
    except TypeViolation as violation:
        raise invalid_value(schema, violation) from None


def plain_text(element: etree._Element) -> str:
    """The text of an element that may hold comments but no elements."""
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            name = etree.QName(child).localname
            raise UnknownElementError(
                f"{etree.QName(element).localname} holds a value and no elements; remove {name}.", bad_name=name
            )
        _require_ignorable(child)
        parts.append(child.tail or "")
    return "".join(parts)


def any_node(element: etree._Element, schema: SchemaNode) -> AnyNode:
    """anydata or anyxml, kept as it is with all the namespaces in scope, which its text may mention."""
    return AnyNode(schema, serialized(element))


def serialized(element: etree._Element) -> bytes:
    """The element as XML that stands alone. (Not canonical XML: libxml2 doesn't escape namespaces in it.)"""
    return etree.tostring(element, encoding="utf-8", xml_declaration=False, with_tail=False)


def unknown_attribute(name: str | bytes, element: etree._Element) -> UnknownAttributeError:
    local = etree.QName(name).localname
    return UnknownAttributeError(
        f"The attribute {local} is not defined for {etree.QName(element).localname} here; remove it.", bad_name=local
    )


def _inner(element: etree._Element, schema: SchemaNode, config_only: bool, position: int) -> Inner:
    """A container, or an entry when `schema` is a list."""
    children = _children(element, schema, config_only)
    return Inner(schema, children, entry_key(schema, children, position) if schema.kind is Kind.LIST else ())


def _children(element: etree._Element, schema: SchemaNode, config_only: bool) -> dict[SchemaNode, Node]:
    children: dict[SchemaNode, Node] = {}
    values: dict[SchemaNode, list[str]] = {}
    in_choice = False
    for child, child_schema in child_elements(element, schema):
        try:
            if child.keys():
                raise unknown_attribute(child.keys()[0], child)
            if config_only and not child_schema.config:
                raise not_configuration(child_schema)
            in_choice = in_choice or (child_schema.parent is not schema)
            kind = child_schema.kind
            if kind is Kind.LIST:
                _add_entry(child, child_schema, children, config_only)
            elif kind is Kind.LEAF_LIST:
                values.setdefault(child_schema, []).append(leaf_text(child, child_schema))
                children.setdefault(child_schema, LeafList(child_schema, ()))
            elif child_schema in children:
                raise duplicate(child_schema)
            elif kind is Kind.LEAF:
                children[child_schema] = Leaf(child_schema, leaf_text(child, child_schema))
            elif kind in (Kind.ANYDATA, Kind.ANYXML):
                children[child_schema] = any_node(child, child_schema)
            else:
                children[child_schema] = _inner(child, child_schema, config_only, 1)
        except DataError as error:
            locate(error, child_schema, _key_if_known(child, child_schema))
            raise
    for child_schema, texts in values.items():
        if child_schema.config and len(set(texts)) != len(texts):
            raise duplicate(child_schema)
        children[child_schema] = LeafList(child_schema, tuple(texts))
    _drop_empty_containers(children)
    if in_choice:
        check_cases(children)
    return children


def _add_entry(
    element: etree._Element, schema: SchemaNode, children: dict[SchemaNode, Node], config_only: bool
) -> None:
    entries = children.get(schema)
    if entries is None:
        entries = children[schema] = ListNode(schema)
    assert isinstance(entries, ListNode)
    entry = _inner(element, schema, config_only, len(entries.entries) + 1)
    if entry.key in entries.entries:
        raise duplicate(schema)
    entries.entries[entry.key] = entry


def _drop_empty_containers(children: dict[SchemaNode, Node]) -> None:
    for schema, node in list(children.items()):
        if isinstance(node, Inner) and not node.children and not schema.presence:
            del children[schema]


def _key_if_known(element: etree._Element, schema: SchemaNode) -> Key | None:
    """The key of an entry in which something is wrong, for the error's path; None when the key itself is."""
    if not schema.keys:
        return None
    texts = []
    for leaf in schema.keys:
        found = element.find(leaf.tag)
        if found is None:
            return None
        try:
            texts.append(leaf_text(found, leaf))
        except DataError:
            return None
    return tuple(texts)


def _is_space(text: str) -> bool:
    return not text.strip(" \t\r\n")


def _mixed(element: etree._Element) -> BadElementError:
    name = etree.QName(element).localname
    return BadElementError(f"There is text between the elements of {name}; only elements belong there.", bad_name=name)


def _require_ignorable(node: etree._Element) -> None:
    """Raise unless `node`, which is not an element, is a comment or a processing instruction."""
    if not isinstance(node, (etree._Comment, etree._ProcessingInstruction)):
        raise BadElementError("Entity references are not accepted; write the text itself.")


def _unknown(tag: str, schema: SchemaNode) -> DataError:
    name = etree.QName(tag)
    if name.namespace is None or name.namespace not in known_modules(schema):
        return UnknownNamespaceError(
            f"No module here has the namespace of {name.localname}; check its xmlns.",
            bad_name=name.localname,
            bad_namespace=name.namespace or "",
        )
    place = "The top level" if schema.kind is Kind.ROOT else schema.name
    return UnknownElementError(
        f"{place} has no element {name.localname} in the namespace {name.namespace}.", bad_name=name.localname
    )
