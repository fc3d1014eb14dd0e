"""Which defaults are in use (RFC 7950 sections 7.6.1, 7.7.2 and 7.9.3).

A default is in use where its leaf or leaf-list is absent, the node that would hold it exists - containers without
presence always do - and no other case of a choice has been taken. A default below a false `when` is not in use; whoever
can evaluate expressions passes `applies` to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from agent.yang.building import selected_cases
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import Inner, Leaf, LeafList, Node, is_empty

#: (node with `when`s, the parent it would be in) -> whether all its `when`s hold.
Applies = Callable[[SchemaNode, Inner], bool]


def defaults_in_use(node: Inner, applies: Applies | None = None) -> Iterator[Node]:
    """What the schema adds to the children that `node` has: default leaves and leaf-lists, and the absent containers
    without presence that have defaults somewhere inside (given empty: ask again with each of them).

    `applies` None: every `when` counts as true.
    """
    for schema in _candidates(node.schema):
        if schema in node.children or not _is_case_taken(schema, node.schema, node.children):
            continue
        if applies is not None and schema.whens and not applies(schema, node):
            continue
        yield _default_node(schema)


def _default_node(schema: SchemaNode) -> Node:
    if schema.kind is Kind.LEAF:
        return Leaf(schema, schema.defaults[0])
    if schema.kind is Kind.LEAF_LIST:
        return LeafList(schema, schema.defaults)
    return Inner(schema)


def _candidates(parent: SchemaNode) -> tuple[SchemaNode, ...]:
    """The children of `parent` that have something to add when they are absent."""
    found: tuple[SchemaNode, ...] | None = parent.cache.get("defaults.candidates")
    if found is None:
        found = tuple(child for child in parent.data_children.values() if _has_default(child))
        parent.cache["defaults.candidates"] = found
    return found


def _has_default(schema: SchemaNode) -> bool:
    if schema.kind in (Kind.LEAF, Kind.LEAF_LIST):
        return bool(schema.defaults)
    return schema.kind is Kind.CONTAINER and not schema.presence and bool(_candidates(schema))


def _is_case_taken(schema: SchemaNode, parent: SchemaNode, children: Mapping[SchemaNode, Node]) -> bool:
    """Whether every case that `schema` stands in has data below `parent`, or is the default one of a choice that has
    none."""
    for choice, case in selected_cases(schema):
        taken = _taken_case(choice, parent, children)
        if taken is None and choice.default_case is not None:
            taken = choice.children.get(choice.default_case)
        if taken is not case:
            return False
    return True


def _taken_case(choice: SchemaNode, parent: SchemaNode, children: Mapping[SchemaNode, Node]) -> SchemaNode | None:
    for sibling, case in _members(choice, parent):
        node = children.get(sibling)
        if node is not None and not is_empty(node):
            return case
    return None


def _members(choice: SchemaNode, parent: SchemaNode) -> tuple[tuple[SchemaNode, SchemaNode], ...]:
    """All data nodes in a choice, those of inner choices included, each with its case of this choice."""
    found: tuple[tuple[SchemaNode, SchemaNode], ...] | None = choice.cache.get("defaults.members")
    if found is None:
        found = tuple(
            (sibling, case)
            for sibling in parent.data_children.values()
            for owner, case in selected_cases(sibling)
            if owner is choice
        )
        choice.cache["defaults.members"] = found
    return found
