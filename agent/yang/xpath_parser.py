"""XPath 1.0 text -> a tree (xpath_syntax.py).

Names are resolved to namespaces while parsing, so that the rest of the engine never sees a prefix.

pyang has a parser of its own. It isn't used because it keeps global state (unsafe with threads), takes the third member
of a union for a relative path, and refuses `*` at the beginning or after a comma and literals with line breaks.

Rules: variables, namespaced functions and unknown functions are refused here, once, for expressions from modules and
from clients alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agent.yang.xpath_syntax import (
    Binary,
    Call,
    Expr,
    Filtered,
    Literal,
    Negation,
    Number,
    Path,
    PathStep,
    Test,
    contains_current,
)

#: Longest expression that is looked at, in characters.
MAX_LENGTH = 8192
#: How deep parentheses, predicates and function calls may nest.
MAX_DEPTH = 40
#: How many binary operators one expression may have.
MAX_OPERATORS = 200

#: name -> (fewest, most) arguments; XPath 1.0 section 4 without id() and lang(), RFC 7950 section 10.
FUNCTIONS: dict[str, tuple[int, int]] = {
    "last": (0, 0),
    "position": (0, 0),
    "count": (1, 1),
    "local-name": (0, 1),
    "namespace-uri": (0, 1),
    "name": (0, 1),
    "string": (0, 1),
    "concat": (2, 1000),
    "starts-with": (2, 2),
    "contains": (2, 2),
    "substring-before": (2, 2),
    "substring-after": (2, 2),
    "substring": (2, 3),
    "string-length": (0, 1),
    "normalize-space": (0, 1),
    "translate": (3, 3),
    "boolean": (1, 1),
    "not": (1, 1),
    "true": (0, 0),
    "false": (0, 0),
    "number": (0, 1),
    "sum": (1, 1),
    "floor": (1, 1),
    "ceiling": (1, 1),
    "round": (1, 1),
    "current": (0, 0),
    "deref": (1, 1),
    "derived-from": (2, 2),
    "derived-from-or-self": (2, 2),
    "enum-value": (1, 1),
    "bit-is-set": (2, 2),
    "re-match": (2, 2),
}

AXES = frozenset(
    {
        "ancestor",
        "ancestor-or-self",
        "attribute",
        "child",
        "descendant",
        "descendant-or-self",
        "following",
        "following-sibling",
        "namespace",
        "parent",
        "preceding",
        "preceding-sibling",
        "self",
    }
)
NODE_TYPES = frozenset({"node", "text", "comment", "processing-instruction"})


class XPathSyntaxError(ValueError):
    """The text is not an XPath expression that we evaluate; the message says why, for the person who wrote it."""


#: Prefix (None: unprefixed element name) -> namespace (None: no namespace). Raises KeyError for an unknown prefix.
NamespaceOf = Callable[[str | None], str | None]


def parse(text: str, namespace_of: NamespaceOf) -> Expr:
    """Raises XPathSyntaxError."""
    if len(text) > MAX_LENGTH:
        raise XPathSyntaxError(f"The expression has {len(text)} characters; {MAX_LENGTH} are allowed.")
    return _Parser(text, namespace_of).parse()


_NAME = r"[^\W\d][\w.\-]*"
_TOKEN = re.compile(
    rf"""\s*(?:
        (?P<literal>"[^"]*"|'[^']*')
      | (?P<number>\d+(?:\.\d*)?|\.\d+)
      | (?P<symbol>\.\.|::|//|!=|<=|>=|[()\[\].,@/|+\-=<>*$])
      | (?P<name>{_NAME}(?::(?:{_NAME}|\*))?)
    )""",
    re.VERBOSE,
)
_END = ("end", "")
#: Operators wherever they occur, and those that are names or wildcards where an operand is expected.
_SIGNS = frozenset({"+", "-", "=", "!=", "<", "<=", ">", ">="})
_OPERATORS = _SIGNS | {"*", "and", "or", "div", "mod"}
#: Binary operators from the loosest to the tightest binding.
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and",),
    ("=", "!="),
    ("<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "div", "mod"),
)
#: After one of these, or after an operator, a `*` is a wildcard and a name is a name (XPath 1.0 section 3.7).
_BEFORE_OPERAND = frozenset(("symbol", symbol) for symbol in ("@", "::", "(", "[", ",", "/", "//", "|"))


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise XPathSyntaxError(f"The expression can't be read from character {position + 1} on.")
        kind = match.lastgroup or ""
        value = match.group(kind)
        position = match.end()
        before = found[-1] if found else None
        operand_expected = before is None or before[0] == "operator" or before in _BEFORE_OPERAND
        if kind == "literal":
            value = value[1:-1]
        elif value in (_SIGNS if operand_expected else _OPERATORS):
            kind = "operator"
        found.append((kind, value))
    return found


class _Parser:
    """Recursive descent over the grammar of XPath 1.0 section 3."""

    def __init__(self, text: str, namespace_of: NamespaceOf) -> None:
        self._tokens = _tokens(text)
        self._index = 0
        self._depth = 0
        self._operators = 0
        self._namespace_of = namespace_of

    def parse(self) -> Expr:
        if not self._tokens:
            raise XPathSyntaxError("The expression is empty.")
        expression = self._expression()
        if self._peek() != _END:
            raise XPathSyntaxError(f"{self._peek()[1]!r} is not expected here.")
        return expression

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        index = self._index + ahead
        return self._tokens[index] if index < len(self._tokens) else _END

    def _symbol(self, value: str, ahead: int = 0) -> bool:
        return self._peek(ahead) == ("symbol", value)

    def _accept(self, value: str) -> bool:
        if self._symbol(value):
            self._index += 1
            return True
        return False

    def _expect(self, value: str) -> None:
        if not self._accept(value):
            found = self._peek()[1] or "the end"
            raise XPathSyntaxError(f"{value!r} is missing before {found!r}.")

    def _expression(self) -> Expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise XPathSyntaxError(f"The expression is nested deeper than {MAX_DEPTH} levels.")
        expression = self._binary(0)
        self._depth -= 1
        return expression

    def _binary(self, level: int) -> Expr:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (token := self._peek())[0] == "operator" and token[1] in _LEVELS[level]:
            self._index += 1
            left = self._join(token[1], left, self._binary(level + 1))
        return left

    def _join(self, operator: str, left: Expr, right: Expr) -> Binary:
        self._operators += 1
        if self._operators > MAX_OPERATORS:
            raise XPathSyntaxError(f"The expression has more than {MAX_OPERATORS} operators.")
        return Binary(operator, left, right)

    def _unary(self) -> Expr:
        negative = 0
        while self._peek() == ("operator", "-"):
            self._index += 1
            negative += 1
        operand = self._union()
        if negative == 0:
            return operand
        return Negation(operand if negative % 2 else Negation(operand))

    def _union(self) -> Expr:
        left = self._path()
        while self._accept("|"):
            left = self._join("|", left, self._path())
        return left

    def _path(self) -> Expr:
        if self._symbol("/") or self._symbol("//"):
            return self._location(absolute=True)
        if not self._at_primary():
            return self._location(absolute=False)
        primary = self._primary()
        predicates = self._predicates()
        start: Expr = Filtered(primary, predicates) if predicates else primary
        if not (self._symbol("/") or self._symbol("//")):
            return start
        steps = self._steps()
        return Path(False, steps, start, contains_current(start) or _current_in(steps))

    def _at_primary(self) -> bool:
        kind, value = self._peek()
        if kind in ("literal", "number") or (kind == "symbol" and value in ("(", "$")):
            return True
        return kind == "name" and value not in NODE_TYPES and self._symbol("(", 1)

    def _primary(self) -> Expr:
        kind, value = self._peek()
        self._index += 1
        if kind == "literal":
            return Literal(value)
        if kind == "number":
            return Number(value)
        if value == "$":
            raise XPathSyntaxError("Variables can't be used here; write the value itself.")
        if kind == "name":
            return self._call(value)
        expression = self._expression()
        self._expect(")")
        return expression

    def _call(self, name: str) -> Call:
        if name not in FUNCTIONS:
            raise XPathSyntaxError(f"There is no function {name}().")
        self._expect("(")
        arguments: list[Expr] = []
        if not self._accept(")"):
            arguments.append(self._expression())
            while self._accept(","):
                arguments.append(self._expression())
            self._expect(")")
        fewest, most = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            raise XPathSyntaxError(f"{name}() can't have {len(arguments)} arguments.")
        return Call(name, tuple(arguments))

    def _location(self, *, absolute: bool) -> Path:
        if absolute and self._symbol("/") and not self._at_step(1):
            self._index += 1
            return Path(True, ())
        steps = self._steps() if absolute else self._relative()
        return Path(absolute, steps, None, _current_in(steps))

    def _at_step(self, ahead: int) -> bool:
        kind, value = self._peek(ahead)
        return kind == "name" or (kind == "symbol" and value in (".", "..", "@", "*"))

    def _steps(self) -> tuple[PathStep, ...]:
        """Steps that begin with / or //."""
        if self._accept("/"):
            return self._relative()
        self._expect("//")
        return (_EVERYTHING_BELOW, *self._relative())

    def _relative(self) -> tuple[PathStep, ...]:
        steps = [self._step()]
        while True:
            if self._accept("//"):
                steps.append(_EVERYTHING_BELOW)
            elif not self._accept("/"):
                return tuple(steps)
            steps.append(self._step())

    def _step(self) -> PathStep:
        if self._accept("."):
            return PathStep("self", Test(node_type="node"))
        if self._accept(".."):
            return PathStep("parent", Test(node_type="node"))
        axis = "child"
        if self._accept("@"):
            axis = "attribute"
        elif self._symbol("::", 1):
            axis = self._peek()[1]
            if axis not in AXES:
                raise XPathSyntaxError(f"There is no axis {axis!r}.")
            self._index += 2
        return PathStep(axis, self._test(), self._predicates())

    def _test(self) -> Test:
        kind, value = self._peek()
        self._index += 1
        if (kind, value) == ("symbol", "*"):
            return Test()
        if kind != "name":
            raise XPathSyntaxError(f"A name is missing before {value or 'the end'!r}.")
        if self._symbol("("):
            return self._node_type(value)
        prefix, _, name = value.rpartition(":")
        try:
            return Test(name, self._namespace_of(prefix or None))
        except KeyError:
            raise XPathSyntaxError(f"The prefix {prefix!r} is not declared.") from None

    def _node_type(self, name: str) -> Test:
        if name not in NODE_TYPES:
            raise XPathSyntaxError(f"There is no function {name}() that can be a step.")
        self._expect("(")
        self._expect(")")
        return Test(node_type=name)

    def _predicates(self) -> tuple[Expr, ...]:
        predicates: list[Expr] = []
        while self._accept("["):
            predicates.append(self._expression())
            self._expect("]")
        return tuple(predicates)


_EVERYTHING_BELOW = PathStep("descendant-or-self", Test(node_type="node"))


def _current_in(steps: tuple[PathStep, ...]) -> bool:
    return any(contains_current(predicate) for step in steps for predicate in step.predicates)
