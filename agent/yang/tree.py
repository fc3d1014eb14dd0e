"""Immutable data trees with structure sharing.

A tree that has been handed out is never changed. An edit copies the nodes on the way from the root to what it changes
(`Draft`), and shares all the rest with the tree it started from, so that a snapshot costs nothing, a reader needs no
lock, and the difference of two trees is found by comparing identities.

Values are kept as canonical text (RFC 7950 section 9; identityref and instance-identifier in their RFC 7951 form with
module names as prefixes). types.py turns them into lexical XML, JSON and Python values. List entries are indexed by the
tuple of their keys' canonical texts.

Normal form: a container without `presence` is in a tree only while it has children, a list only while it has entries, a
leaf-list only while it has values (RFC 7950 section 7.5.1: such a container has no meaning of its own). Hence an edit
that empties one removes it, and two trees differ exactly where they hold different data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from agent.yang.schema import INNER, SchemaNode

#: Canonical texts of an entry's keys in the order of the `key` statement. Entries of keyless lists get a one-element
#: tuple with their position ("1" is the first), which identifies them within one tree only.
Key = tuple[str, ...]


class Owner:
    """Who may change a node in place: a Draft, as long as it is `live`."""

    __slots__ = ("live",)

    def __init__(self) -> None:
        self.live = True


class Leaf:
    """A leaf; `text` is canonical ("" for type empty)."""

    __slots__ = ("schema", "text")

    def __init__(self, schema: SchemaNode, text: str) -> None:
        self.schema: Final = schema
        self.text: Final = text


class LeafList:
    """A leaf-list. In configuration values are unique; in state data they may repeat."""

    __slots__ = ("schema", "texts")

    def __init__(self, schema: SchemaNode, texts: tuple[str, ...]) -> None:
        self.schema: Final = schema
        self.texts: Final = texts


class AnyNode:
    """anydata or anyxml: the XML element itself, serialised, namespaces included (as bytes, outer element included)."""

    __slots__ = ("schema", "xml")

    def __init__(self, schema: SchemaNode, xml: bytes) -> None:
        self.schema: Final = schema
        self.xml: Final = xml


class Inner:
    """A container, a list entry, the root, or the body of an rpc, action or notification.

    `children` maps each present data child's schema node to its node. For a list entry `key` holds the key texts, and
    the key leaves are also among the children. `owner` is the Draft that may still change this node in place, or None.
    `encoded` is where the XML writer keeps the text of the children of a node that can't change any more.
    """

    __slots__ = ("children", "encoded", "key", "owner", "schema")

    def __init__(
        self,
        schema: SchemaNode,
        children: dict[SchemaNode, Node] | None = None,
        key: Key = (),
        owner: Owner | None = None,
    ) -> None:
        self.schema: Final = schema
        self.children: dict[SchemaNode, Node] = {} if children is None else children
        self.key: Final = key
        self.owner = owner
        self.encoded: str | None = None

    def get(self, schema: SchemaNode) -> Node | None:
        return self.children.get(schema)

    def leaf(self, name: str) -> str | None:
        """Canonical text of the child leaf called `name`, or None if it is absent."""
        node = self.children.get(self.schema.child(name))
        return node.text if isinstance(node, Leaf) else None

    def ordered(self) -> Iterator[Node]:
        """Children with keys first, then in schema order."""
        children = self.children
        if len(children) < 2:
            return iter(children.values())
        return map(children.__getitem__, sorted(children, key=_ranks(self.schema).__getitem__))


def _ranks(schema: SchemaNode) -> dict[SchemaNode, int]:
    """Each data child's place in the order of output."""
    ranks: dict[SchemaNode, int] | None = schema.cache.get("tree.ranks")
    if ranks is None:
        others = sorted(
            (child for child in schema.data_children.values() if child not in schema.keys),
            key=lambda child: child.position,
        )
        ranks = {child: rank for rank, child in enumerate((*schema.keys, *others, *schema.operations.values()))}
        schema.cache["tree.ranks"] = ranks
    return ranks


class ListNode:
    """All entries of one list instance, in order, indexed by key."""

    __slots__ = ("entries", "owner", "schema")

    def __init__(self, schema: SchemaNode, entries: dict[Key, Inner] | None = None, owner: Owner | None = None) -> None:
        self.schema: Final = schema
        self.entries: dict[Key, Inner] = {} if entries is None else entries
        self.owner = owner


Node = Leaf | LeafList | AnyNode | Inner | ListNode


class Step:
    """One step of an instance path: a schema node, with a key if it is a list entry, or a value if it is one value of a
    leaf-list. A list step without key names the list as a whole."""

    __slots__ = ("key", "schema", "value")

    def __init__(self, schema: SchemaNode, key: Key | None = None, value: str | None = None) -> None:
        self.schema: Final = schema
        self.key: Final = key
        self.value: Final = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Step):
            return NotImplemented
        return self.schema is other.schema and self.key == other.key and self.value == other.value

    def __hash__(self) -> int:
        return hash((id(self.schema), self.key, self.value))


class InstancePath(tuple[Step, ...]):
    """Where a data node is, from the root. `()` is the root. paths.py writes and reads the text forms."""

    __slots__ = ()

    def child(self, schema: SchemaNode, key: Key | None = None, value: str | None = None) -> InstancePath:
        return InstancePath((*self, Step(schema, key, value)))

    @property
    def parent(self) -> InstancePath:
        return InstancePath(self[:-1])

    def __str__(self) -> str:
        from agent.yang.paths import to_text

        return to_text(self)


def empty_root(schema_root: SchemaNode) -> Inner:
    """A tree with nothing in it."""
    return Inner(schema_root)


def lookup(root: Inner, path: InstancePath) -> Node | None:
    """The node at `path`, or None. A leaf-list value step gives the LeafList if it has that value."""
    node: Node = root
    for step in path:
        if not isinstance(node, Inner):
            return None
        child = node.children.get(step.schema)
        if child is None:
            return None
        if isinstance(child, ListNode) and step.key is not None:
            entry = child.entries.get(step.key)
            if entry is None:
                return None
            child = entry
        elif isinstance(child, LeafList) and step.value is not None and step.value not in child.texts:
            return None
        node = child
    return node


class Draft:
    """A tree under change: copies what it touches once, then changes its own copies in place.

    `freeze()` ends the draft and gives the new root; nodes that were not touched are those of the old tree.
    """

    def __init__(self, root: Inner) -> None:
        self._token = Owner()
        self.root = self._own_inner(root)

    def freeze(self) -> Inner:
        """The finished tree. The draft must not be used afterwards: what it owned belongs to nobody now."""
        self._token.live = False
        self._token = Owner()
        return self.root

    def _own_inner(self, node: Inner) -> Inner:
        if node.owner is self._token:
            return node
        return Inner(node.schema, dict(node.children), node.key, self._token)

    def inner(self, parent: Inner, schema: SchemaNode) -> Inner:
        """The container child `schema` of an owned `parent`, owned; created when absent."""
        child = parent.children.get(schema)
        assert child is None or isinstance(child, Inner)
        owned = Inner(schema, owner=self._token) if child is None else self._own_inner(child)
        parent.children[schema] = owned
        return owned

    def list(self, parent: Inner, schema: SchemaNode) -> ListNode:
        """The list child `schema` of an owned `parent`, owned; created when absent."""
        child = parent.children.get(schema)
        assert child is None or isinstance(child, ListNode)
        if child is not None and child.owner is self._token:
            return child
        owned = ListNode(schema, None if child is None else dict(child.entries), self._token)
        parent.children[schema] = owned
        return owned

    def entry(self, parent: Inner, schema: SchemaNode, key: Key) -> Inner:
        """The entry `key` of list `schema` below an owned `parent`, owned; created with its key leaves when absent."""
        owner = self.list(parent, schema)
        present = owner.entries.get(key)
        if present is None:
            keys: dict[SchemaNode, Node] = {
                leaf: Leaf(leaf, text) for leaf, text in zip(schema.keys, key, strict=False)
            }
            owned = Inner(schema, keys, key, self._token)
        else:
            owned = self._own_inner(present)
        owner.entries[key] = owned
        return owned

    def put(self, parent: Inner, node: Leaf | LeafList | AnyNode | Inner | ListNode) -> None:
        """Set a child of an owned `parent`; an Inner list entry goes through `entry` or `put_entry` instead."""
        parent.children[node.schema] = node

    def put_entry(self, parent: Inner, entry: Inner) -> None:
        """Add or replace a whole list entry (it may be shared with another tree)."""
        self.list(parent, entry.schema).entries[entry.key] = entry

    def order_entries(self, parent: Inner, schema: SchemaNode, entries: Mapping[Key, Inner]) -> None:
        """Replace the order (and content) of a list's entries."""
        parent.children[schema] = ListNode(schema, dict(entries), self._token)

    def remove(self, parent: Inner, schema: SchemaNode) -> None:
        """Remove a child of an owned `parent`, if present."""
        parent.children.pop(schema, None)

    def remove_entry(self, parent: Inner, schema: SchemaNode, key: Key) -> None:
        """Remove one list entry, and the list with its last entry."""
        owner = self.list(parent, schema)
        owner.entries.pop(key, None)
        if not owner.entries:
            parent.children.pop(schema, None)

    def descend(self, path: InstancePath) -> Inner:
        """The owned inner node at `path`, made with all its ancestors when absent. Every step must be a container or a
        list entry."""
        node = self.root
        for step in path:
            node = self.entry(node, step.schema, step.key) if step.key is not None else self.inner(node, step.schema)
        return node


def is_empty(node: Node) -> bool:
    """True for what carries no information: a non-presence container without children, a list without entries."""
    if isinstance(node, ListNode):
        return not node.entries
    if isinstance(node, Inner):
        return node.schema.kind in INNER and not node.schema.presence and all(map(is_empty, node.children.values()))
    return isinstance(node, LeafList) and not node.texts
