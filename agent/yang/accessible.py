"""Which nodes exist although no data says so: defaults in use, non-presence containers, active cases.

RFC 7950 sections 6.4.1 (accessible tree), 7.6.1, 7.7.2 and 7.9.3. `when` is not looked at here, since it needs XPath.
Also the shape of the accessible tree as schema nodes, in which rpc, input and output collapse into one node.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.yang.building import selected_cases
from agent.yang.schema import SCHEMA_ONLY, Kind, SchemaNode
from agent.yang.tree import Inner, is_empty
from agent.yang.types import InstanceIdentifierType, LeafrefType, Type

#: An input or output stands for its rpc or action, whose name it bears in XPath (RFC 7950 section 6.4.1).
BODIES = frozenset({Kind.INPUT, Kind.OUTPUT})


def accessible_parent(schema: SchemaNode) -> SchemaNode | None:
    """The schema node of the parent in the accessible tree; None for the root."""
    return schema.parent.data_parent if schema.kind in BODIES and schema.parent is not None else schema.data_parent


def is_above(schema: SchemaNode, other: SchemaNode) -> bool:
    """Whether `schema` is a proper ancestor of `other`."""
    node = accessible_parent(other)
    while node is not None:
        if node is schema:
            return True
        node = accessible_parent(node)
    return False


def accessible_tag(schema: SchemaNode) -> str:
    """Clark name under which XPath sees the node."""
    if schema.kind in BODIES and schema.parent is not None:
        return schema.parent.tag
    return schema.tag


def appears_by_itself(schema: SchemaNode) -> bool:
    """Whether the node can exist without data: a leaf or leaf-list with a default, or a non-presence container."""
    return bool(schema.defaults) or (schema.kind is Kind.CONTAINER and not schema.presence)


def requires_instance(member: Type) -> bool:
    """Whether values of a type must refer to something that exists."""
    return isinstance(member, LeafrefType | InstanceIdentifierType) and member.require_instance


def governing_cases(schema: SchemaNode) -> Iterator[SchemaNode]:
    """The cases that a data node or choice is in, innermost first."""
    return (case for _, case in selected_cases(schema))


def outermost_choice(schema: SchemaNode) -> SchemaNode | None:
    """The choice among the data parent's schema children through which the node comes, if any."""
    cases = selected_cases(schema)
    return cases[-1][0] if cases else None


def data_nodes(schema: SchemaNode) -> Iterator[SchemaNode]:
    """The data nodes that a choice or case stands for, nested ones included; a data node stands for itself."""
    if schema.kind not in SCHEMA_ONLY:
        yield schema
        return
    for child in schema.children.values():
        yield from data_nodes(child)


def has_data(parent: Inner, schema: SchemaNode) -> bool:
    """Whether `parent` holds data of a choice, a case or a child."""
    for child in data_nodes(schema):
        node = parent.children.get(child)
        if node is not None and not is_empty(node):
            return True
    return False


def active_case(parent: Inner, choice: SchemaNode) -> SchemaNode | None:
    """The first case of `choice` that has data, else its default case, else None."""
    for case in choice.cases():
        if has_data(parent, case):
            return case
    return None if choice.default_case is None else choice.children.get(choice.default_case)


def is_in_active_case(parent: Inner, schema: SchemaNode) -> bool:
    """Whether each choice between `parent` and its data child `schema` is decided for the case with `schema`."""
    return all(active_case(parent, choice) is case for choice, case in selected_cases(schema))
