"""The children of one node while an edit goes through them: what is there, what the edit has given, what it took away.

Copies the parent's children on the first change, and collects the entries of a list and the values of a leaf-list, so
that any number of them costs one copy.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.yang.building import duplicate, selected_cases, two_cases
from agent.yang.ordering import Ordering
from agent.yang.schema import SchemaNode
from agent.yang.tree import Inner, InstancePath, Key, LeafList, ListNode, Node


@dataclass(slots=True)
class Siblings:
    """The children of one node while the edit goes through them.

    `children` stays the old tree's own dict until the first change. `fresh`: the parent itself is being created or
    replaced, so that nothing below it needs to be noted as touched.
    """

    schema: SchemaNode
    children: dict[SchemaNode, Node]
    path: InstancePath
    fresh: bool
    _owned: bool = False
    _entries: dict[SchemaNode, Ordering[Key, Inner]] = field(default_factory=dict)
    _values: dict[SchemaNode, Ordering[str, None]] = field(default_factory=dict)
    #: What the edit has given so far: nodes, (list, key) and (leaf-list, value).
    _given: set[object] = field(default_factory=set)
    #: Cases that this edit has put data into: choice -> (case, node).
    _taken: dict[SchemaNode, tuple[SchemaNode, SchemaNode]] = field(default_factory=dict)
    #: Nodes that are gone because another case was taken: deleting them as well is no mistake, in whatever order.
    _excluded: set[SchemaNode] = field(default_factory=set)

    def put(self, node: Node) -> None:
        self._own()
        self.children[node.schema] = node

    def remove(self, schema: SchemaNode) -> None:
        self._own()
        self.children.pop(schema, None)

    def exclude(self, schema: SchemaNode) -> None:
        """Remove a node, whatever its kind, because another case was taken."""
        self.remove(schema)
        self._entries.pop(schema, None)
        self._values.pop(schema, None)
        self._excluded.add(schema)

    def is_removable(self, schema: SchemaNode, *, present: bool) -> bool:
        """Whether `delete` finds what it wants to delete."""
        return present or schema in self._excluded

    def entries(self, schema: SchemaNode) -> Ordering[Key, Inner]:
        found = self._entries.get(schema)
        if found is None:
            node = self.children.get(schema)
            found = self._entries[schema] = Ordering(node.entries if isinstance(node, ListNode) else {})
        return found

    def values(self, schema: SchemaNode) -> Ordering[str, None]:
        found = self._values.get(schema)
        if found is None:
            node = self.children.get(schema)
            texts = node.texts if isinstance(node, LeafList) else ()
            found = self._values[schema] = Ordering(dict.fromkeys(texts))
        return found

    def give_once(self, schema: SchemaNode, identity: object = None) -> None:
        """Raise BadElementError when the edit gives the same thing a second time."""
        given = (schema, identity)
        if given in self._given:
            raise duplicate(schema)
        self._given.add(given)

    def is_present(self, schema: SchemaNode) -> bool:
        if schema in self._entries:
            return len(self._entries[schema]) > 0
        if schema in self._values:
            return len(self._values[schema]) > 0
        return schema in self.children

    def take_case(self, schema: SchemaNode) -> list[SchemaNode]:
        """Note that the edit has given data to `schema`, and return the present nodes of the cases that this excludes.

        Raises ConstraintError when the same edit has given data to one of them.
        """
        excluded: list[SchemaNode] = []
        for choice, case in selected_cases(schema):
            taken, by = self._taken.setdefault(choice, (case, schema))
            if taken is not case:
                raise two_cases(choice, by, schema)
            excluded += (
                other
                for other in {**self.children, **dict.fromkeys(self._entries), **dict.fromkeys(self._values)}
                if self.is_present(other)
                and any(owner is choice and own is not case for owner, own in selected_cases(other))
            )
        return excluded

    def finish(self) -> dict[SchemaNode, Node]:
        """The children after the edit; the dict it started with when nothing has changed."""
        for schema, entries in self._entries.items():
            if entries.changed:
                self._settle(schema, ListNode(schema, entries.result()) if len(entries) else None)
        for schema, values in self._values.items():
            if values.changed:
                self._settle(schema, LeafList(schema, tuple(values.result())) if len(values) else None)
        return self.children

    def _settle(self, schema: SchemaNode, node: Node | None) -> None:
        self._own()
        if node is None:
            self.children.pop(schema, None)
        else:
            self.children[schema] = node

    def _own(self) -> None:
        if not self._owned:
            self._owned = True
            self.children = dict(self.children)
