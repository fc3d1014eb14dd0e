"""A commit on its way through the providers: validate all, stage all, prepare all, then apply all or abort those that
have begun.

Turns the changes of two trees into `Change` records for each registered node: a provider that registered for a list
sees one record for each entry that was created, modified or deleted, with the whole entry before and after.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from agent.northbound.contract import Change, ConfigHandler
from agent.northbound.registry import Registry
from agent.storage.database import Transaction
from agent.yang import paths, python_codec
from agent.yang.building import leaf_type
from agent.yang.diff import DataChange
from agent.yang.edit import EditResult
from agent.yang.errors import DataError
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import Draft, Inner, InstancePath, Leaf, ListNode, Node, lookup

log = logging.getLogger(__name__)


class TreeConfigView:
    """ConfigView of one tree."""

    def __init__(self, root: Inner) -> None:
        self._root = root

    def get(self, path: str) -> Any:
        try:
            instance = paths.parse(path, self._root.schema)
        except DataError:
            raise ValueError(f"not a data path of this schema: {path}") from None
        node = lookup(self._root, instance) or _when_absent(instance)
        return None if node is None else python_codec.to_value(node, defaults=True)


class ProviderCommit:
    """The providers' part in one commit (datastore.participants.PendingCommit)."""

    def __init__(self, work: dict[ConfigHandler, list[Change]], new: Inner) -> None:
        self._work = work
        self._new = new
        self._view = TreeConfigView(new)
        #: Those that are to be told when the commit fails.
        self._begun: list[ConfigHandler] = []

    def validate(self) -> None:
        for handler, changes in self._work.items():
            handler.validate(changes, self._view)

    def stage(self) -> EditResult:
        written: dict[str, Any] = {}
        for handler, changes in self._work.items():
            # Listed before it starts, so that a handler that fails half-way is told to abort as well.
            self._begun.append(handler)
            written.update(handler.stage(changes, self._view))
        return _write_leaves(self._new, written)

    def prepare(self, transaction: Transaction) -> None:
        for handler, changes in self._work.items():
            handler.prepare(changes, self._view, transaction)

    def apply(self) -> None:
        for handler, changes in self._work.items():
            try:
                handler.apply(changes)
            except Exception:
                # The commit is durable and can't be refused any more; the others must still hear of it.
                log.exception("%s failed to apply a commit", type(handler).__name__)

    def abort(self) -> None:
        for handler in reversed(self._begun):
            try:
                handler.abort(self._work[handler])
            except Exception:
                log.exception("%s failed to abort a commit", type(handler).__name__)
        self._begun.clear()


class ProviderParticipants:
    """All registered providers as the participants of commits (datastore.participants.Participants)."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def begin(self, old: Inner, new: Inner, changes: Sequence[DataChange]) -> ProviderCommit:
        work: dict[ConfigHandler, list[Change]] = {}
        for instance in self._instances(changes):
            handler = self._registry.config_handlers[instance[-1].schema]
            change = _change(instance, lookup(old, instance), lookup(new, instance))
            if change is not None:
                work.setdefault(handler, []).append(change)
        return ProviderCommit(work, new)

    def rewrite_leaf(self, schema: SchemaNode, text: str) -> str:
        return self._registry.rewrite_leaf(schema, text)

    def _instances(self, changes: Sequence[DataChange]) -> dict[InstancePath, None]:
        """The registered instances that the changes touch, each once, in the order of the changes."""
        found: dict[InstancePath, None] = {}
        for change in changes:
            for length in range(1, len(change.path) + 1):
                path = InstancePath(change.path[:length])
                if self._is_instance(path):
                    found[path] = None
            for node in (change.old, change.new):
                if node is not None:
                    found.update(dict.fromkeys(self._below(change.path, node)))
        return found

    def _is_instance(self, path: InstancePath) -> bool:
        step = path[-1]
        return step.schema in self._registry.config_handlers and (
            step.schema.kind is not Kind.LIST or step.key is not None
        )

    def _below(self, path: InstancePath, node: Node) -> Iterator[InstancePath]:
        """Registered instances inside a subtree that was created or deleted as a whole."""
        if isinstance(node, ListNode):
            for key, entry in node.entries.items():
                yield from self._at_and_below(path.parent.child(node.schema, key), entry)
        elif isinstance(node, Inner):
            for schema, child in node.children.items():
                if isinstance(child, ListNode):
                    for key, entry in child.entries.items():
                        yield from self._at_and_below(path.child(schema, key), entry)
                elif isinstance(child, Inner):
                    yield from self._at_and_below(path.child(schema), child)

    def _at_and_below(self, path: InstancePath, node: Inner) -> Iterator[InstancePath]:
        if self._is_instance(path):
            yield path
        yield from self._below(path, node)


def _write_leaves(root: Inner, values: Mapping[str, Any]) -> EditResult:
    """`root` with these leaves: instance path -> Python value, None for no such leaf."""
    draft = Draft(root)
    touched = []
    for text, value in values.items():
        path = paths.parse(text, root.schema)
        schema = path[-1].schema
        before = lookup(root, path)
        after = None if value is None else Leaf(schema, leaf_type(schema).from_python(value))
        if (before.text if isinstance(before, Leaf) else None) == (after.text if after else None):
            continue
        touched.append(path)
        parent = draft.descend(path.parent)
        if after is None:
            draft.remove(parent, schema)
        else:
            draft.put(parent, after)
    return EditResult(draft.freeze() if touched else root, tuple(touched))


def _when_absent(path: InstancePath) -> Node | None:
    """What stands for an absent node: a default in use, or a container that holds nothing but defaults."""
    schema = path[-1].schema
    if schema.kind is Kind.LEAF and schema.defaults:
        return Leaf(schema, schema.defaults[0])
    if schema.kind is Kind.CONTAINER and not schema.presence:
        return Inner(schema)
    return None


def _change(path: InstancePath, old: Node | None, new: Node | None) -> Change | None:
    schema = path[-1].schema
    key = path[-1].key or ()
    if schema.kind is Kind.CONTAINER and not schema.presence:
        # It has no existence of its own (RFC 7950 section 7.5.1): it is always there, maybe with defaults only.
        old = old or _when_absent(path)
        new = new or _when_absent(path)
    before = python_codec.to_record(old, defaults=True) if isinstance(old, Inner) else None
    after = python_codec.to_record(new, defaults=True) if isinstance(new, Inner) else None
    if before is None and after is None:
        return None
    operation: Literal["create", "modify", "delete"] = (
        "create" if before is None else "delete" if after is None else "modify"
    )
    keys = {leaf.name: text for leaf, text in zip(schema.keys, key, strict=False)}
    return Change(paths.to_text(path), operation, keys, before, after)
