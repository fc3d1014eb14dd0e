"""leafref and instance-identifier with require-instance (RFC 7950 sections 9.9.3, 9.13.1 and 15.5).

A plain leafref path is followed on the tree itself: by the key index where it ends in the only key of a list, else by a
set of all values, made once per validation. Paths with predicates, and targets with defaults, go through XPath.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.yang.accessible import accessible_parent
from agent.yang.errors import ConstraintError, DataError
from agent.yang.projection import Cursor
from agent.yang.schema import SchemaNode
from agent.yang.tree import Inner, Leaf, LeafList, ListNode, Node
from agent.yang.types import InstanceIdentifierType, LeafrefType, Type
from agent.yang.xpath_evaluation import Evaluation
from agent.yang.xpath_syntax import Expr, Path, PathStep


@dataclass(frozen=True, slots=True)
class _Route:
    """A leafref path that needs no XPath: from the root or `up` levels up, then down through `down`."""

    absolute: bool
    up: int
    down: tuple[SchemaNode, ...]


class References:
    """Checks the references of one tree."""

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        #: Values below a node, which is kept too, so that its id stays its own.
        self._values: dict[tuple[int, tuple[SchemaNode, ...]], tuple[Inner, frozenset[str]]] = {}

    def dangling(self, cursor: Cursor) -> DataError | None:
        """The error of a leaf or leaf-list value that refers to nothing, or None."""
        assert cursor.schema.type is not None
        assert cursor.text is not None
        members = [member for member in cursor.schema.type.find_members() if member.is_canonical(cursor.text)]
        if any(self._resolves(cursor, member) for member in members):
            return None
        wanted = next((member.target.name for member in members if isinstance(member, LeafrefType)), "node")
        return ConstraintError(
            "instance-required",
            f"{cursor.schema.name} refers to the {wanted} {cursor.text!r}, which does not exist; "
            "create it or name one that exists.",
            cursor.path,
            bad_name=cursor.schema.name,
        )

    def _resolves(self, cursor: Cursor, member: Type) -> bool:
        text = cursor.text
        assert text is not None
        if isinstance(member, InstanceIdentifierType):
            return not member.require_instance or self._evaluation.instance(text) is not None
        if not isinstance(member, LeafrefType) or not member.require_instance:
            return True
        route = self._route(cursor.schema, member)
        if route is not None:
            return self._is_below(cursor, route, text)
        program = self._evaluation.programs.program(member.path, cursor.schema)
        return any(target.text == text for target in self._evaluation.nodes(program, cursor))

    def _route(self, leaf: SchemaNode, reference: LeafrefType) -> _Route | None:
        routes: dict[LeafrefType, _Route | None] = leaf.cache.setdefault("validation.routes", {})
        if reference not in routes:
            expression = self._evaluation.programs.parse(reference.path)
            routes[reference] = None if reference.target.defaults else _plain_route(expression, leaf)
        return routes[reference]

    def _is_below(self, cursor: Cursor, route: _Route, text: str) -> bool:
        base = self._evaluation.projection.root if route.absolute else cursor
        for _ in range(route.up):
            assert base.parent is not None
            base = base.parent
        inner = base.inner
        assert inner is not None
        *above, last = route.down
        if above and above[-1].keys == (last,):
            # Only containers before the list: one look into its index.
            node: Node | None = inner
            for schema in above:
                node = node.children.get(schema) if isinstance(node, Inner) else None
            if isinstance(node, ListNode):
                return (text,) in node.entries
        return text in self._all_values(inner, route.down)

    def _all_values(self, inner: Inner, down: tuple[SchemaNode, ...]) -> frozenset[str]:
        key = (id(inner), down)
        known = self._values.get(key)
        if known is None:
            known = self._values[key] = (inner, frozenset(_texts(inner, down)))
        return known[1]


def _texts(node: Node, down: tuple[SchemaNode, ...]) -> Iterator[str]:
    if isinstance(node, Leaf):
        yield node.text
    elif isinstance(node, LeafList):
        yield from node.texts
    elif isinstance(node, ListNode):
        for entry in node.entries.values():
            yield from _texts(entry, down)
    elif isinstance(node, Inner) and down and (child := node.children.get(down[0])) is not None:
        yield from _texts(child, down[1:])


def _plain_route(path: Expr, leaf: SchemaNode) -> _Route | None:
    """The route of a path without predicates through the data tree proper, else None."""
    if not isinstance(path, Path) or path.start is not None or any(step.predicates for step in path.steps):
        return None
    steps = list(path.steps)
    node: SchemaNode | None = leaf
    up = 0
    if path.absolute:
        while node is not None and node.parent is not None:
            node = accessible_parent(node)
    else:
        while node is not None and steps and steps[0].axis == "parent" and steps[0].test.node_type:
            steps.pop(0)
            up += 1
            node = accessible_parent(node)
    down = _down(node, steps)
    return None if down is None else _Route(path.absolute, up, down)


def _down(node: SchemaNode | None, steps: list[PathStep]) -> tuple[SchemaNode, ...] | None:
    found: list[SchemaNode] = []
    for step in steps:
        tag = step.test.tag
        if node is None or step.axis != "child" or tag is None:
            return None
        node = node.data_children.get(tag)
        if node is None:
            return None
        found.append(node)
    return tuple(found) or None
