"""What differs between two trees.

Trees share what they have in common (tree.py), so equal subtrees are mostly the same object and are passed over. With
the places that edits touched, only those are looked at: the cost follows the size of the change.

What the system orders is compared without regard to order. journal.py turns changes into JSON and applies it again; its
two functions are offered here as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal

from agent.yang.journal import apply_journal, to_journal
from agent.yang.schema import SchemaNode
from agent.yang.tree import AnyNode, Inner, InstancePath, Key, Leaf, LeafList, ListNode, Node

__all__ = ["DataChange", "Operation", "apply_journal", "diff", "to_journal"]

Operation = Literal["create", "modify", "delete", "reorder"]


@dataclass(frozen=True, slots=True)
class DataChange:
    """One difference. What was created or deleted is named at its top, list entries one by one; `modify` is the value
    of a leaf, of a whole leaf-list or of anydata; `reorder` is the order of a user-ordered list, and path, `old` and
    `new` are the list's.

    Created entries of a user-ordered list come in their order; a reorder follows them when they are not all at the end,
    or when entries that both trees have changed places.
    """

    path: InstancePath
    operation: Operation
    old: Node | None
    new: Node | None


def diff(old: Inner, new: Inner, touched: Collection[InstancePath] | None = None) -> list[DataChange]:
    """The changes that lead from `old` to `new`, two trees of one schema.

    `touched` promises that the trees differ nowhere else: the `touched` of all edits, and the paths of all changes,
    that lie between them. None: look everywhere.
    """
    if touched is None:
        return list(_compare_inner(InstancePath(), old, new))
    top = _Place()
    for path in touched:
        top.add(path)
    return list(_visit_inner(InstancePath(), old, new, top))


@dataclass(slots=True)
class _Place:
    """A node that lies on the way to touched ones, or is one (`whole`)."""

    whole: bool = False
    children: dict[SchemaNode, _Place] = field(default_factory=dict)
    #: For the place of a list: its entries.
    entries: dict[Key, _Place] = field(default_factory=dict)

    def add(self, path: InstancePath) -> None:
        place = self
        for step in path:
            place = place.children.setdefault(step.schema, _Place())
            if step.key is not None:
                place = place.entries.setdefault(step.key, _Place())
        place.whole = True


def _visit_inner(path: InstancePath, old: Inner, new: Inner, place: _Place) -> Iterator[DataChange]:
    if old is new:
        return
    if place.whole:
        yield from _compare_inner(path, old, new)
        return
    for schema, below in place.children.items():
        before, after = old.children.get(schema), new.children.get(schema)
        if before is after:
            continue
        if isinstance(before, Inner) and isinstance(after, Inner):
            yield from _visit_inner(path.child(schema), before, after, below)
        elif isinstance(before, ListNode) or isinstance(after, ListNode):
            assert not isinstance(before, (Leaf, LeafList, AnyNode, Inner))
            assert not isinstance(after, (Leaf, LeafList, AnyNode, Inner))
            yield from _visit_list(path, before or ListNode(schema), after or ListNode(schema), below)
        else:
            yield from _compare(path, schema, before, after)


def _visit_list(path: InstancePath, old: ListNode, new: ListNode, place: _Place) -> Iterator[DataChange]:
    whole_entries = sum(below.whole for below in place.entries.values())
    if place.whole or (whole_entries and old.schema.user_ordered and not _is_append_or_delete(old, new, place)):
        # Entries that came, went or were made anew may stand elsewhere: only the whole list tells.
        yield from _compare_lists(path, old, new)
        return
    for key, below in place.entries.items():
        before, after = old.entries.get(key), new.entries.get(key)
        if before is not None and after is not None:
            yield from _visit_inner(path.child(old.schema, key), before, after, below)
        else:
            yield from _came_or_went(path.child(old.schema, key), before, after)


def _is_append_or_delete(old: ListNode, new: ListNode, place: _Place) -> bool:
    """Whether the only entry that may be elsewhere is gone, or is new and the last."""
    whole = [key for key, below in place.entries.items() if below.whole]
    if len(whole) != 1:
        return False
    if whole[0] in old.entries:
        return whole[0] not in new.entries
    return whole[0] == next(reversed(new.entries), None)


def _compare(path: InstancePath, schema: SchemaNode, old: Node | None, new: Node | None) -> Iterator[DataChange]:
    """Two nodes of one schema node below `path`, not the same object."""
    if isinstance(old, ListNode) or isinstance(new, ListNode):
        assert old is None or isinstance(old, ListNode)
        assert new is None or isinstance(new, ListNode)
        yield from _compare_lists(path, old or ListNode(schema), new or ListNode(schema))
    elif isinstance(old, Inner) and isinstance(new, Inner):
        yield from _compare_inner(path.child(schema), old, new)
    elif old is None or new is None:
        yield from _came_or_went(path.child(schema), old, new)
    elif not _has_same_value(old, new):
        yield DataChange(path.child(schema), "modify", old, new)


def _compare_inner(path: InstancePath, old: Inner, new: Inner) -> Iterator[DataChange]:
    if old is new:
        return
    for node in old.ordered():
        after = new.children.get(node.schema)
        if after is not node:
            yield from _compare(path, node.schema, node, after)
    for node in new.ordered():
        if node.schema not in old.children:
            yield from _compare(path, node.schema, None, node)


def _compare_lists(path: InstancePath, old: ListNode, new: ListNode) -> Iterator[DataChange]:
    schema = old.schema
    for key, before in old.entries.items():
        after = new.entries.get(key)
        if after is None:
            yield DataChange(path.child(schema, key), "delete", before, None)
        elif after is not before:
            yield from _compare_inner(path.child(schema, key), before, after)
    for key, after in new.entries.items():
        if key not in old.entries:
            yield DataChange(path.child(schema, key), "create", None, after)
    if schema.user_ordered and not _is_in_order(old, new):
        yield DataChange(path.child(schema), "reorder", old, new)


def _is_in_order(old: ListNode, new: ListNode) -> bool:
    """Whether deleting what went and adding what came at the end gives the new order."""
    kept = [key for key in old.entries if key in new.entries]
    return all(before == after for before, after in zip(kept, new.entries, strict=False))


def _came_or_went(path: InstancePath, old: Node | None, new: Node | None) -> Iterator[DataChange]:
    if old is None and new is not None:
        yield DataChange(path, "create", None, new)
    elif old is not None and new is None:
        yield DataChange(path, "delete", old, None)


def _has_same_value(old: Node, new: Node) -> bool:
    if isinstance(old, Leaf) and isinstance(new, Leaf):
        return old.text == new.text
    if isinstance(old, LeafList) and isinstance(new, LeafList):
        if old.schema.user_ordered or not old.schema.config:
            return old.texts == new.texts
        return set(old.texts) == set(new.texts)
    return isinstance(old, AnyNode) and isinstance(new, AnyNode) and old.xml == new.xml
