"""Which part of a tree a filter wants, and cutting that part out.

A `Selection` is a filter that has been compiled onto the schema (agent/netconf/filters.py does so for RFC 6241
section 6, xpath.py for XPath expressions). Cutting shares every subtree that is wanted whole with the tree it is cut
from, and finds list entries by the key index, so that its cost follows the size of the answer.

Rules: sibling selections of the same node add up (union). Entries always carry their keys, so that an answer can be
read. Containers and entries in which nothing was selected are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from agent.yang.schema import Kind, SchemaNode
from agent.yang.tree import AnyNode, Draft, Inner, InstancePath, Key, Leaf, LeafList, ListNode, Node, lookup


@dataclass(frozen=True)
class Selection:
    """What is wanted of the instances of one schema node.

    Attributes:
        schema: the data node.
        matches: content matches, (leaf or leaf-list, canonical text): only instances with all these values count, and
            the values are part of the answer. For a container or list the leaves are children of `schema`; for a leaf
            or leaf-list they are `schema` itself.
        children: what is wanted below; empty: everything below.
        everything: the whole subtree, whatever `children` says.
        attributes: XML attributes as (Clark name, value) that an instance must have. Only anydata and anyxml can
            have any, so that a selection with attributes of another node selects nothing (RFC 6241 section 6.2.2).
    """

    schema: SchemaNode
    matches: tuple[tuple[SchemaNode, str], ...] = ()
    children: tuple[Selection, ...] = ()
    everything: bool = False
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def whole(self) -> bool:
        """True when the complete subtree of a matching instance is wanted."""
        return self.everything or not self.children


def select(root: Inner, selections: Sequence[Selection]) -> Inner:
    """The part of the tree at `root` that the selections (of its children) want, as a tree of its own."""
    return Inner(root.schema, _Siblings(selections).cut(root), root.key)


def extract(root: Inner, paths: Iterable[InstancePath]) -> Inner:
    """The tree that holds the nodes at `paths`, whole, with their ancestors and the ancestors' keys.

    Paths without a node are left out; a leaf-list value path contributes that value only.
    """
    draft = Draft(Inner(root.schema, None, root.key))
    for path in paths:
        node = lookup(root, path)
        if node is None:
            continue
        if not path:
            return root
        _put_at(draft, path, node)
    return draft.freeze()


def merge(a: Inner, b: Inner) -> Inner:
    """The union of two trees. Where both have a leaf, leaf-list or anydata, that of `b` counts; entries of keyless
    lists are put one after the other. Subtrees that only one of them has are shared with it."""
    if a is b or not b.children:
        return a
    if not a.children:
        return b
    children = dict(a.children)
    for schema, ours in b.children.items():
        theirs = children.get(schema)
        if isinstance(ours, Inner) and isinstance(theirs, Inner):
            children[schema] = merge(theirs, ours)
        elif isinstance(ours, ListNode) and isinstance(theirs, ListNode):
            children[schema] = _merge_lists(theirs, ours)
        else:
            children[schema] = ours
    return Inner(a.schema, children, a.key)


class _Siblings:
    """All selections among the children of one parent, grouped by schema node."""

    def __init__(self, selections: Iterable[Selection]) -> None:
        grouped: dict[SchemaNode, list[Selection]] = {}
        for selection in selections:
            grouped.setdefault(selection.schema, []).append(selection)
        self._groups = {schema: _make_group(schema, group) for schema, group in grouped.items()}

    def cut(self, parent: Inner) -> dict[SchemaNode, Node]:
        result: dict[SchemaNode, Node] = {}
        for schema, group in self._groups.items():
            node = parent.children.get(schema)
            if node is not None:
                piece = group.cut(node)
                if piece is not None:
                    result[schema] = piece
        return result


class _ValueGroup:
    """Selections of one leaf, leaf-list, anydata or anyxml."""

    def __init__(self, selections: Sequence[Selection]) -> None:
        self._attributes = [selection.attributes for selection in selections]
        plain = [selection for selection in selections if not selection.attributes]
        self._any = any(not selection.matches for selection in plain)
        self._texts = {
            selection.matches[0][1]
            for selection in plain
            if selection.matches and len({text for _, text in selection.matches}) == 1
        }

    def cut(self, node: Node) -> Node | None:
        if isinstance(node, AnyNode):
            return node if any(_has_attributes(node, wanted) for wanted in self._attributes) else None
        if self._any:
            return node
        if isinstance(node, Leaf):
            return node if node.text in self._texts else None
        assert isinstance(node, LeafList)
        return _values(node, self._texts)


class _InnerGroup:
    """Selections of one container or list.

    The selections are indexed by what they match, so that an instance meets only those that can be true of it, however
    many there are in the filter.
    """

    def __init__(self, schema: SchemaNode, selections: Sequence[Selection]) -> None:
        self._schema = schema
        #: matched leaves -> their texts -> selections. () -> () holds the unconditional ones.
        self._index: dict[tuple[SchemaNode, ...], dict[Key, list[Selection]]] = {}
        for selection in selections:
            if not selection.attributes:
                self._add(selection)
        self._below: dict[tuple[int, ...], _Siblings] = {}

    def cut(self, node: Node) -> Node | None:
        if isinstance(node, ListNode):
            entries: dict[Key, Inner] = {}
            for key, entry in self._candidates(node):
                piece = self._cut_instance(entry)
                if piece is not None:
                    entries[key] = piece
            return ListNode(node.schema, entries) if entries else None
        assert isinstance(node, Inner)
        return self._cut_instance(node)

    def _add(self, selection: Selection) -> None:
        wanted = {leaf: text for leaf, text in selection.matches if leaf.kind is Kind.LEAF}
        if any(wanted.get(leaf, text) != text for leaf, text in selection.matches):
            return  # one leaf can't have two values
        leaves = tuple(sorted(wanted, key=lambda leaf: leaf.position))
        texts = tuple(wanted[leaf] for leaf in leaves)
        self._index.setdefault(leaves, {}).setdefault(texts, []).append(selection)

    def _candidates(self, node: ListNode) -> Iterable[tuple[Key, Inner]]:
        """Entries that may match: found by key when every selection pins all keys."""
        keys = self._schema.keys
        if not keys or not all(set(keys) <= set(leaves) for leaves in self._index):
            return node.entries.items()
        pinned = {
            tuple(texts[leaves.index(key)] for key in keys): None
            for leaves, table in self._index.items()
            for texts in table
        }
        if self._schema.user_ordered and len(pinned) > 1:
            return [(key, entry) for key, entry in node.entries.items() if key in pinned]
        return [(key, node.entries[key]) for key in pinned if key in node.entries]

    def _applicable(self, instance: Inner) -> Iterator[Selection]:
        for leaves, table in self._index.items():
            values = [instance.children.get(leaf) for leaf in leaves]
            texts = tuple(value.text for value in values if isinstance(value, Leaf))
            if len(texts) == len(leaves):
                for selection in table.get(texts, ()):
                    if all(_has_value(instance, leaf, text) for leaf, text in selection.matches):
                        yield selection

    def _cut_instance(self, instance: Inner) -> Inner | None:
        applicable = list(self._applicable(instance))
        if any(selection.whole for selection in applicable):
            return instance
        if not applicable:
            return None
        children = self._siblings(applicable).cut(instance)
        for selection in applicable:
            _add_matched(children, instance, selection.matches)
        if not children:
            return None
        for key in instance.schema.keys:
            if key not in children and key in instance.children:
                children[key] = instance.children[key]
        return Inner(instance.schema, children, instance.key)

    def _siblings(self, applicable: Sequence[Selection]) -> _Siblings:
        identity = tuple(map(id, applicable))
        known = self._below.get(identity)
        if known is None:
            known = _Siblings([child for selection in applicable for child in selection.children])
            self._below[identity] = known
        return known


def _make_group(schema: SchemaNode, selections: Sequence[Selection]) -> _ValueGroup | _InnerGroup:
    if schema.kind in (Kind.LEAF, Kind.LEAF_LIST, Kind.ANYDATA, Kind.ANYXML):
        return _ValueGroup(selections)
    return _InnerGroup(schema, selections)


def _has_value(instance: Inner, schema: SchemaNode, text: str) -> bool:
    node = instance.children.get(schema)
    if isinstance(node, Leaf):
        return node.text == text
    return isinstance(node, LeafList) and text in node.texts


def _has_attributes(node: AnyNode, wanted: Collection[tuple[str, str]]) -> bool:
    if not wanted:
        return True
    element = etree.fromstring(node.xml, etree.XMLParser(resolve_entities=False, no_network=True))
    return all(element.get(name) == value for name, value in wanted)


def _values(node: LeafList, texts: Collection[str]) -> LeafList | None:
    kept = tuple(text for text in node.texts if text in texts)
    return LeafList(node.schema, kept) if kept else None


def _add_matched(children: dict[SchemaNode, Node], instance: Inner, matches: Sequence[tuple[SchemaNode, str]]) -> None:
    """Content matches are part of the answer (RFC 6241 section 6.2.5)."""
    for schema, text in matches:
        node = instance.children[schema]
        if isinstance(node, LeafList):
            present = children.get(schema)
            texts = {text, *(present.texts if isinstance(present, LeafList) else ())}
            matched = _values(node, texts)
            assert matched is not None
            children[schema] = matched
        else:
            children[schema] = node


def _put_at(draft: Draft, path: InstancePath, node: Node) -> None:
    parent = draft.descend(path.parent)
    last = path[-1]
    present = parent.children.get(last.schema)
    if isinstance(node, Inner) and last.key is not None:
        draft.put_entry(parent, node)
    elif isinstance(node, LeafList) and last.value is not None:
        earlier = present.texts if isinstance(present, LeafList) else ()
        draft.put(parent, LeafList(node.schema, earlier if last.value in earlier else (*earlier, last.value)))
    else:
        draft.put(parent, node)


def _merge_lists(a: ListNode, b: ListNode) -> ListNode:
    if not a.schema.keys:
        return _renumbered(a.schema, (*a.entries.values(), *b.entries.values()))
    entries = dict(a.entries)
    for key, entry in b.entries.items():
        present = entries.get(key)
        entries[key] = entry if present is None else merge(present, entry)
    return ListNode(a.schema, entries)


def _renumbered(schema: SchemaNode, entries: Sequence[Inner]) -> ListNode:
    """A keyless list: its entries are known by their positions, which start at 1."""
    positions = ((str(position),) for position in range(1, len(entries) + 1))
    return ListNode(
        schema, {key: Inner(schema, entry.children, key) for key, entry in zip(positions, entries, strict=True)}
    )
