"""XPath filters of clients (RFC 6241 section 8.9): which nodes do they select, and what could they select?

A filter is hostile text: its length, nesting and number of operators are limited by the parser, the work of evaluating
it by MAX_COST. Names are matched as XPath 1.0 says: a name without a prefix is in no namespace and selects nothing.
Identity names in comparisons may be written with any prefix that the filter's namespaces bind to the identity's module.

Paths with keys, such as /if:interfaces/if:interface[if:name='eth0'], are found by the index of the tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lxml import etree

from agent.yang.accessible import accessible_parent, accessible_tag
from agent.yang.errors import InvalidValueError
from agent.yang.schema import Schema, SchemaNode
from agent.yang.selection import Selection
from agent.yang.tree import Inner, InstancePath
from agent.yang.types import LeafrefType
from agent.yang.xpath_evaluation import Evaluation, Program, Programs, TooExpensiveError, key_comparisons
from agent.yang.xpath_parser import XPathSyntaxError, parse
from agent.yang.xpath_static import child_schemas
from agent.yang.xpath_syntax import Binary, Call, Expr, Filtered, Literal, Path, PathStep, Test, parts
from agent.yang.xpath_walk import RememberingWalker

#: How many nodes an evaluation may visit; libxml2 takes about a second for so many.
MAX_COST: Final = 5_000_000
#: Not for clients: a pattern can be made to take for ever, and matching can't be interrupted.
PATTERN_FUNCTION: Final = "re-match"


class XPathEvaluator:
    """Evaluates filters on trees of one schema. Safe to use from several threads."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._programs = Programs(schema)

    def select(self, root: Inner, text: str, nsmap: Mapping[str, str]) -> list[InstancePath]:
        """The paths of the selected nodes of the tree at `root`, in document order. The root itself is `()`.

        `nsmap` maps the prefixes in `text` to namespaces. Defaults that are in use count when predicates are evaluated,
        but only nodes that are in the tree are returned. Raises InvalidValueError for an expression that can't be read,
        doesn't give nodes, or is too expensive.
        """
        program = self._compile(text, nsmap)
        evaluation = Evaluation(self._programs, root, max_cost=MAX_COST)
        try:
            found = evaluation.nodes(program, evaluation.projection.root)
        except TooExpensiveError:
            raise InvalidValueError(
                "The filter takes too long to evaluate; name the nodes that you want, and keys of lists, "
                "instead of using // and predicates without keys."
            ) from None
        except RecursionError:
            raise _too_deep() from None
        except (TypeError, etree.XPathError):
            raise _not_nodes() from None
        return [cursor.path for cursor in found if not cursor.virtual]

    def superset(self, text: str, nsmap: Mapping[str, str]) -> tuple[Selection, ...]:
        """Selections that cover all that the expression can select and all that its predicates can read, for asking
        state only for what is needed. Raises InvalidValueError."""
        program = self._compile(text, nsmap)
        try:
            return _Superset(self._schema, program.analysis.literals).selections(program.expression)
        except RecursionError:
            raise _too_deep() from None

    def _compile(self, text: str, nsmap: Mapping[str, str]) -> Program:
        def namespace_of(prefix: str | None) -> str | None:
            return None if prefix is None else nsmap[prefix]

        try:
            expression = parse(text, namespace_of)
        except XPathSyntaxError as error:
            raise InvalidValueError(f"The filter is not a usable XPath expression. {error}") from None
        if not _gives_nodes(expression):
            raise _not_nodes()
        if _calls(expression, PATTERN_FUNCTION):
            raise InvalidValueError(
                f"{PATTERN_FUNCTION}() can't be used in filters; use contains(), starts-with() or substring()."
            )
        try:
            return self._programs.compile(expression, self._schema.root, namespace_of)
        except RecursionError:
            raise _too_deep() from None


class _Target(NamedTuple):
    """A schema node that can be reached, with what is known of the keys on the way: (key leaf, text), root first."""

    schema: SchemaNode
    pins: tuple[tuple[SchemaNode, str], ...] = ()


class _Superset(RememberingWalker[_Target]):
    """Collects all targets that an expression can reach."""

    def __init__(self, schema: Schema, literals: Mapping[Literal, str]) -> None:
        super().__init__()
        self._root = _Target(schema.root)
        self._literals = literals
        self._reached: dict[_Target, None] = {}

    def selections(self, expression: Expr) -> tuple[Selection, ...]:
        """One selection per target that is not inside another one."""
        for target in self.walk(expression, self._root, self._root):
            self._whole(target)
        if self._root in self._reached:
            return tuple(Selection(child, everything=True) for child in self._root.schema.data_children.values())
        return tuple(_selection(target) for target in self._reached if not self._is_covered(target))

    def root(self) -> _Target:
        return self._root

    def parent(self, node: _Target) -> _Target | None:
        above = accessible_parent(node.schema)
        if above is None:
            return None
        return _Target(above, tuple(pin for pin in node.pins if pin[0].parent is not node.schema))

    def children(self, node: _Target, test: Test) -> Iterable[_Target]:
        return [_Target(child, node.pins) for child in child_schemas(node.schema, test, None)]

    def descendants(self, node: _Target, test: Test) -> Iterable[_Target]:
        found: list[_Target] = []
        pending = [node.schema]
        while pending:
            for child in child_schemas(pending.pop(), Test(node_type="node"), None):
                pending.append(child)
                if test.accepts(accessible_tag(child)):
                    found.append(_Target(child, node.pins))
        return found

    def accepts(self, node: _Target, test: Test) -> bool:
        return test.accepts(accessible_tag(node.schema))

    def deref(self, node: _Target) -> Iterable[_Target]:
        members = () if node.schema.type is None else node.schema.type.find_members()
        return [_Target(member.target) for member in members if isinstance(member, LeafrefType)] or [self._root]

    def keyed_children(self, node: _Target, step: PathStep, current: _Target) -> Iterable[_Target] | None:
        schemas = child_schemas(node.schema, step.test, None)
        if len(schemas) != 1 or not schemas[0].keys:
            return None
        pins = {
            leaf: self._literals.get(value, value.text)
            for leaf, value in key_comparisons(schemas[0], step.predicates)
            if isinstance(value, Literal)
        }
        ordered = tuple((leaf, pins[leaf]) for leaf in schemas[0].keys if leaf in pins)
        return [_Target(schemas[0], (*node.pins, *ordered))]

    def follow_one(self, path: Path, index: int, node: _Target, current: _Target) -> tuple[_Target, ...]:
        found = super().follow_one(path, index, node, current)
        for target in found:
            self._whole(target)
        return found

    def _whole(self, target: _Target) -> None:
        self._reached[target] = None

    def _is_covered(self, target: _Target) -> bool:
        """Whether the whole of a node above is selected already."""
        above = self.parent(target)
        while above is not None:
            if above in self._reached:
                return True
            above = self.parent(above)
        return False


def _selection(target: _Target) -> Selection:
    pins: dict[SchemaNode, list[tuple[SchemaNode, str]]] = {}
    for leaf, text in target.pins:
        assert leaf.parent is not None
        pins.setdefault(leaf.parent, []).append((leaf, text))
    selection: Selection | None = None
    node: SchemaNode | None = target.schema
    while node is not None and node.parent is not None:
        matches = tuple(pins.get(node, ()))
        if selection is None:
            selection = Selection(node, matches, everything=True)
        else:
            selection = Selection(node, matches, (selection,))
        node = accessible_parent(node)
    assert selection is not None
    return selection


def _gives_nodes(expression: Expr) -> bool:
    match expression:
        case Path():
            return expression.start is None or _gives_nodes(expression.start)
        case Filtered():
            return _gives_nodes(expression.primary)
        case Binary(operator="|"):
            return _gives_nodes(expression.left) and _gives_nodes(expression.right)
        case Call():
            return expression.name in ("current", "deref")
    return False


def _calls(expression: Expr, name: str) -> bool:
    if isinstance(expression, Call) and expression.name == name:
        return True
    return any(_calls(part, name) for part in parts(expression))


def _too_deep() -> InvalidValueError:
    return InvalidValueError("The filter has too many steps after or inside each other; use a shorter expression.")


def _not_nodes() -> InvalidValueError:
    return InvalidValueError("The filter must select nodes, such as /prefix:container/prefix:leaf.")
