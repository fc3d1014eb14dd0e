"""unique (RFC 7950 section 7.8.3): no two entries have the same values in all of the named leaves.

Defaults in use count as values; an entry that lacks one of the leaves doesn't take part.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.yang.errors import ConstraintError, DataError
from agent.yang.projection import Cursor
from agent.yang.schema import SchemaNode
from agent.yang.tree import Inner, InstancePath, Key, Leaf, ListNode
from agent.yang.xpath_evaluation import Evaluation

_Leaves = tuple[tuple[SchemaNode, ...], ...]


def duplicates(evaluation: Evaluation, parent: Cursor, owner: ListNode) -> Iterator[DataError]:
    """One error for each entry that repeats the values of an earlier one."""
    for leaves in owner.schema.unique:
        earlier: dict[tuple[str, ...], Key] = {}
        for key, entry in owner.entries.items():
            values = _values(evaluation, parent, entry, leaves)
            if values is None:
                continue
            first = earlier.setdefault(values, key)
            if first is not key:
                yield _duplicate(parent, owner, leaves, values, (first, key))


def concerns(schema: SchemaNode, below: InstancePath) -> bool:
    """Whether a change at `below`, relative to an entry of list `schema`, can change what its unique leaves hold."""
    if not below:
        return True
    changed = tuple(step.schema for step in below)
    for leaves in schema.unique:
        for path in leaves:
            shared = min(len(path), len(changed))
            if path[:shared] == changed[:shared] or _is_conditional(path):
                return True
    return False


def _is_conditional(path: tuple[SchemaNode, ...]) -> bool:
    """Whether a default can come and go with other nodes of the entry."""
    return bool(path[-1].defaults) and any(node.whens or node.parent is not node.data_parent for node in path)


def _values(evaluation: Evaluation, parent: Cursor, entry: Inner, leaves: _Leaves) -> tuple[str, ...] | None:
    values: list[str] = []
    for path in leaves:
        node: object = entry
        for schema in path:
            node = node.children.get(schema) if isinstance(node, Inner) else None
        text = node.text if isinstance(node, Leaf) else _default(evaluation, parent, entry, path)
        if text is None:
            return None
        values.append(text)
    return tuple(values)


def _default(evaluation: Evaluation, parent: Cursor, entry: Inner, path: tuple[SchemaNode, ...]) -> str | None:
    if not path[-1].defaults:
        return None
    cursor = evaluation.projection.entry(parent, entry.schema, entry.key)
    for schema in path:
        found = evaluation.projection.children(cursor, schema) if cursor is not None else ()
        cursor = found[0] if found else None
    return None if cursor is None else cursor.text


def _duplicate(
    parent: Cursor, owner: ListNode, leaves: _Leaves, values: tuple[str, ...], keys: tuple[Key, Key]
) -> DataError:
    schema = owner.schema
    names = ", ".join("/".join(node.name for node in path) for path in leaves)
    places = [parent.path.child(schema, key) for key in keys]
    paths = tuple(
        InstancePath((*place, *InstancePath().child(path[0]))) if len(path) == 1 else place
        for place in places
        for path in leaves
    )
    first, second = (" ".join(key) for key in keys)
    return ConstraintError(
        "unique",
        f"{schema.name} {second} and {first} have the same {names} ({' '.join(values)}); change one of them.",
        places[1],
        non_unique=paths,
    )
