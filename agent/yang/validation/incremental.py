"""What a list of changes can break, and nothing else.

Given that the old tree was valid, the new one is valid exactly when these hold:

1. around each change, the presence and number of nodes is right, at every level from the root down to it;
2. what was created is valid with all below it, what was modified is valid itself;
3. every rule that reads something that came, went or changed, holds for the context nodes that can reach it
   (dependencies.py), a `when` together with what stands or falls with its node;
4. `unique` holds in the lists in which a unique leaf of an entry changed.

A node that exists by itself (a default in use, a container without presence) comes and goes with the nodes above it and
with the other cases of its choice; its `when`s are among the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.yang.accessible import is_above
from agent.yang.dependencies import Dependencies, Rule, RuleKind, appearing_children, chain, depth
from agent.yang.diff import DataChange
from agent.yang.projection import Cursor
from agent.yang.schema import SchemaNode
from agent.yang.tree import AnyNode, Inner, InstancePath, Leaf, LeafList, ListNode, Node
from agent.yang.validation import unique
from agent.yang.validation.checker import Checker
from agent.yang.validation.rules import Group, group_of
from agent.yang.xpath_evaluation import Evaluation


def check_changes(checker: Checker, dependencies: Dependencies, changes: Sequence[DataChange]) -> None:
    """Report everything that the changes broke."""
    if not changes:
        return
    incremental = _Incremental(checker)
    for change in changes:
        incremental.check_around(change)
        incremental.check_changed(change)
    for rule, apex in affected_rules(dependencies, changes):
        incremental.check_rule(rule, apex)


def affected_rules(dependencies: Dependencies, changes: Sequence[DataChange]) -> Iterator[tuple[Rule, InstancePath]]:
    """Each rule to check again, with the node below which its affected context nodes are."""
    found: dict[tuple[Rule, InstancePath], None] = {}
    for change in changes:
        for schema, path in _events(change, dependencies):
            for rule, apex in dependencies.of(schema):
                if change.operation == "create" and _is_target(schema, rule):
                    continue
                found[rule, InstancePath(path[: depth(apex)])] = None
    yield from found
    for rule in dependencies.on_anything:
        if (rule, InstancePath()) not in found:
            yield rule, InstancePath()


def instances(evaluation: Evaluation, rule: Rule, apex: InstancePath) -> Iterator[Cursor]:
    """The context nodes of a rule's schema node below `apex`."""
    top = evaluation.projection.at(apex)
    if top is None:
        return
    cursors = [top]
    for schema in chain(top.schema, rule.schema):
        cursors = [child for cursor in cursors for child in evaluation.projection.children(cursor, schema)]
    yield from cursors


def parents(evaluation: Evaluation, rule: Rule, apex: InstancePath) -> Iterator[Cursor]:
    """The nodes below `apex` that have or could have an instance of a rule's schema node as child."""
    top = evaluation.projection.at(apex)
    if top is None:
        return
    if top.schema is rule.schema:
        yield from () if top.parent is None else (top.parent,)
        return
    cursors = [top]
    for schema in chain(top.schema, rule.schema)[:-1]:
        cursors = [child for cursor in cursors for child in evaluation.projection.children(cursor, schema)]
    yield from cursors


class _Incremental:
    """Does each check once, however many changes ask for it."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker
        self._evaluation = checker.evaluation
        self._groups: set[tuple[Cursor, Group]] = set()
        self._lists: set[tuple[Cursor, SchemaNode]] = set()
        self._instances: set[Cursor] = set()
        self._rules: set[tuple[Rule, Cursor]] = set()
        self._admitted: dict[Cursor, bool] = {}

    def check_around(self, change: DataChange) -> None:
        """Presence and number at every level, and the uniqueness of the entries on the way."""
        cursor: Cursor | None = self._evaluation.projection.root
        path = change.path
        for index, step in enumerate(path):
            if cursor is None or cursor.inner is None:
                return
            self._check_group(cursor, group_of(step.schema))
            if step.schema.unique:
                self._check_unique(cursor, change, index)
            if index + 1 < len(path):
                cursor = self._evaluation.projection.at(path[: index + 1])

    def check_changed(self, change: DataChange) -> None:
        """What was created, with all below it; what was modified."""
        if change.operation in ("delete", "reorder"):
            return
        for cursor in self._changed(change.path):
            if cursor not in self._instances and (cursor.parent is None or self._is_admitted(cursor.parent)):
                self._instances.add(cursor)
                self._checker.check_instance(cursor)
        if isinstance(change.new, ListNode):
            parent = self._evaluation.projection.at(change.path.parent)
            if parent is not None:
                self._check_unique_of(parent, change.new.schema)

    def check_rule(self, rule: Rule, apex: InstancePath) -> None:
        if rule.kind is RuleKind.WHEN:
            for parent in parents(self._evaluation, rule, apex):
                self._check_conditional(parent, rule.schema)
            return
        for cursor in instances(self._evaluation, rule, apex):
            if (rule, cursor) in self._rules or not self._is_admitted(cursor):
                continue
            self._rules.add((rule, cursor))
            if rule.kind is RuleKind.REFERENCE:
                self._checker.check_reference(cursor)
            else:
                assert rule.expression is not None
                self._checker.check_must(cursor, rule.expression)

    def _is_admitted(self, cursor: Cursor) -> bool:
        """Whether the `when`s of a node and of all above it hold. Where one doesn't, that is the only error told."""
        known = self._admitted.get(cursor)
        if known is None:
            above = cursor.parent is None or self._is_admitted(cursor.parent)
            known = self._admitted[cursor] = above and self._evaluation.whens_hold(cursor)
        return known

    def _changed(self, path: InstancePath) -> tuple[Cursor, ...]:
        parent = self._evaluation.projection.at(path.parent)
        last = path[-1]
        if parent is None:
            return ()
        if last.key is None:
            return self._evaluation.projection.children(parent, last.schema)
        entry = self._evaluation.projection.entry(parent, last.schema, last.key)
        return () if entry is None else (entry,)

    def _check_conditional(self, parent: Cursor, schema: SchemaNode) -> None:
        """A node with `when`s: either it is there and may be, or it is absent and that is right."""
        self._check_group(parent, group_of(schema))
        for cursor in self._evaluation.projection.children(parent, schema):
            if not cursor.virtual and self._is_admitted(parent):
                self._checker.check_whens(cursor)
        if parent.key is not None and parent.schema.unique and parent.parent is not None:
            self._check_unique_of(parent.parent, parent.schema)

    def _check_group(self, parent: Cursor, group: Group) -> None:
        if (parent, group) not in self._groups and parent.inner is not None and self._is_admitted(parent):
            self._groups.add((parent, group))
            self._checker.check_group(parent, group, deep=False)

    def _check_unique(self, parent: Cursor, change: DataChange, index: int) -> None:
        below = InstancePath(change.path[index + 1 :])
        is_entry = not below
        if (is_entry and change.operation == "create") or (
            not is_entry and unique.concerns(change.path[index].schema, below)
        ):
            self._check_unique_of(parent, change.path[index].schema)

    def _check_unique_of(self, parent: Cursor, schema: SchemaNode) -> None:
        owner = None if parent.inner is None else parent.inner.children.get(schema)
        if isinstance(owner, ListNode) and (parent, schema) not in self._lists and self._is_admitted(parent):
            self._lists.add((parent, schema))
            self._checker.check_unique(parent, owner)


def _events(change: DataChange, dependencies: Dependencies) -> Iterator[tuple[SchemaNode, InstancePath]]:
    """Everything that came, went or changed and that a rule reads."""
    path = change.path
    if not path or not dependencies.any_below(path[-1].schema):
        return
    yield path[-1].schema, path
    for node in (change.old, change.new):
        if node is not None and change.operation in ("create", "delete"):
            yield from _events_below(node, path, dependencies)


def _events_below(
    node: Node, path: InstancePath, dependencies: Dependencies
) -> Iterator[tuple[SchemaNode, InstancePath]]:
    if isinstance(node, ListNode):
        for key, entry in node.entries.items():
            place = InstancePath((*path[:-1], *InstancePath().child(node.schema, key)))
            yield node.schema, place
            yield from _events_below(entry, place, dependencies)
        return
    if isinstance(node, Leaf | LeafList | AnyNode):
        return
    for child in node.children.values():
        if dependencies.any_below(child.schema):
            below = path.child(child.schema)
            yield child.schema, below
            yield from _events_below(child, below, dependencies)
    for schema in appearing_children(node.schema):
        if schema not in node.children and dependencies.any_below(schema):
            below = path.child(schema)
            yield schema, below
            yield from _events_below(Inner(schema), below, dependencies)


def _is_target(schema: SchemaNode, rule: Rule) -> bool:
    """Whether a node is what a reference refers to, or above that: that more of it exists breaks nothing, unless a
    value takes the place of a default."""
    if rule.kind is not RuleKind.REFERENCE:
        return False
    return any(is_above(schema, target) or (schema is target and not target.defaults) for target in rule.targets)
