"""The part of a data tree that XPath has to see, as an lxml tree that grows on demand.

A `Cursor` is one node of the accessible tree (RFC 7950 section 6.4.1) with its way up; asking for the children of a
cursor makes their cursors and elements, defaults in use and non-presence containers included. Whatever was not asked
for is not in the lxml tree, so an expression must be prepared (xpath.py) before libxml2 evaluates it.

One projection serves many expressions over one tree: it only grows. It is for one thread and one tree.
Identityref and instance-identifier text is in the form of the data tree (module names as prefixes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from lxml import etree

from agent.yang.accessible import BODIES, accessible_tag, appears_by_itself, is_in_active_case
from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import AnyNode, Inner, InstancePath, Key, Leaf, LeafList, ListNode, Node, Step


class Cursor:
    """One node of the accessible tree. `node` is the data, or a stand-in with nothing in it for what exists by itself.

    A leaf-list has one cursor per value. `key` is set for list entries only.
    """

    __slots__ = ("children", "element", "entries", "key", "node", "parent", "schema", "text", "virtual")

    def __init__(
        self,
        parent: Cursor | None,
        schema: SchemaNode,
        node: Node,
        element: etree._Element,
        *,
        key: Key | None = None,
        text: str | None = None,
        virtual: bool = False,
    ) -> None:
        self.parent: Final = parent
        self.schema: Final = schema
        self.node: Final = node
        self.element: Final = element
        self.key: Final = key
        self.text: Final = text
        self.virtual: Final = virtual
        #: Complete children, for each schema child that was asked for.
        self.children: dict[SchemaNode, tuple[Cursor, ...]] = {}
        #: List entries that were made one by one or all.
        self.entries: dict[SchemaNode, dict[Key, Cursor]] = {}

    @property
    def inner(self) -> Inner | None:
        """The data if this node can have children."""
        return self.node if isinstance(self.node, Inner) else None

    @property
    def path(self) -> InstancePath:
        """Where the node is. An input or output has no step: what is in it is named from its rpc's parent."""
        steps: list[Step] = []
        cursor: Cursor = self
        while (parent := cursor.parent) is not None:
            if cursor.schema.kind not in BODIES:
                value = cursor.text if cursor.schema.kind is Kind.LEAF_LIST else None
                steps.append(Step(cursor.schema, cursor.key, value))
            cursor = parent
        return InstancePath(reversed(steps))


#: Decides whether a node that would exist by itself is there: all its `when`s are true. Its cursor is in place.
WhenCheck = Callable[[Cursor], bool]


class Projection:
    """A growing lxml image of `root`. `when_holds` is asked for nodes with `when`s that no data holds."""

    def __init__(self, root: Inner, when_holds: WhenCheck) -> None:
        self._when_holds = when_holds
        self._cursors: dict[etree._Element, Cursor] = {}
        # libxml2 wants one top element; the root node of XPath is then its parent, the document.
        self.root = Cursor(None, root.schema, root, etree.Element("data"))
        self._cursors[self.root.element] = self.root
        self._operation: Cursor | None = None

    def add_operation(self, body: Inner, parent: Cursor) -> Cursor:
        """Put an rpc's or action's input or output, or a notification, below `parent`."""
        self._operation = self._attach(parent, body.schema, body)
        return self._operation

    def cursor_of(self, element: etree._Element) -> Cursor | None:
        return self._cursors.get(element)

    def child_schemas(self, cursor: Cursor) -> Iterable[SchemaNode]:
        """The schema nodes of the possible children."""
        schemas: Iterable[SchemaNode] = cursor.schema.data_children.values()
        if self._operation is not None and self._operation.parent is cursor:
            return (*schemas, self._operation.schema)
        return schemas

    def children(self, cursor: Cursor, schema: SchemaNode) -> tuple[Cursor, ...]:
        """All children of `cursor` that are instances of `schema`, in order."""
        known = cursor.children.get(schema)
        if known is not None:
            return known
        if self._operation is not None and schema is self._operation.schema and cursor is self._operation.parent:
            found: tuple[Cursor, ...] = (self._operation,)
        else:
            found = self._find(cursor, schema)
        cursor.children[schema] = found
        return found

    def _find(self, cursor: Cursor, schema: SchemaNode) -> tuple[Cursor, ...]:
        inner = cursor.inner
        if inner is None:
            return ()
        node = inner.children.get(schema)
        if isinstance(node, Leaf):
            return (self._attach(cursor, schema, node, text=node.text),)
        if isinstance(node, ListNode):
            return self._all_entries(cursor, node)
        if isinstance(node, LeafList) and node.texts:
            return tuple(self._attach(cursor, schema, node, text=text) for text in node.texts)
        if isinstance(node, Inner | AnyNode):
            return (self._attach(cursor, schema, node),)
        if appears_by_itself(schema) and is_in_active_case(inner, schema):
            return self._virtual(cursor, schema)
        return ()

    def entry(self, cursor: Cursor, schema: SchemaNode, key: Key) -> Cursor | None:
        """One list entry, found by the tree's index; other entries stay out of the projection."""
        inner = cursor.inner
        owner = None if inner is None else inner.children.get(schema)
        if not isinstance(owner, ListNode) or key not in owner.entries:
            return None
        made = cursor.entries.setdefault(schema, {})
        found = made.get(key)
        if found is None:
            found = made[key] = self._attach(cursor, schema, owner.entries[key], key=key)
        return found

    def at(self, path: Iterable[Step]) -> Cursor | None:
        """The node at `path`, or None if it isn't in the accessible tree. The path must not name a list as a whole."""
        cursor: Cursor | None = self.root
        for step in path:
            if cursor is None:
                return None
            if step.key is not None:
                cursor = self.entry(cursor, step.schema, step.key)
                continue
            found = self.children(cursor, step.schema)
            if step.value is not None:
                found = tuple(child for child in found if child.text == step.value)
            cursor = found[0] if found else None
        return cursor

    def placeholder(self, cursor: Cursor, schema: SchemaNode) -> Cursor:
        """A dummy node for evaluating a `when` of something absent (RFC 7950 section 7.21.5); remove it afterwards."""
        return self._attach(cursor, schema, Inner(schema), virtual=True)

    def remove(self, cursor: Cursor) -> None:
        """Take a placeholder out again."""
        parent = cursor.element.getparent()
        if parent is not None:
            parent.remove(cursor.element)
        self._cursors.pop(cursor.element, None)

    def _all_entries(self, cursor: Cursor, owner: ListNode) -> tuple[Cursor, ...]:
        made = cursor.entries.setdefault(owner.schema, {})
        found: list[Cursor] = []
        for key, entry in owner.entries.items():
            child = made.get(key)
            if child is None:
                child = made[key] = self._attach(cursor, owner.schema, entry, key=key)
            else:
                cursor.element.append(child.element)  # moves it behind those before it in the list
            found.append(child)
        return tuple(found)

    def _virtual(self, cursor: Cursor, schema: SchemaNode) -> tuple[Cursor, ...]:
        found: tuple[Cursor, ...]
        if schema.kind is Kind.CONTAINER:
            found = (self._attach(cursor, schema, Inner(schema), virtual=True),)
        elif schema.kind is Kind.LEAF:
            text = schema.defaults[0]
            found = (self._attach(cursor, schema, Leaf(schema, text), text=text, virtual=True),)
        else:
            values = LeafList(schema, schema.defaults)
            found = tuple(self._attach(cursor, schema, values, text=text, virtual=True) for text in values.texts)
        if not schema.whens:
            return found
        # While its own conditions are evaluated the node is there, as the dummy of RFC 7950 section 7.21.5.
        cursor.children[schema] = found
        if self._when_holds(found[0]):
            return found
        for child in found:
            self.remove(child)
        return ()

    def _attach(
        self,
        parent: Cursor,
        schema: SchemaNode,
        node: Node,
        *,
        key: Key | None = None,
        text: str | None = None,
        virtual: bool = False,
    ) -> Cursor:
        element = etree.SubElement(parent.element, accessible_tag(schema))
        if text:
            element.text = text
        cursor = Cursor(parent, schema, node, element, key=key, text=text, virtual=virtual)
        self._cursors[element] = cursor
        return cursor
