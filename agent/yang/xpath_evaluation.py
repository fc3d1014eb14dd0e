"""Evaluation of expressions on a data tree: prepare the projection, then let libxml2 decide.

A `Program` is an expression that has been parsed, analysed for one context schema node and written down for libxml2.
`Programs` makes and keeps those of a schema. An `Evaluation` evaluates programs on one tree.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from agent.yang.accessible import accessible_tag
from agent.yang.errors import DataError, SchemaError
from agent.yang.paths import parse as parse_path
from agent.yang.projection import Cursor, Projection
from agent.yang.schema import Expression, Schema, SchemaNode
from agent.yang.tree import Inner, Key
from agent.yang.types import InstanceIdentifierType, IntegerType, LeafrefType
from agent.yang.xpath_functions import yang_functions
from agent.yang.xpath_parser import NamespaceOf, XPathSyntaxError, parse
from agent.yang.xpath_static import Analysis, analyse, child_schemas, context_of
from agent.yang.xpath_syntax import Binary, Call, Expr, Literal, Negation, Number, Path, PathStep, Test, Writer, parts
from agent.yang.xpath_walk import Walker

#: Most combinations of key values that the index is asked for; beyond, all entries are looked at.
MAX_KEY_COMBINATIONS = 64
_ANY = Test(node_type="node")
_NUMERIC_FUNCTIONS = frozenset(
    {"count", "number", "sum", "floor", "ceiling", "round", "string-length", "enum-value", "position", "last"}
)


class TooExpensiveError(Exception):
    """Evaluating would take more steps than the caller allows."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """`boolean` and `text` are for libxml2: the expression turned into true or false, and as it is."""

    expression: Expr
    analysis: Analysis
    text: str
    namespaces: dict[str, str]

    @property
    def boolean(self) -> str:
        return f"boolean({self.text})"


class Programs:
    """The programs of one schema. Safe to share between threads: at worst one is made twice."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._parsed: dict[Expression, Expr] = {}
        self._programs: dict[tuple[Expression, SchemaNode], Program] = {}

    def parse(self, expression: Expression) -> Expr:
        """The tree of a `must`, `when` or leafref path. Raises SchemaError."""
        known = self._parsed.get(expression)
        if known is None:
            try:
                known = parse(expression.text, _namespaces_of(expression))
            except XPathSyntaxError as error:
                raise SchemaError(f"{expression.text!r}: {error}") from None
            self._parsed[expression] = known
        return known

    def program(self, expression: Expression, context: SchemaNode) -> Program:
        """The program of an expression for context nodes that are instances of `context`. Raises SchemaError."""
        key = (expression, context)
        known = self._programs.get(key)
        if known is None:
            known = self._programs[key] = self.compile(self.parse(expression), context, _namespaces_of(expression))
        return known

    def when(self, expression: Expression, schema: SchemaNode) -> Program:
        """The program of one of the `when`s of `schema`."""
        return self.program(expression, context_of(schema, expression))

    def compile(self, expression: Expr, context: SchemaNode, namespace_of: NamespaceOf) -> Program:
        analysis = analyse(expression, context, self.schema, namespace_of, self.parse)
        writer = Writer(analysis.literals)
        text = writer.write(expression)
        return Program(expression, analysis, text, writer.namespaces)


class Evaluation(Walker[Cursor]):
    """Evaluates programs on one tree. For one thread. `max_cost` limits how many nodes may be visited, counted as if
    nothing were remembered, because libxml2 remembers nothing."""

    def __init__(self, programs: Programs, root: Inner, *, max_cost: int | None = None) -> None:
        self.programs = programs
        self.projection = Projection(root, self.whens_hold)
        self._operation: SchemaNode | None = None
        self._max_cost = max_cost
        self._cost = 0
        self._memo: dict[tuple[Path, int, Cursor, Cursor | None], tuple[tuple[Cursor, ...], int]] = {}
        self._compiled: dict[str, etree.XPath] = {}
        self._descendants: dict[tuple[Cursor, Test], list[Cursor]] = {}
        self._targets: dict[Cursor, tuple[Cursor, ...]] = {}
        self._contains: dict[tuple[SchemaNode, Test], bool] = {}
        self._literals: Mapping[Literal, str] = {}
        functions = yang_functions(programs.schema, self.projection.cursor_of, self.deref)
        self._extensions = {(None, name): function for name, function in functions.items()}

    def add_operation(self, body: Inner, parent: Cursor) -> Cursor:
        """Make an input, output or notification visible below `parent`."""
        self._operation = body.schema
        return self.projection.add_operation(body, parent)

    def holds(self, program: Program, context: Cursor) -> bool:
        """The expression as true or false."""
        return bool(self._evaluate(program, program.boolean, context))

    def nodes(self, program: Program, context: Cursor) -> list[Cursor]:
        """The node-set in document order. Raises TypeError if the expression gives something else."""
        result = self._evaluate(program, program.text, context)
        if not isinstance(result, list):
            raise TypeError("not a node-set")
        found = (self.projection.cursor_of(element) for element in result if isinstance(element, etree._Element))
        return [cursor for cursor in found if cursor is not None]

    def whens_hold(self, cursor: Cursor) -> bool:
        """Whether all `when`s that govern a node are true."""
        return self.false_when(cursor) is None

    def false_when(self, cursor: Cursor) -> Expression | None:
        """The first `when` of a node that is false."""
        for when in cursor.schema.whens:
            if when.context_up and cursor.parent is not None:
                true = self._holds_above(when, cursor.parent, cursor.schema)
            else:
                true = self.holds(self.programs.when(when, cursor.schema), cursor)
            if not true:
                return when
        return None

    def may_exist(self, parent: Cursor, schema: SchemaNode) -> bool:
        """Whether all `when`s of a child that `parent` does not have would be true (RFC 7950 section 7.21.5)."""
        if all(when.context_up for when in schema.whens):
            return all(self._holds_above(when, parent, schema) for when in schema.whens)
        placeholder = self.projection.placeholder(parent, schema)
        try:
            return self.whens_hold(placeholder)
        finally:
            self.projection.remove(placeholder)

    def _holds_above(self, when: Expression, parent: Cursor, schema: SchemaNode) -> bool:
        """A `when` of a child of `parent` whose context node is `parent` or above."""
        context = parent
        for _ in range(when.context_up - 1):
            context = context.parent or context
        return self.holds(self.programs.when(when, schema), context)

    def _evaluate(self, program: Program, text: str, context: Cursor) -> object:
        self._prepare(program, context)
        compiled = self._compiled.get(text)
        if compiled is None:
            compiled = self._compiled[text] = etree.XPath(
                text,
                namespaces=program.namespaces or None,
                extensions=self._extensions,
                regexp=False,
                smart_strings=False,
            )
        variables: dict[str, Any] = {"current": context.element, "root": self.projection.root.element}
        return compiled(context.element, **variables)

    def _prepare(self, program: Program, context: Cursor) -> None:
        outer, self._literals = self._literals, program.analysis.literals
        try:
            self.walk(program.expression, context, context)
        finally:
            self._literals = outer

    # What the walk needs to know about cursors.

    def root(self) -> Cursor:
        return self.projection.root

    def parent(self, node: Cursor) -> Cursor | None:
        return node.parent

    def children(self, node: Cursor, test: Test) -> Iterable[Cursor]:
        if node.inner is None:
            return ()
        schemas = child_schemas(node.schema, test, self._operation)
        if len(schemas) == 1:
            return self.projection.children(node, schemas[0])
        return [child for schema in schemas for child in self.projection.children(node, schema)]

    def descendants(self, node: Cursor, test: Test) -> Iterable[Cursor]:
        known = self._descendants.get((node, test))
        if known is None:
            known = self._descendants[node, test] = self._find_descendants(node, test)
        else:
            self._spend(len(known))
        return known

    def _find_descendants(self, node: Cursor, test: Test) -> list[Cursor]:
        found: list[Cursor] = []
        pending = [node]
        while pending:
            parent = pending.pop()
            if parent.inner is None:
                continue
            for schema in child_schemas(parent.schema, _ANY, self._operation):
                if self._may_contain(schema, test):
                    children = self.projection.children(parent, schema)
                    pending += children
                    self._spend(len(children))
                    if test.accepts(accessible_tag(schema)):
                        found += children
        return found

    def accepts(self, node: Cursor, test: Test) -> bool:
        return test.accepts(accessible_tag(node.schema))

    def deref(self, node: Cursor) -> tuple[Cursor, ...]:
        known = self._targets.get(node)
        if known is None:
            known = self._targets[node] = tuple(self._find_targets(node))
        return known

    def keyed_children(self, node: Cursor, step: PathStep, current: Cursor) -> Iterable[Cursor] | None:
        schemas = child_schemas(node.schema, step.test, self._operation)
        if len(schemas) != 1 or not schemas[0].keys or node.inner is None:
            return None
        keys = self._pinned_keys(schemas[0], step, node, current)
        if keys is None:
            return None
        entries = (self.projection.entry(node, schemas[0], key) for key in keys)
        return [entry for entry in entries if entry is not None]

    def compared(self, comparison: Binary, left: Sequence[Cursor], right: Sequence[Cursor]) -> None:
        self._spend(len(left) * len(right))

    def follow_one(self, path: Path, index: int, node: Cursor, current: Cursor) -> tuple[Cursor, ...]:
        key = (path, index, node, current if path.uses_current else None)
        known = self._memo.get(key)
        if known is not None:
            self._spend(known[1])
            return known[0]
        before = self._cost
        self._spend(1)
        found = super().follow_one(path, index, node, current)
        self._spend(len(found))
        self._memo[key] = (found, self._cost - before)
        return found

    def _spend(self, steps: int) -> None:
        self._cost += steps
        if self._max_cost is not None and self._cost > self._max_cost:
            raise TooExpensiveError

    def _may_contain(self, schema: SchemaNode, test: Test) -> bool:
        """Whether `schema` or something below it can pass the test."""
        key = (schema, test)
        known = self._contains.get(key)
        if known is None:
            below = child_schemas(schema, _ANY, self._operation)
            known = test.accepts(accessible_tag(schema)) or any(self._may_contain(child, test) for child in below)
            self._contains[key] = known
        return known

    def _find_targets(self, node: Cursor) -> Iterable[Cursor]:
        if node.schema.type is None or node.text is None:
            return
        for member in node.schema.type.find_members():
            if isinstance(member, LeafrefType):
                program = self.programs.program(member.path, node.schema)
                yield from (target for target in self.nodes(program, node) if target.text == node.text)
            elif isinstance(member, InstanceIdentifierType):
                target = self.instance(node.text)
                if target is not None:
                    yield target

    def instance(self, text: str) -> Cursor | None:
        """The node that the text of an instance-identifier names, or None."""
        try:
            return self.projection.at(parse_path(text, self.programs.schema.root))
        except DataError:
            return None

    # Key predicates.

    def _pinned_keys(self, schema: SchemaNode, step: PathStep, node: Cursor, current: Cursor) -> list[Key] | None:
        """The keys of all entries that the predicates of a step can be true for; None if they don't pin every key."""
        pinned: dict[SchemaNode, list[str]] = {}
        for leaf, value in key_comparisons(schema, step.predicates):
            texts = None if leaf in pinned else self._texts(leaf, value, node, current)
            if texts is not None:
                pinned[leaf] = texts
        if len(pinned) != len(schema.keys):
            return None
        columns = [pinned[leaf] for leaf in schema.keys]
        combinations = 1
        for column in columns:
            combinations *= len(column)
        return None if combinations > MAX_KEY_COMBINATIONS else list(itertools.product(*columns))

    def _texts(self, leaf: SchemaNode, value: Expr, node: Cursor, current: Cursor) -> list[str] | None:
        """The texts that a key can have to equal `value`; None if that can't be said before evaluation."""
        match value:
            case Literal():
                return [self._literals.get(value, value.text)]
            case Number() if isinstance(leaf.type, IntegerType):
                return [str(int(float(value.text)))] if float(value.text).is_integer() else []
            case Path() if _is_independent(value):
                found = self.walk(value, node, current)
                return list(dict.fromkeys(cursor.text for cursor in found if cursor.text is not None))
        return None


def key_comparisons(schema: SchemaNode, predicates: Sequence[Expr]) -> Iterable[tuple[SchemaNode, Expr]]:
    """The `key = value` comparisons that must all be true of a selected entry of list `schema`."""
    for comparison in _conjuncts(predicates):
        for side, value in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
            leaf = _key_leaf(schema, side)
            if leaf is not None:
                yield leaf, value


def _conjuncts(predicates: Sequence[Expr]) -> Iterable[Binary]:
    """Equality comparisons that must all be true of an entry, wherever it stands in the list."""
    pending = list(itertools.takewhile(lambda predicate: not _is_positional(predicate), predicates))
    while pending:
        match pending.pop(0):
            case Binary(operator="=") as comparison:
                yield comparison
            case Binary(operator="and", left=left, right=right):
                pending = [left, right, *pending]


def _key_leaf(schema: SchemaNode, expression: Expr) -> SchemaNode | None:
    """The key leaf that a relative path names, if it is just that name."""
    match expression:
        case Path(absolute=False, start=None, steps=(PathStep(axis="child", test=test, predicates=()),)):
            return next((leaf for leaf in schema.keys if leaf.tag == test.tag), None)
    return None


def _is_positional(predicate: Expr) -> bool:
    """Whether the place of an entry among the others can matter: position(), last(), or a number as predicate."""
    match predicate:
        case Number() | Negation() | Binary(operator="+" | "-" | "*" | "div" | "mod"):
            return True
        case Call(name=name) if name in _NUMERIC_FUNCTIONS:
            return True
    return _asks_position(predicate)


def _asks_position(expression: Expr) -> bool:
    if isinstance(expression, Call) and expression.name in ("position", "last"):
        return True
    return any(map(_asks_position, parts(expression)))


def _is_independent(path: Path) -> bool:
    """Whether a path means the same from every entry: it starts at the root or at current()."""
    return path.absolute or (isinstance(path.start, Call) and path.start.name == "current")


def _namespaces_of(expression: Expression) -> NamespaceOf:
    prefixes = dict(expression.prefixes)

    def namespace_of(prefix: str | None) -> str | None:
        return expression.default_namespace if prefix is None else prefixes[prefix]

    return namespace_of
