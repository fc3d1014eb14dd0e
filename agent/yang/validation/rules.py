"""What the schema demands where: facts about schema nodes that validation asks for again and again.

Each is computed once per schema node and kept in its cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.yang.accessible import data_nodes, outermost_choice, requires_instance
from agent.yang.schema import Kind, SchemaNode


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """What stands or falls together among the children of a node: one child, or all data nodes of one choice."""

    choice: SchemaNode | None
    members: tuple[SchemaNode, ...]


def groups(schema: SchemaNode) -> tuple[Group, ...]:
    """The groups of a node's children, in schema order, without those that nothing is demanded of."""
    known: tuple[Group, ...] | None = schema.cache.get("validation.groups")
    if known is None:
        found: dict[SchemaNode, Group] = {}
        for child in schema.data_children.values():
            group = group_of(child)
            if group.choice is not None or any(map(demands, group.members)):  # cases exclude each other
                found.setdefault(group.choice or child, group)
        known = schema.cache["validation.groups"] = tuple(found.values())
    return known


def group_of(child: SchemaNode) -> Group:
    """The group that a data node belongs to."""
    known: Group | None = child.cache.get("validation.group")
    if known is None:
        choice = outermost_choice(child)
        if choice is None:
            known = Group(None, (child,))
        else:
            known = choice.cache.setdefault("validation.group", Group(choice, tuple(data_nodes(choice))))
        child.cache["validation.group"] = known
    return known


def demands(schema: SchemaNode) -> bool:
    """Whether there is any rule about the presence, number or content of a data node or anything below it."""
    known: bool | None = schema.cache.get("validation.demands")
    if known is None:
        known = (
            schema.mandatory
            or schema.min_elements > 0
            or schema.max_elements is not None
            or bool(schema.unique)
            or demands_of_instances(schema)
        )
        schema.cache["validation.demands"] = known
    return known


def demands_of_instances(schema: SchemaNode) -> bool:
    """Whether each instance of a data node must be looked at."""
    known: bool | None = schema.cache.get("validation.demands_of_instances")
    if known is None:
        known = (
            bool(schema.musts or schema.whens)
            or refers(schema)
            or any(demands(child) for child in schema.data_children.values())
            or any(child.kind is Kind.CHOICE for child in schema.children.values())
        )
        schema.cache["validation.demands_of_instances"] = known
    return known


def refers(schema: SchemaNode) -> bool:
    """Whether values of the node must refer to something that exists."""
    known: bool | None = schema.cache.get("validation.refers")
    if known is None:
        known = schema.type is not None and any(map(requires_instance, schema.type.find_members()))
        schema.cache["validation.refers"] = known
    return known
