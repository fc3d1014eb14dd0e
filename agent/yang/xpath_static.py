"""What an expression can read, found on the schema alone.

Walks an expression over *places*. A place is a schema node together with its apex: the deepest schema ancestor whose
instance the node and the context node of the whole expression are sure to share. From `/m:list/leaf`, the place of
`../other` is (other, list): a change of `other` in one entry concerns only leaves in that entry. The place of
`/m:list/other` is (other, root): such a change concerns leaves in all entries.

Also found here: which literals are names of identities, since the data tree writes these with module names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.yang.accessible import (
    BODIES,
    accessible_parent,
    accessible_tag,
    appears_by_itself,
    data_nodes,
    is_above,
    outermost_choice,
)
from agent.yang.schema import Expression, Kind, Schema, SchemaNode
from agent.yang.types import IdentityrefType, InstanceIdentifierType, LeafrefType
from agent.yang.xpath_parser import NamespaceOf
from agent.yang.xpath_syntax import Binary, Call, Expr, Literal, Test
from agent.yang.xpath_walk import RememberingWalker

_QUALIFYING_FUNCTIONS = frozenset({"derived-from", "derived-from-or-self"})


class Place(NamedTuple):
    schema: SchemaNode
    apex: SchemaNode


@dataclass(slots=True)
class Analysis:
    """`reads`: each schema node that can be read, with the apex nearest to the root that it is read from.
    `literals`: identity names with module names. `reads_anything`: it follows instance-identifiers."""

    reads: dict[SchemaNode, SchemaNode] = field(default_factory=dict)
    literals: dict[Literal, str] = field(default_factory=dict)
    reads_anything: bool = False


#: Gives the tree of a `must`, `when` or leafref path.
Parse = Callable[[Expression], Expr]


def analyse(expression: Expr, context: SchemaNode, schema: Schema, namespace_of: NamespaceOf, parse: Parse) -> Analysis:
    """What `expression` can read from an instance of `context`."""
    walker = _StaticWalker(context, schema, namespace_of, parse)
    place = Place(context, context)
    walker.walk(expression, place, place)
    return walker.analysis


def context_of(schema: SchemaNode, expression: Expression) -> SchemaNode:
    """The schema node of the context node of one of the `when`s of `schema`."""
    node = schema
    for _ in range(expression.context_up):
        node = accessible_parent(node) or node
    return node


def operation_around(schema: SchemaNode) -> SchemaNode | None:
    """The input, output or notification that a schema node is in or is."""
    node: SchemaNode | None = schema
    while node is not None and node.kind not in BODIES and node.kind is not Kind.NOTIFICATION:
        node = node.parent
    return node


def child_schemas(schema: SchemaNode, test: Test, operation: SchemaNode | None) -> list[SchemaNode]:
    """The schema nodes of the children that pass the test; `operation` is the one operation that is to be seen."""
    tag = test.tag
    if tag is None:
        found = [child for child in schema.data_children.values() if test.accepts(child.tag)]
    else:
        found = [schema.data_children[tag]] if tag in schema.data_children else []
    if operation is not None and accessible_parent(operation) is schema and test.accepts(accessible_tag(operation)):
        found.append(operation)
    return found


class StaticWalker(RememberingWalker[Place]):
    """Walks over places and calls `_read` for each one that is reached."""

    def __init__(self, context: SchemaNode, schema: Schema) -> None:
        super().__init__()
        self._schema = schema
        self._operation = operation_around(context)
        self._root = Place(schema.root, schema.root)

    def _read(self, place: Place) -> None:
        """A subclass notes what it wants to know."""

    def root(self) -> Place:
        return self._root

    def parent(self, node: Place) -> Place | None:
        above = accessible_parent(node.schema)
        if above is None:
            return None
        return Place(above, above if node.schema is node.apex else node.apex)

    def children(self, node: Place, test: Test) -> Iterable[Place]:
        found = [Place(child, node.apex) for child in child_schemas(node.schema, test, self._operation)]
        for place in found:
            self._read(place)
        return found

    def descendants(self, node: Place, test: Test) -> Iterable[Place]:
        found: list[Place] = []
        pending = [node.schema]
        while pending:
            for child in child_schemas(pending.pop(), _ANY, self._operation):
                place = Place(child, node.apex)
                pending.append(child)
                accepted = test.accepts(accessible_tag(child))
                if accepted:
                    found.append(place)
                if accepted or (child.data_children and appears_by_itself(child)):
                    self._read(place)
        return found

    def accepts(self, node: Place, test: Test) -> bool:
        return test.accepts(accessible_tag(node.schema))

    def deref(self, node: Place) -> Iterable[Place]:
        return ()


class _StaticWalker(StaticWalker):
    """Collects an Analysis."""

    def __init__(self, context: SchemaNode, schema: Schema, namespace_of: NamespaceOf, parse: Parse) -> None:
        super().__init__(context, schema)
        self.analysis = Analysis()
        self._namespace_of = namespace_of
        self._parse = parse
        self._entered: set[Place] = set()
        self._derefenced: set[Place] = set()

    def _read(self, place: Place) -> None:
        if place in self._entered:
            return
        self._entered.add(place)
        self._note(place.schema, place.apex)
        if appears_by_itself(place.schema):
            self._read_conditions(place)

    def _note(self, schema: SchemaNode, apex: SchemaNode) -> None:
        known = self.analysis.reads.get(schema)
        if known is None or is_above(apex, known):
            self.analysis.reads[schema] = apex

    def _read_conditions(self, place: Place) -> None:
        """What decides whether a node that needs no data is there: the other cases of its choice, and its `when`s."""
        choice = outermost_choice(place.schema)
        if choice is not None:
            for rival in data_nodes(choice):
                self._note(rival, place.apex)
        for when in place.schema.whens:
            context = place
            for _ in range(when.context_up):
                context = self.parent(context) or context
            self.walk(self._parse(when), context, context)

    def deref(self, node: Place) -> Iterable[Place]:
        if node in self._derefenced or node.schema.type is None:
            return
        self._derefenced.add(node)
        for member in node.schema.type.find_members():
            if isinstance(member, LeafrefType):
                yield from self.walk(self._parse(member.path), node, node)
            elif isinstance(member, InstanceIdentifierType):
                self.analysis.reads_anything = True

    def compared(self, comparison: Binary, left: Sequence[Place], right: Sequence[Place]) -> None:
        for literal, places in ((comparison.left, right), (comparison.right, left)):
            leaves = [place.schema for place in places if place.schema.type is not None]
            if isinstance(literal, Literal) and leaves and all(map(_holds_identity, leaves)):
                self._qualify(literal)

    def _call(self, call: Call, context: Place, current: Place) -> tuple[Place, ...]:
        if call.name in _QUALIFYING_FUNCTIONS and isinstance(call.arguments[1], Literal):
            self._qualify(call.arguments[1])
        return super()._call(call, context, current)

    def _qualify(self, literal: Literal) -> None:
        prefix, _, name = literal.text.rpartition(":")
        try:
            namespace = self._namespace_of(prefix or None)
        except KeyError:
            return
        module = self._schema.by_namespace.get(namespace or "")
        if module is not None and (module.name, name) in self._schema.derived:
            self.analysis.literals[literal] = f"{module.name}:{name}"


_ANY = Test(node_type="node")


def _holds_identity(schema: SchemaNode) -> bool:
    assert schema.type is not None
    for member in schema.type.find_members():
        final = member.target_type if isinstance(member, LeafrefType) else member
        if any(isinstance(inner, IdentityrefType) for inner in final.find_members()):
            return True
    return False
