"""What an edit deletes by making a `when` false (RFC 7950 section 8.3.2).

"If the NETCONF operation modifies a data node such that any node's `when` expression becomes false, then the node in
the data tree with the `when` expression is deleted by the server." A node that the same edit creates or changes is not
deleted silently: it stays, and validation refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.yang.dependencies import Dependencies, RuleKind
from agent.yang.diff import DataChange
from agent.yang.projection import Cursor
from agent.yang.tree import Draft, Inner, InstancePath, lookup
from agent.yang.validation.incremental import affected_rules, instances
from agent.yang.xpath_evaluation import Evaluation, Programs

#: How often a deletion may make further `when`s false before we leave the rest to validation.
MAX_ROUNDS: Final = 16


@dataclass(frozen=True, slots=True)
class Pruned:
    """The tree without the deleted nodes, and the paths of these (none: `root` is the tree that was given)."""

    root: Inner
    deleted: tuple[InstancePath, ...] = ()


def prune(
    programs: Programs, dependencies: Dependencies, new: Inner, old: Inner, changes: Sequence[DataChange]
) -> Pruned:
    """Delete what `changes` left with a false `when`, repeatedly."""
    deleted: list[InstancePath] = []
    pending = list(changes)
    for _ in range(MAX_ROUNDS):
        doomed = _false_whens(programs, dependencies, new, old, pending)
        if not doomed:
            break
        new = _without(new, doomed)
        deleted += doomed
        pending = [DataChange(path, "delete", lookup(old, path), None) for path in doomed]
    return Pruned(new, tuple(deleted))


def _false_whens(
    programs: Programs, dependencies: Dependencies, new: Inner, old: Inner, changes: Sequence[DataChange]
) -> list[InstancePath]:
    """Nodes with a false `when` that are as they were, topmost only."""
    evaluation = Evaluation(programs, new)
    found: dict[InstancePath, None] = {}
    for rule, apex in affected_rules(dependencies, changes):
        if rule.kind is not RuleKind.WHEN:
            continue
        for cursor in instances(evaluation, rule, apex):
            path = _place(cursor)
            if not cursor.virtual and lookup(old, path) is lookup(new, path) and not evaluation.whens_hold(cursor):
                found[path] = None
    return [path for path in found if not any(InstancePath(path[:length]) in found for length in range(len(path)))]


def _place(cursor: Cursor) -> InstancePath:
    """The node's path; that of the whole leaf-list for one of its values."""
    path = cursor.path
    return path.parent.child(path[-1].schema) if path and path[-1].value is not None else path


def _without(root: Inner, doomed: Sequence[InstancePath]) -> Inner:
    draft = Draft(root)
    for path in doomed:
        parent, last = draft.descend(path.parent), path[-1]
        if last.key is not None:
            draft.remove_entry(parent, last.schema, last.key)
        else:
            draft.remove(parent, last.schema)
        _drop_empty(draft, path.parent)
    return draft.freeze()


def _drop_empty(draft: Draft, path: InstancePath) -> None:
    """Containers without presence that have lost their last child go, too (tree.py, normal form)."""
    while path:
        node, last = draft.descend(path), path[-1]
        if node.children or last.key is not None or last.schema.presence:
            return
        path = path.parent
        draft.remove(draft.descend(path), last.schema)
