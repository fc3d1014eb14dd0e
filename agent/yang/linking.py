"""What needs more than one node of a schema: leafref targets, unique paths, which subtrees speak although absent.

Works on schema nodes only; pyang's statements are not known here.
"""

from __future__ import annotations

import re

from agent.yang.errors import SchemaError
from agent.yang.schema import Expression, Kind, SchemaNode

_PREDICATE = re.compile(r"""\[(?:[^\]"']|"[^"]*"|'[^']*')*\]""")
_OPERATIONS = frozenset({Kind.RPC, Kind.ACTION})
_DIRECTIONS = frozenset({Kind.INPUT, Kind.OUTPUT})


class TargetMissingError(LookupError):
    """A leafref's path leads nowhere. `namespace` is that of the step that was not found."""

    def __init__(self, message: str, namespace: str) -> None:
        super().__init__(message)
        self.namespace = namespace


def find_leafref_target(leaf: SchemaNode, path: Expression) -> SchemaNode:
    """The leaf or leaf-list that a leafref's path names, seen from the leaf that has it (RFC 7950 section 9.9.2).

    Predicates choose among instances and don't matter here. Raises TargetMissingError, or SchemaError for a path that
    is not a path, or doesn't end at a leaf.
    """
    namespaces = dict(path.prefixes)
    text = "".join(_PREDICATE.sub("", path.text).split())
    node = leaf
    if text.startswith("/"):
        node = _root_of(leaf)
        text = text[1:]
    for step in text.split("/"):
        if step == "..":
            node = _up(leaf, node, path)
            continue
        if step == ".":
            continue
        prefix, _, name = step.rpartition(":")
        namespace = namespaces.get(prefix) if prefix else path.default_namespace
        if namespace is None or not name or (not name[0].isalpha() and name[0] != "_"):
            raise SchemaError(f"{leaf.path}: can't follow the leafref path {path.text!r}")
        node = _down(leaf, node, f"{{{namespace}}}{name}", namespace, path)
    if node.kind not in (Kind.LEAF, Kind.LEAF_LIST):
        raise SchemaError(f"{leaf.path}: the leafref path {path.text!r} does not end at a leaf")
    return node


def _root_of(node: SchemaNode) -> SchemaNode:
    while node.parent is not None:
        node = node.parent
    return node


def _up(leaf: SchemaNode, node: SchemaNode, path: Expression) -> SchemaNode:
    """The data parent. input and output are not in the data: their children's parent is the operation itself, so from
    there the next step up leads out of the operation (RFC 7950 section 6.4.1)."""
    parent = node.data_parent
    if node.kind in _DIRECTIONS and parent is not None:
        parent = parent.data_parent
    if parent is None:
        raise SchemaError(f"{leaf.path}: the leafref path {path.text!r} leaves the tree")
    return parent


def _down(leaf: SchemaNode, node: SchemaNode, tag: str, namespace: str, path: Expression) -> SchemaNode:
    found = node.data_children.get(tag) or node.operations.get(tag)
    if found is None:
        raise TargetMissingError(f"{leaf.path}: the leafref path {path.text!r} leads to no node", namespace)
    if found.kind in _OPERATIONS:
        return _direction_of(leaf, found)
    return found


def _direction_of(leaf: SchemaNode, operation: SchemaNode) -> SchemaNode:
    """The input or output of `operation` that `leaf` is in; its input if it is in neither."""
    node: SchemaNode | None = leaf
    while node is not None and not (node.kind in _DIRECTIONS and node.parent is operation):
        node = node.parent
    return node or operation.child("input")


def find_descendant(start: SchemaNode, steps: list[tuple[str, str]]) -> tuple[SchemaNode, ...]:
    """The data nodes on a schema path of (module, name) steps below `start`, choices and cases left out.

    Raises KeyError.
    """
    node = start
    found = []
    for step in steps:
        node = node.children[step]
        if node.kind not in (Kind.CHOICE, Kind.CASE):
            found.append(node)
    return tuple(found)


def set_speaks_when_absent(node: SchemaNode) -> bool:
    """Compute SchemaNode.speaks_when_absent for a node and all below it; returns the node's."""
    below = [set_speaks_when_absent(child) for child in node.children.values()]
    for operation in node.operations.values():
        set_speaks_when_absent(operation)
    node.speaks_when_absent = node.mandatory or bool(node.defaults) or node.min_elements > 0 or _speaks(node, below)
    return node.speaks_when_absent


def _speaks(node: SchemaNode, below: list[bool]) -> bool:
    """Whether an inner node speaks through its children or its own must."""
    if node.kind is Kind.LIST or node.presence:
        return False
    if node.kind is Kind.CHOICE:
        default = node.children.get(node.default_case) if node.default_case is not None else None
        return default is not None and default.speaks_when_absent
    if node.kind in (Kind.CONTAINER, Kind.INPUT, Kind.OUTPUT, Kind.NOTIFICATION):
        return any(below) or bool(node.musts)
    return any(below)
