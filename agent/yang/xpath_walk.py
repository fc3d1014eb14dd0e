"""Where an expression can lead, without deciding what is true: the one walk that all uses of an expression share.

`Walker` follows every path of an expression from a context node, taking every predicate for true. What a node is, and
what its neighbours are, a subclass says:

    xpath_static.py       schema nodes: what may an expression read?
    xpath_evaluation.py   cursors: which part of the data must libxml2 see?
    xpath.py              schema nodes with pinned keys: what may a filter select?

The result is always a superset of what the evaluation reaches, and every node that the evaluation may look at has been
asked for by one of the abstract methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from agent.yang.xpath_syntax import Binary, Call, Expr, Filtered, Path, PathStep, Test, parts

T = TypeVar("T")

#: Functions whose result does not depend on the string-value of their node-set argument.
_STRUCTURAL = frozenset({"count", "not", "boolean", "local-name", "namespace-uri", "name", "deref"})
#: Functions that take the string-value of the context node when called without argument.
_OF_CONTEXT = frozenset({"string", "string-length", "normalize-space", "number"})
_ANYTHING = Test(node_type="node")


class Walker(ABC, Generic[T]):
    """Follows expressions over nodes of type T, which must be hashable."""

    @abstractmethod
    def root(self) -> T:
        """The root node."""

    @abstractmethod
    def parent(self, node: T) -> T | None:
        """The parent; None above the root."""

    @abstractmethod
    def children(self, node: T, test: Test) -> Iterable[T]:
        """All children that pass the test."""

    @abstractmethod
    def descendants(self, node: T, test: Test) -> Iterable[T]:
        """All descendants that pass the test."""

    @abstractmethod
    def accepts(self, node: T, test: Test) -> bool:
        """Whether the node itself passes the test."""

    @abstractmethod
    def deref(self, node: T) -> Iterable[T]:
        """What a leafref or instance-identifier refers to."""

    def keyed_children(self, node: T, step: PathStep, current: T) -> Iterable[T] | None:
        """The children that a child step with key predicates can select, or None to look at all of them."""
        return None

    def compared(self, comparison: Binary, left: Sequence[T], right: Sequence[T]) -> None:
        """Called for = and != with the nodes on both sides."""

    def walk(self, expression: Expr, context: T, current: T) -> tuple[T, ...]:
        """All nodes that the expression can yield; () when it isn't a node-set."""
        match expression:
            case Path():
                return self._path(expression, context, current)
            case Filtered():
                nodes = self.walk(expression.primary, context, current)
                self._predicates(expression.predicates, nodes, current)
                return nodes
            case Binary(operator="|"):
                left = self.walk(expression.left, context, current)
                return _unique((*left, *self.walk(expression.right, context, current)))
            case Call():
                return self._call(expression, context, current)
            case Binary():
                self._binary(expression, context, current)
            case _:
                for part in parts(expression):
                    self._value(self.walk(part, context, current))
        return ()

    def _binary(self, expression: Binary, context: T, current: T) -> None:
        left = self.walk(expression.left, context, current)
        right = self.walk(expression.right, context, current)
        if expression.operator in ("and", "or"):
            return
        self._value(left)
        self._value(right)
        if expression.operator in ("=", "!="):
            self.compared(expression, left, right)

    def _call(self, call: Call, context: T, current: T) -> tuple[T, ...]:
        if call.name == "current":
            return (current,)
        if not call.arguments and call.name in _OF_CONTEXT:
            self._value((context,))
        arguments = [self.walk(argument, context, current) for argument in call.arguments]
        if call.name == "deref":
            return _unique(target for node in arguments[0] for target in self.deref(node))
        if call.name not in _STRUCTURAL:
            for nodes in arguments:
                self._value(nodes)
        return ()

    def _value(self, nodes: Iterable[T]) -> None:
        """The string-value of a node contains that of all its descendants."""
        for node in nodes:
            for _ in self.descendants(node, _ANYTHING):
                pass

    def _path(self, path: Path, context: T, current: T) -> tuple[T, ...]:
        if path.start is not None:
            start = self.walk(path.start, context, current)
        else:
            start = (self.root() if path.absolute else context,)
        return self.follow(path, 0, start, current)

    def follow(self, path: Path, index: int, nodes: Sequence[T], current: T) -> tuple[T, ...]:
        """The nodes that the steps from `index` on lead to from `nodes`."""
        if index == len(path.steps):
            return tuple(nodes)
        if len(nodes) == 1:
            return self.follow_one(path, index, nodes[0], current)
        return _unique(found for node in nodes for found in self.follow_one(path, index, node, current))

    def follow_one(self, path: Path, index: int, node: T, current: T) -> tuple[T, ...]:
        """As `follow`, from one node. A subclass may remember the answer."""
        step = path.steps[index]
        if _is_double_slash(path.steps, index):
            # descendant-or-self::node()/child::x reaches what descendant::x reaches.
            index += 1
            step = path.steps[index]
            found = _unique(self.descendants(node, step.test))
        else:
            keyed = self.keyed_children(node, step, current) if step.predicates and step.axis == "child" else None
            found = _unique(_AXES[step.axis](self, node, step.test) if keyed is None else keyed)
        self._predicates(step.predicates, found, current)
        return self.follow(path, index + 1, found, current)

    def _predicates(self, predicates: Sequence[Expr], nodes: Iterable[T], current: T) -> None:
        if predicates:
            for node in nodes:
                for predicate in predicates:
                    self.walk(predicate, node, current)

    def _ancestors(self, node: T) -> Iterator[T]:
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def _passing(self, nodes: Iterable[T], test: Test) -> Iterator[T]:
        return (node for node in nodes if self.accepts(node, test))

    def _axis_parent(self, node: T, test: Test) -> Iterable[T]:
        above = self.parent(node)
        return () if above is None else self._passing((above,), test)

    def _axis_self(self, node: T, test: Test) -> Iterable[T]:
        return self._passing((node,), test)

    def _axis_ancestor(self, node: T, test: Test) -> Iterable[T]:
        return self._passing(self._ancestors(node), test)

    def _axis_ancestor_or_self(self, node: T, test: Test) -> Iterable[T]:
        return self._passing((node, *self._ancestors(node)), test)

    def _axis_child(self, node: T, test: Test) -> Iterable[T]:
        return self.children(node, test)

    def _axis_descendant(self, node: T, test: Test) -> Iterable[T]:
        return self.descendants(node, test)

    def _axis_descendant_or_self(self, node: T, test: Test) -> Iterable[T]:
        return (*self._passing((node,), test), *self.descendants(node, test))

    def _axis_sibling(self, node: T, test: Test) -> Iterable[T]:
        above = self.parent(node)
        return () if above is None else self.children(above, test)

    def _axis_document(self, node: T, test: Test) -> Iterable[T]:
        return self.descendants(self.root(), test)

    def _axis_nothing(self, node: T, test: Test) -> Iterable[T]:
        return ()


class RememberingWalker(Walker[T]):
    """A walker that follows each step from each node once, so that nested predicates cost their sum, not their product.

    For nodes whose neighbours don't change during the walk.
    """

    def __init__(self) -> None:
        self._followed: dict[tuple[Path, int, T, T | None], tuple[T, ...]] = {}
        self._valued: set[T] = set()

    def follow_one(self, path: Path, index: int, node: T, current: T) -> tuple[T, ...]:
        key = (path, index, node, current if path.uses_current else None)
        known = self._followed.get(key)
        if known is None:
            known = self._followed[key] = super().follow_one(path, index, node, current)
        return known

    def _value(self, nodes: Iterable[T]) -> None:
        new = [node for node in nodes if node not in self._valued]
        self._valued.update(new)
        super()._value(new)


def _unique(nodes: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(nodes))


def _is_double_slash(steps: tuple[PathStep, ...], index: int) -> bool:
    step = steps[index]
    return (
        step.axis == "descendant-or-self"
        and step.test.node_type == "node"
        and not step.predicates
        and index + 1 < len(steps)
        and steps[index + 1].axis == "child"
    )


_AXES: dict[str, Callable[..., Iterable[Any]]] = {
    "self": Walker._axis_self,
    "parent": Walker._axis_parent,
    "ancestor": Walker._axis_ancestor,
    "ancestor-or-self": Walker._axis_ancestor_or_self,
    "child": Walker._axis_child,
    "descendant": Walker._axis_descendant,
    "descendant-or-self": Walker._axis_descendant_or_self,
    "following-sibling": Walker._axis_sibling,
    "preceding-sibling": Walker._axis_sibling,
    "following": Walker._axis_document,
    "preceding": Walker._axis_document,
    "attribute": Walker._axis_nothing,
    "namespace": Walker._axis_nothing,
}
