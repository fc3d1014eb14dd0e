"""Data trees to XML text, directly: no element objects in between.

A namespace is declared as the default where it changes from parent to child; the other namespaces that a value names
(identityref, instance-identifier) are declared as prefixes on its own element. So the text below a list entry depends
on the entry alone, and is kept with it: reading an unchanged list again costs a join of ready text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from agent.yang.building import names_modules
from agent.yang.names import known_modules
from agent.yang.paths import bind_prefix
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import AnyNode, Inner, Leaf, LeafList, ListNode, Node

#: What can't stand for itself in XML text. Characters that XML 1.0 doesn't have at all become U+FFFD: the types refuse
#: them on the way in, and a reply must stay well-formed whatever a host's file says.
_SPECIAL: Final = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE_ESCAPES: Final = {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


def encode(node: Inner) -> bytes:
    """The children of `node` as XML elements, each with its own namespace declaration."""
    out: list[str] = []
    _write_children(node, None, out)
    return "".join(out).encode()


def encode_element(node: Inner) -> bytes:
    """`node` itself with its children, as one XML element with its own namespace declaration."""
    out: list[str] = []
    _write(node, None, out)
    return "".join(out).encode()


def escape(text: str) -> str:
    """`text` as XML character data."""
    return _SPECIAL.sub(_escape_match, text) if _SPECIAL.search(text) else text


def escape_attribute(text: str) -> str:
    """`text` as the inside of an XML attribute value in double quotes."""
    escaped = escape(text)
    for character, reference in _ATTRIBUTE_ESCAPES.items():
        escaped = escaped.replace(character, reference)
    return escaped


def _escape_match(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[0], "\ufffd")


@dataclass(frozen=True, slots=True)
class _Tags:
    """The fixed text around a node."""

    namespace: str
    #: Start tag where the namespace is already the default one, and where it must be declared.
    start: str
    start_declared: str
    end: str
    empty: str
    empty_declared: str
    #: Values may name modules, and need prefixes.
    prefixed: bool


def _tags(schema: SchemaNode) -> _Tags:
    tags: _Tags | None = schema.cache.get("xml_writer.tags")
    if tags is None:
        name, namespace = schema.name, schema.module.namespace
        declared = f'{name} xmlns="{escape_attribute(namespace)}"'
        prefixed = schema.type is not None and names_modules(schema)
        tags = _Tags(namespace, f"<{name}>", f"<{declared}>", f"</{name}>", f"<{name}/>", f"<{declared}/>", prefixed)
        schema.cache["xml_writer.tags"] = tags
    return tags


def _write_children(node: Inner, namespace: str | None, out: list[str]) -> None:
    for child in node.ordered():
        if isinstance(child, Leaf):
            _write_leaf(child.schema, child.text, namespace, out)
        else:
            _write(child, namespace, out)


def _write(node: Node, namespace: str | None, out: list[str]) -> None:
    """Append `node` where `namespace` is the default one."""
    if isinstance(node, ListNode):
        for entry in node.entries.values():
            _write_inner(entry, namespace, out)
    elif isinstance(node, Inner):
        _write_inner(node, namespace, out)
    elif isinstance(node, Leaf):
        _write_leaf(node.schema, node.text, namespace, out)
    elif isinstance(node, LeafList):
        for text in node.texts:
            _write_leaf(node.schema, text, namespace, out)
    else:
        assert isinstance(node, AnyNode)
        out.append(node.xml.decode())


def _write_inner(node: Inner, namespace: str | None, out: list[str]) -> None:
    tags = _tags(node.schema)
    same = tags.namespace == namespace
    if not node.children:
        out.append(tags.empty if same else tags.empty_declared)
        return
    out.append(tags.start if same else tags.start_declared)
    if node.encoded is not None:
        out.append(node.encoded)
    elif node.schema.kind is Kind.LIST and (node.owner is None or not node.owner.live):
        inside: list[str] = []
        _write_children(node, tags.namespace, inside)
        node.encoded = "".join(inside)
        out.append(node.encoded)
    else:
        _write_children(node, tags.namespace, out)
    out.append(tags.end)


def _write_leaf(schema: SchemaNode, text: str, namespace: str | None, out: list[str]) -> None:
    tags: _Tags = schema.cache.get("xml_writer.tags") or _tags(schema)
    same = tags.namespace == namespace
    if tags.prefixed:
        _write_prefixed_leaf(schema, text, tags, same, out)
    elif not text:
        out.append(tags.empty if same else tags.empty_declared)
    else:
        if _SPECIAL.search(text):
            text = _SPECIAL.sub(_escape_match, text)
        out += (tags.start if same else tags.start_declared, text, tags.end)


def _write_prefixed_leaf(schema: SchemaNode, text: str, tags: _Tags, same: bool, out: list[str]) -> None:
    assert schema.type is not None
    module, _, name = text.partition(":")
    if schema.type.base == "identityref" and module == schema.module.name:
        # The default namespace is the identity's (RFC 7950 section 9.10.3). A prefix for the same namespace would get
        # lost in clients: libxml2 drops its declaration when they put what they have read into a request.
        out += (tags.start if same else tags.start_declared, name, tags.end)
        return
    declared: dict[str, str] = {}
    modules = {module.name: module for module in known_modules(schema).values()}

    def prefix_for(name: str) -> str:
        return bind_prefix(declared, modules[name])

    lexical = schema.type.to_xml(text, prefix_for)
    out.append((tags.start if same else tags.start_declared)[:-1])
    out += (f' xmlns:{prefix}="{escape_attribute(namespace)}"' for prefix, namespace in declared.items())
    out += (">", escape(lexical), tags.end)
