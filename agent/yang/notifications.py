"""Notifications as the documents that are sent (RFC 7950 section 7.16.2).

The document of a top-level notification is its element alone. That of a notification inside data is the path of
containers and list entries from the top to it, with the entries' keys and nothing else; the notification stands in the
innermost one as if it were data.

No configuration or state has notifications among its data children, so that these documents have a schema of their own,
made once from the other: notifications, the nodes on the way to them, and keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.yang.python_codec import from_record
from agent.yang.schema import Kind, Schema, SchemaNode
from agent.yang.tree import Draft, Inner, InstancePath, Step, empty_root

_CACHE = "notifications.schema"


def notification_schema(schema: Schema) -> Schema:
    """The schema of the documents: its data are the notifications of `schema`, each where it is sent."""
    if _CACHE not in schema.root.cache:
        made = replace(schema, root=_with_notifications(schema.root) or _with_children(schema.root, {}))
        # All must have the same one, whoever was first: nodes compare by identity.
        schema.root.cache.setdefault(_CACHE, made)
    known: Schema = schema.root.cache[_CACHE]
    return known


def notification_document(
    schema: Schema, path: str, instance_keys: Sequence[Mapping[str, str]], content: Mapping[str, Any]
) -> Inner:
    """The document of one notification, as a tree of `notification_schema`.

    `path` is the notification's schema path, `instance_keys` has the keys (canonical texts by name) of the list entries
    on the way to it, outermost first, `content` is its record. Raises KeyError for a path that leads to no
    notification, ValueError for keys that are not those of its lists, DataError subclasses for content that the schema
    doesn't have.
    """
    document = notification_schema(schema)
    notification = document.find(path)
    if notification.kind is not Kind.NOTIFICATION:
        raise KeyError(path)
    draft = Draft(empty_root(document.root))
    parent = draft.descend(_instance(document.root, schema.find(path), instance_keys))
    draft.put(parent, from_record(content, notification))
    return draft.freeze()


def _with_notifications(node: SchemaNode) -> SchemaNode | None:
    """A copy of a data node that has only its keys and what leads to notifications; None if nothing does."""
    leading = {tag: copy for tag, child in node.data_children.items() if (copy := _with_notifications(child))}
    own = {tag: child for tag, child in node.operations.items() if child.kind is Kind.NOTIFICATION}
    if not leading and not own:
        return None
    return _with_children(node, {**{leaf.tag: leaf for leaf in node.keys}, **leading, **own})


def _with_children(node: SchemaNode, children: Mapping[str, SchemaNode]) -> SchemaNode:
    return replace(
        node,
        children={(child.module.name, child.name): child for child in children.values()},
        data_children=dict(children),
        operations={},
        cache={},
    )


def _instance(root: SchemaNode, notification: SchemaNode, instance_keys: Sequence[Mapping[str, str]]) -> InstancePath:
    """Where the notification is, in the copied nodes below `root`."""
    lineage: list[SchemaNode] = []
    above = notification.data_parent
    while above is not None and above.kind is not Kind.ROOT:
        lineage.append(above)
        above = above.data_parent
    lists = sum(node.kind is Kind.LIST for node in lineage)
    if lists != len(instance_keys):
        raise ValueError(f"{notification.path} is inside {lists} lists; keys of {len(instance_keys)} were given")
    steps: list[Step] = []
    keys = iter(instance_keys)
    node = root
    for original in reversed(lineage):
        node = node.data_children[original.tag]
        steps.append(Step(node, _key(node, next(keys)) if node.kind is Kind.LIST else None))
    return InstancePath(steps)


def _key(node: SchemaNode, texts: Mapping[str, str]) -> tuple[str, ...]:
    names = [leaf.name for leaf in node.keys]
    if set(names) != set(texts):
        raise ValueError(f"the keys of {node.path} are {', '.join(names)}")
    return tuple(texts[name] for name in names)
