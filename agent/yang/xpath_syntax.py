"""XPath expressions as trees: what xpath_parser.py makes of text, and text for libxml2 made of them.

Names carry namespaces instead of prefixes. Nodes compare by identity: analyses use them as dictionary keys. Nothing in
here knows about YANG schemas or data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_UPWARD = frozenset({"self", "parent", "ancestor", "ancestor-or-self"})


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Negation:
    operand: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    """`operator` is one of or and = != < <= > >= + - * div mod |"""

    operator: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    name: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Test:
    """What a step lets pass. `node_type` is "" for a name test; then `name` "*" means any name, and `namespace` None
    any namespace for "*" and no namespace for a name."""

    name: str = "*"
    namespace: str | None = None
    node_type: str = ""

    def accepts(self, tag: str) -> bool:
        """Whether an element with this Clark name passes."""
        if self.node_type:
            return self.node_type == "node"
        if self.name == "*":
            return self.namespace is None or tag.startswith("{" + self.namespace + "}")
        return tag == self.tag

    @property
    def any_name(self) -> bool:
        return not self.node_type and self.name == "*" and self.namespace is None

    @property
    def tag(self) -> str | None:
        """Clark name of the only elements that pass, or None when several names do."""
        if self.node_type or self.name == "*":
            return None
        return self.name if self.namespace is None else f"{{{self.namespace}}}{self.name}"


@dataclass(frozen=True, slots=True, eq=False)
class PathStep:
    axis: str
    test: Test
    predicates: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """Steps from the root (`absolute`), from the nodes of `start`, or from the context node."""

    absolute: bool
    steps: tuple[PathStep, ...]
    start: Expr | None = None
    #: Whether current() occurs anywhere in it.
    uses_current: bool = field(default=False)


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """A primary expression with predicates: (a | b)[1]"""

    primary: Expr
    predicates: tuple[Expr, ...]


Expr = Literal | Number | Negation | Binary | Call | Path | Filtered


def parts(expression: Expr) -> Iterator[Expr]:
    """The expressions directly inside, predicates of steps included."""
    match expression:
        case Literal() | Number():
            return
        case Negation():
            yield expression.operand
        case Binary():
            yield expression.left
            yield expression.right
        case Call():
            yield from expression.arguments
        case Filtered():
            yield expression.primary
            yield from expression.predicates
        case Path():
            if expression.start is not None:
                yield expression.start
            for step in expression.steps:
                yield from step.predicates


def contains_current(expression: Expr) -> bool:
    if isinstance(expression, Path):
        return expression.uses_current
    if isinstance(expression, Call) and expression.name == "current":
        return True
    return any(map(contains_current, parts(expression)))


class Writer:
    """Writes an expression for libxml2: each namespace with a prefix of its own, current() as the variable $current,
    the root node as $root (an element, since a document has only one top element; `*` never matches it).

    `literals` replaces the text of some literals. `namespaces` collects the prefixes in use.
    """

    def __init__(self, literals: Mapping[Literal, str] | None = None) -> None:
        self._literals = literals or {}
        self.namespaces: dict[str, str] = {}

    def write(self, expression: Expr) -> str:
        match expression:
            case Literal():
                return _quote(self._literals.get(expression, expression.text))
            case Number():
                return expression.text
            case Negation():
                return f"-({self.write(expression.operand)})"
            case Binary(operator="|"):
                return f"({self.write(expression.left)} | {self.write(expression.right)})"
            case Binary():
                return f"({self.write(expression.left)} {expression.operator} {self.write(expression.right)})"
            case Call(name="current"):
                return "$current"
            case Call():
                return f"{expression.name}({', '.join(map(self.write, expression.arguments))})"
            case Filtered():
                return f"({self.write(expression.primary)}){self._predicates(expression.predicates)}"
            case Path():
                return self._path(expression)

    def _path(self, path: Path) -> str:
        steps = [self._step(step) for step in path.steps]
        if path.start is not None:
            steps.insert(0, f"({self.write(path.start)})")
        elif path.absolute:
            steps.insert(0, "$root")
        return "/".join(steps)

    def _step(self, step: PathStep) -> str:
        not_root = "[parent::*]" if step.axis in _UPWARD and step.test.any_name else ""
        return f"{step.axis}::{self._test(step.test)}{not_root}{self._predicates(step.predicates)}"

    def _predicates(self, predicates: tuple[Expr, ...]) -> str:
        return "".join(f"[{self.write(predicate)}]" for predicate in predicates)

    def _test(self, test: Test) -> str:
        if test.node_type:
            return f"{test.node_type}()"
        if test.namespace is None:
            return test.name
        return f"{self._prefix(test.namespace)}:{test.name}"

    def _prefix(self, namespace: str) -> str:
        for prefix, known in self.namespaces.items():
            if known == namespace:
                return prefix
        prefix = f"n{len(self.namespaces)}"
        self.namespaces[prefix] = namespace
        return prefix


def _quote(text: str) -> str:
    if '"' not in text:
        return f'"{text}"'
    if "'" not in text:
        return f"'{text}'"
    pieces = ", '\"', ".join(f'"{piece}"' for piece in text.split('"'))
    return f"concat({pieces})"
